"""The balancer of a cloud some of whose networks have one of their own."""

from collections.abc import Sequence
from uuid import UUID

from muster.model.pool import Front, PoolSeen, PoolWanted
from muster.ports.balancer import Balancer, NetworkBalancer


class ByNetwork:
    """A pool is where its network says; the others are the usual balancer's."""

    def __init__(self, own: NetworkBalancer, usual: Balancer) -> None:
        self._own = own
        self._usual = usual

    async def list_pools(self) -> Sequence[UUID]:
        usual = await self._usual.list_pools()
        return list(dict.fromkeys((*usual, *await self._own.list_pools())))

    async def pool(self, cluster_id: UUID) -> PoolSeen | None:
        return await self._usual.pool(cluster_id) or await self._own.pool(cluster_id)

    async def put_pool(self, wanted: PoolWanted) -> str:
        target, other = await self._parted(wanted.front)
        address = await target.put_pool(wanted)
        if await other.pool(wanted.front.cluster_id):
            await other.remove_pool(wanted.front.cluster_id)
        return address

    async def remove_pool(self, cluster_id: UUID) -> None:
        await self._usual.remove_pool(cluster_id)
        await self._own.remove_pool(cluster_id)

    async def refusal(self, front: Front) -> str | None:
        target, _ = await self._parted(front)
        return await target.refusal(front)

    async def _parted(self, front: Front) -> tuple[Balancer, Balancer]:
        """Return the balancer that serves such a front, and the other."""
        if await self._own.serves(front):
            return self._own, self._usual
        return self._usual, self._own
