"""The projects in which the holder of another service's token may go on."""

from collections.abc import Mapping
from typing import Protocol


class Scopes(Protocol):
    async def projects(self, token: str) -> Mapping[str, str]:
        """Return the names of the holder's projects, by id.

        Raises `Unknown` for a token that is good no more, `Transient` where nobody answers.
        """
        ...

    async def scoped(self, token: str, project: str) -> str:
        """Return a token of the same holder that is good for that project, and not for longer.

        Raises `Forbidden` where he may not have it, and what `projects` does.
        """
        ...
