"""Small instances for balancers, as a cloud makes, lists and removes them."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from muster.model.command import Command, Ended
from muster.model.room import Room, RoomOrder


class Rooms(Protocol):
    """Every call may raise `DriverError`, and may be repeated."""

    async def list_rooms(self, cluster_id: UUID | None = None) -> Sequence[Room]:
        """Return those of this installation, of one cluster or all, as they are now."""
        ...

    async def make_room(self, order: RoomOrder) -> Room:
        """Return the room, made unless it was before, and not started.

        It gets the address that the one before it had, where that one is gone and the
        network gives the same interface the same address.
        """
        ...

    async def start_room(self, ref: str) -> None: ...

    async def write_file(self, ref: str, where: str, content: bytes) -> None:
        """Have a file that only its owner reads be there, whether or not the room is started."""
        ...

    async def run_in(self, ref: str, command: Command) -> Ended: ...

    async def delete_room(self, ref: str) -> None:
        """Have it stop and go away. One already gone is no error."""
        ...

    async def asked_for(self, network: str | None) -> bool:
        """Return whether somebody has said of that network that its balancers are on it.

        None: of any network.
        """
        ...

    async def no_room(self, network: str) -> str | None:
        """Return why a balancer cannot be had on that network, or None."""
        ...
