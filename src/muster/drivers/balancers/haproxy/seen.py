"""A pool as people and planners see it, put together from what is kept, told and counted."""

from collections.abc import Sequence

from muster.drivers.balancers.haproxy.kept import Kept, name_of
from muster.drivers.balancers.haproxy.stats import Row, Stats
from muster.drivers.balancers.haproxy.tally import Tally, open_now
from muster.model.pool import MemberSeen, MemberWanted, PoolSeen, digest


def pool_seen(kept: Kept, workers: Sequence[Stats], tally: Tally, now: float) -> PoolSeen:
    """Return the pool by what all its workers say, the present one first."""
    members = {m.node_id: _member(m, workers, tally, now) for m in kept.members}
    counted = tally.of()
    return PoolSeen(
        cluster_id=kept.front.cluster_id,
        address=kept.address,
        port=kept.port,
        front_digest=digest(kept.front),
        members=members,
        requests=counted.requests,
        errors=counted.errors,
        waiting=sum(each.pool.open for each in workers),
    )


def _member(member: MemberWanted, workers: Sequence[Stats], tally: Tally, now: float) -> MemberSeen:
    name = name_of(member)
    counted = tally.of(name)
    return MemberSeen(
        node_id=member.node_id,
        address=member.address,
        port=member.port,
        state=member.state,
        condition=workers[0].servers.get(name, Row()).condition,
        open_requests=open_now(name, workers),
        requests=counted.requests,
        errors=counted.errors,
        latency_s=tally.latency_s(name, now),
    )
