"""The compute port over Incus."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from muster.base.errors import Permanent
from muster.drivers.incus.look import Lookout
from muster.drivers.incus.making import Maker
from muster.drivers.incus.operating import Operator
from muster.drivers.incus.rest import Rest, path
from muster.drivers.incus.usage import Meter
from muster.model.observed import Server, Usage
from muster.model.step import Operation, ServerOrder
from muster.ports.compute import NO_PARAMS


class IncusCompute:
    def __init__(
        self,
        rest: Rest,
        lookout: Lookout,
        hands: tuple[Maker, Operator, Meter],
        installation: UUID,
    ) -> None:
        self._rest = rest
        self._lookout = lookout
        self._maker, self._operator, self._meter = hands
        self._installation = installation

    async def list_servers(self, cluster_id: UUID | None = None) -> Sequence[Server]:
        return await self._lookout.servers(cluster_id)

    async def create_server(self, order: ServerOrder) -> Server:
        return await self._maker.create(order, self._installation)

    async def adopt_server(self, ref: str, order: ServerOrder) -> Server:
        return await self._maker.adopt(ref, order, self._installation)

    async def delete_server(self, ref: str) -> None:
        await self._maker.delete(ref)

    async def operate_server(
        self, ref: str, operation: Operation, params: Mapping[str, Any] = NO_PARAMS
    ) -> None:
        await self._operator.operate(ref, operation, params)

    async def usage(self, cluster_id: UUID | None = None) -> Sequence[Usage]:
        return await self._meter.usages(cluster_id)

    async def console_log(self, ref: str, lines: int) -> str:
        if await self._lookout.ours(ref) is None:
            raise Permanent(f"there is no server {ref}", ref=ref)
        if lines <= 0:
            return ""
        said = await self._rest.text(path("instances", ref, "console"))
        return "\n".join(said.replace("\r", "").splitlines()[-lines:])
