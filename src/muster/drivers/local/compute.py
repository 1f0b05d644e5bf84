"""The compute port over processes of this machine."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from muster.base.errors import Permanent
from muster.drivers.local import logs, operate
from muster.drivers.local.look import Lookout
from muster.drivers.local.make import make
from muster.drivers.local.site import Site
from muster.model.observed import Server, Usage
from muster.model.step import Operation, ServerOrder
from muster.ports.compute import NO_PARAMS


class LocalCompute:
    def __init__(self, site: Site) -> None:
        self._site = site
        self._lookout = Lookout(site)

    async def list_servers(self, cluster_id: UUID | None = None) -> Sequence[Server]:
        return await self._site.call(self._lookout.servers, cluster_id)

    async def create_server(self, order: ServerOrder) -> Server:
        instance = await self._site.call(make, self._site, order)
        return await self._site.call(self._lookout.shown, instance)

    async def adopt_server(self, ref: str, order: ServerOrder) -> Server:
        instance = await self._site.call(operate.find, self._site, ref)
        if instance is None or instance.server_id != order.server_id:
            raise Permanent(
                f"cloud local keeps no servers that others made, such as {ref}", ref=ref
            )
        return await self._site.call(self._lookout.shown, instance)

    async def delete_server(self, ref: str) -> None:
        await self._site.call(operate.remove, self._site, ref)

    async def operate_server(
        self, ref: str, operation: Operation, params: Mapping[str, Any] = NO_PARAMS
    ) -> None:
        await self._site.call(operate.operate, self._site, ref, operation)

    async def usage(self, cluster_id: UUID | None = None) -> Sequence[Usage]:
        return await self._site.call(self._lookout.usages, cluster_id)

    async def console_log(self, ref: str, lines: int) -> str:
        if not await self._site.call(operate.find, self._site, ref):
            raise Permanent(f"there is no server {ref}", ref=ref)
        return await self._site.call(logs.newest, self._site.folders.log(ref), lines)
