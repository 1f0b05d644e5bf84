"""Hearing of what happens in a cloud sooner than by asking."""

from typing import Protocol


class Stirs(Protocol):
    """News may be lost or come for nothing; whoever waits also looks on its own clock."""

    async def stirred(self) -> None:
        """Wait until something that nobody here has ordered has happened to a server of ours.

        What happened since it was last asked is remembered.
        """
        ...
