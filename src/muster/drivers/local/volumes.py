"""The volumes port over folders of this machine."""

from collections.abc import Sequence
from uuid import UUID

from muster.drivers.local import storage
from muster.drivers.local.site import Site
from muster.model.volume import Volume, VolumeOrder


class LocalVolumes:
    def __init__(self, site: Site) -> None:
        self._site = site

    async def list_volumes(self) -> Sequence[Volume]:
        return await self._site.call(storage.everything, self._site)

    async def create_volume(self, order: VolumeOrder) -> Volume:
        return await self._site.call(storage.create, self._site, order)

    async def attach_volume(self, volume_id: UUID, server_ref: str, path: str = "") -> Volume:
        return await self._site.call(storage.attach, self._site, volume_id, server_ref, path)

    async def detach_volume(self, volume_id: UUID) -> Volume:
        return await self._site.call(storage.detach, self._site, volume_id)

    async def move_volume(self, volume_id: UUID, host: str) -> Volume:
        return await self._site.call(storage.move, self._site, volume_id, host)

    async def resize_volume(self, volume_id: UUID, size_gib: int) -> Volume:
        return await self._site.call(storage.resize, self._site, volume_id, size_gib)

    async def delete_volume(self, volume_id: UUID) -> None:
        await self._site.call(storage.delete, self._site, volume_id)
