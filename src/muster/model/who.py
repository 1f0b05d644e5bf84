"""Who is asking, and what each role may do."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Right(StrEnum):
    READ = "read"  # see what the project has
    WRITE = "write"  # change what the project has
    EVERY_PROJECT = "every_project"  # see and change other projects too
    OPERATE = "operate"  # clouds, users, services


RIGHTS: Mapping[str, frozenset[Right]] = {
    "reader": frozenset({Right.READ}),
    "member": frozenset({Right.READ, Right.WRITE}),
    "admin": frozenset(Right),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    user: str
    project: str
    roles: tuple[str, ...] = ("member",)
    domain: str | None = None
    rights: frozenset[Right] | None = None  # None: what his roles have by RIGHTS

    def may(self, right: Right) -> bool:
        if self.rights is not None:
            return right in self.rights
        return any(right in RIGHTS.get(role, frozenset()) for role in self.roles)

    @property
    def scope(self) -> str | None:
        """Return the project to look in, or None for whoever sees all of them."""
        return None if self.may(Right.EVERY_PROJECT) else self.project


MUSTER = Who(user="muster", project="", roles=("admin",))  # Muster acting by itself
