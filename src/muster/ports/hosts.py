"""Hosts, as far as placing on them goes."""

from typing import Protocol

from muster.model.reservation import Room


class Hosts(Protocol):
    """A cloud that tells of its hosts, and makes things on the one that it is told."""

    async def room(self) -> Room:
        """Return the hosts with what nobody uses on them, all of one moment.

        What is being made or deleted uses all that it needs. May raise `DriverError`.
        """
        ...
