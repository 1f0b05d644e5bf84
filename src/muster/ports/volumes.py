"""Volumes, as far as Muster cares about them."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from muster.model.volume import Volume, VolumeOrder


class Volumes(Protocol):
    """Disks that outlive servers. Every call may raise `DriverError`.

    Whatever is asked for twice is done once. All but the deletion of what is not there
    raise `Permanent`; what another installation has made is not there.
    """

    async def list_volumes(self) -> Sequence[Volume]:
        """Return every volume of this installation, attached or not."""
        ...

    async def create_volume(self, order: VolumeOrder) -> Volume:
        """Return the volume `order.volume_id`, empty, creating it if need be.

        Raises `Permanent` for a host or zone that does not exist.
        """
        ...

    async def attach_volume(self, volume_id: UUID, server_ref: str, path: str = "") -> Volume:
        """Have the server find the volume at `path`, or where the cloud puts it for "".

        It is brought to the server's host if it lies elsewhere. Whose node the server is, is
        remembered (`Volume.node_id`) until it is taken away, not only until that server goes;
        a disk that a server was made with knows its `keeper` only. Raises `Permanent` where
        another server has it, or where this one cannot have it there.
        """
        ...

    async def detach_volume(self, volume_id: UUID) -> Volume:
        """Take the volume from the server that has it, with what is in it; nobody's stays so."""
        ...

    async def move_volume(self, volume_id: UUID, host: str) -> Volume:
        """Bring a volume that nobody has to another host, with what is in it."""
        ...

    async def resize_volume(self, volume_id: UUID, size_gib: int) -> Volume:
        """Make it larger. Raises `Permanent` for less than it has."""
        ...

    async def delete_volume(self, volume_id: UUID) -> None:
        """Have the volume and what is in it go away. Raises `Permanent` while a server has it."""
        ...
