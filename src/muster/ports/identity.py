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

    def projects(self, user: str) -> Mapping[str, tuple[str, ...]] | None:
        """Return the roles that a user has now, by project; nothing for one who is not there.

        None where another service alone knows, and would have to be asked.
        """
        ...
