"""Who is asking."""

from collections.abc import Mapping
from typing import Protocol

from muster.model.who import Who


class Identity(Protocol):
    @property
    def challenge(self) -> str:
        """Return the WWW-Authenticate header of a 401, "" if nobody need ask."""
        ...

    async def who(self, headers: Mapping[str, str]) -> Who:
        """Return who sent a request with these headers (lower-case names).

        Raises `Unknown` where credentials are missing, wrong or expired.
        """
        ...

    def projects(self, user: str) -> Mapping[str, tuple[str, ...]]:
        """Return the roles of a user by project, as far as is known without asking anybody."""
        ...
