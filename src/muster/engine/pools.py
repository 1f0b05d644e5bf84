"""Pools: what the balancers say of members, and who drains how far."""

from collections.abc import Sequence
from uuid import UUID

from muster.base.errors import DriverError
from muster.base.log import log
from muster.engine.census import Known
from muster.engine.site import Reach, Site
from muster.engine.subjects import subject
from muster.model.pool import Condition, MemberState, PoolSeen

Members = dict[UUID, tuple[Condition, int, str]]  # node -> health, open requests, address
Told = dict[UUID, tuple[PoolSeen | None, Members]]  # cluster -> its pool, and what matters of it


async def look_at_pools(site: Site, reach: Reach, told: Told, crowd: Sequence[Known]) -> None:
    """Mark every cluster whose pool is owed something, or members have changed."""
    balancer = reach.cloud.balancer
    if balancer is None:
        return
    turned = []
    for known in crowd:
        if known.cluster.service is None:
            continue
        try:
            pool = await balancer.pool(known.cluster.id)
        except DriverError as error:  # this one's own trouble, which its passes meet as well
            log(cluster=str(known.cluster.id)).warning("pools.unread", reason=error.text)
            continue
        before = told.get(known.cluster.id)
        if before is not None and before[0] is pool:
            continue
        now = _telling(pool)
        told[known.cluster.id] = pool, now
        if before is not None and (before[1] != now or (pool and pool.owed)):
            turned.append(known.cluster.id)
    for gone in told.keys() - {known.cluster.id for known in crowd}:
        del told[gone]
    if turned:
        await site.store.write(
            lambda tx: tx.marks.mark(*(each for each in turned if subject(tx, each)))
        )


def _telling(pool: PoolSeen | None) -> Members:
    """Return what matters of the members; sessions only of those that drain."""
    return {
        member.node_id: (
            member.condition,
            member.open_requests if member.state is MemberState.DRAIN else 0,
            member.address,
        )
        for member in (pool.members.values() if pool else ())
    }
