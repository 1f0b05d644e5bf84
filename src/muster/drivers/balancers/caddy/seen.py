"""A pool as people and planners see it, put together from what is kept, open and counted."""

from collections.abc import Mapping
from uuid import UUID

from muster.drivers.balancers.caddy.config import CHECK_EVERY_S
from muster.drivers.balancers.caddy.slots import Kept, Seat
from muster.drivers.balancers.caddy.tally import Count, Tally
from muster.model.pool import Condition, MemberSeen, MemberState, PoolSeen, digest


def pool_seen(
    cluster_id: UUID, kept: Kept, open_requests: Mapping[str, int], tally: Tally, now: float
) -> PoolSeen:
    members = {seat.member.node_id: _member(seat, open_requests, tally, now) for seat in kept.seats}
    return PoolSeen(
        cluster_id=cluster_id,
        address=kept.address,
        port=kept.port,
        front_digest=digest(kept.front),
        members=members,
        requests=tally.ledger.total.requests,
        errors=tally.ledger.total.errors,
        waiting=sum(count for name, count in open_requests.items() if ":" in name),
    )


def _member(seat: Seat, open_requests: Mapping[str, int], tally: Tally, now: float) -> MemberSeen:
    name = f"{seat.member.address}:{seat.member.port}"
    count = tally.ledger.members.get(name, Count())
    return MemberSeen(
        node_id=seat.member.node_id,
        address=seat.member.address,
        port=seat.member.port,
        state=seat.member.state,
        condition=_condition(seat, name, tally, now),
        open_requests=open_requests.get(name, 0),
        requests=count.requests,
        errors=count.errors,
        latency_s=tally.latency_s(name),
    )


def _condition(seat: Seat, name: str, tally: Tally, now: float) -> Condition:
    """Return what Caddy's checks say: silence means well, once there was time for a check.

    A draining member is not checked any more.
    """
    if seat.member.state is MemberState.DRAIN:
        return Condition.UNKNOWN
    if tally.sick(name, now):
        return Condition.BAD
    checked = now - seat.since > 2 * CHECK_EVERY_S or name in tally.ledger.members
    return Condition.GOOD if checked else Condition.UNKNOWN
