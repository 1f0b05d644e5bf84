"""The compute port over Nova."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from muster.base.errors import Permanent
from muster.drivers.openstack.listing import Listing, Viewer
from muster.drivers.openstack.making import Maker
from muster.drivers.openstack.operating import Operator
from muster.drivers.openstack.ports import Ports
from muster.drivers.openstack.rest import Rest
from muster.drivers.openstack.sweeping import Sweeper
from muster.model.observed import Server, Usage
from muster.model.step import Operation, ServerOrder
from muster.ports.compute import NO_PARAMS


class OpenStackCompute:
    def __init__(
        self,
        rest: Rest,
        sight: tuple[Listing, Viewer, Ports],
        maker: Maker,
        operator: Operator,
        sweeper: Sweeper,
    ) -> None:
        self.rest = rest
        self._listing, self._viewer, self._ports = sight
        self._maker = maker
        self._operator = operator
        self._sweeper = sweeper

    async def list_servers(self, cluster_id: UUID | None = None) -> Sequence[Server]:
        records = await self._listing.records()
        self._viewer.floating = await self._ports.floating()
        self._sweeper.begin(records)
        listed = self._viewer.all(records)
        return [each for each in listed if cluster_id in (None, each.cluster_id)]

    async def create_server(self, order: ServerOrder) -> Server:
        return await self._maker.create(order)

    async def adopt_server(self, ref: str, order: ServerOrder) -> Server:
        return await self._maker.adopt(ref, order)

    async def delete_server(self, ref: str) -> None:
        await self._maker.delete(ref)

    async def operate_server(
        self, ref: str, operation: Operation, params: Mapping[str, Any] = NO_PARAMS
    ) -> None:
        await self._operator.operate(ref, operation, params)

    async def usage(self, cluster_id: UUID | None = None) -> Sequence[Usage]:
        """Return nothing: Nova tells of it to administrators only, one server at a time."""
        return []

    async def console_log(self, ref: str, lines: int) -> str:
        if await self._listing.known(ref) is None:
            raise Permanent(f"there is no server {ref}", ref=ref)
        if lines <= 0:
            return ""
        body = {"os-getConsoleOutput": {"length": lines}}
        said = await self.rest.post("compute", f"/servers/{ref}/action", body)
        return "\n".join(str(said["output"]).replace("\r", "").splitlines()[-lines:])
