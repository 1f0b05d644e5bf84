"""An update of a virtual cluster: planned around those that are there, claimed, and recorded."""

from dataclasses import replace
from functools import partial

from muster.base.errors import Conflict, NotFound, Stale, Unplaceable
from muster.decide.vclusters.changing import change_faults, changed, whole
from muster.decide.vclusters.claims import arrivals, claims_of, left, overdrawn
from muster.decide.vclusters.problem import item_of, problem_of, sent
from muster.decide.vclusters.telling import told
from muster.model.placing import Item, with_own
from muster.model.vcluster import Update, VCluster, VClusterChange, VClusterStatus
from muster.model.who import Who
from muster.ports.cloud import Cloud
from muster.ports.store import Transaction
from muster.service.ask import Fault, refuse
from muster.service.desk import Desk
from muster.service.vcluster_parts import members_of, room_of
from muster.service.vclusters import (
    TRIES,
    VClusterPlan,
    VClusterSeen,
    admit_size,
    claims_on,
    found,
    plan_of,
    seen,
    solved,
)

_READY = (VClusterStatus.ACTIVE, VClusterStatus.WARNING)


async def update_planned(desk: Desk, who: Who, said: str, change: VClusterChange) -> VClusterPlan:
    """Return how it would be then, and who would have to move. Nothing is done.

    Raises `Invalid` with every fault, `Conflict` while it is at something else, `Unplaceable`
    with the moves that would make it possible where those are not allowed, `Undecided`.
    """
    there = await desk.store.read(lambda tx: found(tx, who, said))
    if wrong := change_faults(there, change):
        refuse(Fault(f"vcluster.{field}", text) for field, text in wrong)
    if there.status not in _READY:
        raise Conflict(f"vcluster {there.name} is {there.status}: wait until that is over")
    cloud = desk.cloud(there.cloud)
    ask = replace(whole(there, change), instances=change.instances)
    new = await members_of(desk, who, cloud, ask, there.id) if change.instances else ()
    draft = changed(there, change, new)
    admit_size(desk, draft)
    return await _placing(desk, cloud, draft, change)


async def updated(
    desk: Desk, who: Who, said: str, change: VClusterChange, plan_hash: str = ""
) -> VClusterSeen:
    """Return the vcluster as it is to be, recorded with its room claimed.

    Raises what `update_planned` does, and `StalePlan` where the plan is not the one of that hash.
    See Note [One slot, one vcluster].
    """
    for _ in range(TRIES):
        plan = await update_planned(desk, who, said, change)
        plan.check(plan_hash)
        try:
            return seen(await desk.store.write(partial(_claim, desk, plan)))
        except Stale:
            continue
    raise Conflict("others claimed the room for this all the while; ask again")


# Note [Few moves]
# Whoever runs stays where he is if there is any way with that. Only if it is proved that there
# is none, and if the request allows moves, all may move, and the solver looks for as few moves
# as it can. Where they are not allowed, letting some move is among the ways out that it tells.
async def _placing(
    desk: Desk, cloud: Cloud, draft: VCluster, change: VClusterChange
) -> VClusterPlan:
    """See Note [Few moves]."""
    room = await room_of(desk, cloud)
    if change.to_host and change.to_host not in {host.id for host in room.hosts}:
        text = f"cloud {draft.cloud} has no host '{change.to_host}'"
        refuse([Fault("vcluster.to_host", text)])
    hosts = left(room, await desk.store.read(lambda tx: claims_on(desk, tx, draft.cloud)))
    staying = replace(draft, members=draft.staying)
    where = change.move_instances, change.to_host
    fixed = sent(problem_of(hosts, staying.members, draft.groupings), *where)
    try:
        answer = await solved(desk, fixed, change.seconds)
    except Unplaceable:
        if not change.allow_moves:
            raise
        free = sent(problem_of(hosts, staying.members, draft.groupings, moving=True), *where)
        answer = await solved(desk, free, change.seconds)
    plan = plan_of(staying, room, answer)
    going = tuple(each for each in draft.members if each not in staying.members)
    moved = {each.item: each.source for each in answer.moves}
    update = replace(draft.update, moved=moved) if draft.update else Update(groupings=())
    members = plan.vcluster.members + going
    return replace(plan, vcluster=replace(plan.vcluster, members=members, update=update))


def _claim(desk: Desk, plan: VClusterPlan, tx: Transaction) -> VCluster:
    """Record the update and its claims. Raises `Stale` where anything has changed meanwhile."""
    wanted, now = plan.vcluster, desk.clock.now()
    tx.leases.take("vclusters", str(wanted.id), now, now)
    there = tx.vclusters.get(wanted.id)
    if there is None:
        raise NotFound(f"vcluster {wanted.name} is gone by now")
    if there.generation != wanted.generation or there.status not in _READY:
        raise Stale(f"vcluster {wanted.name} was changed meanwhile")
    claims, coming = claims_of(wanted, now), arrivals(wanted, now)
    held = {each.id for each in there.members}
    new = [each for each in claims if each.id not in held]
    hosts = with_own(left(plan.room, claims_on(desk, tx, wanted.cloud)), _departing(wanted))
    if short := overdrawn(hosts, (*new, *coming)):
        raise Stale(short[0])
    after = replace(
        wanted.turned(VClusterStatus.UPDATING, "an update was asked for"),
        generation=wanted.generation + 1,
        updated_at=now,
    )
    tx.vclusters.put(after)
    tx.events.append(*told(there, after, now))
    tx.reservations.put(*claims, *coming)
    tx.marks.mark(after.id)
    return after


def _departing(vcluster: VCluster) -> list[Item]:
    """Return those that move as they are where they come from: their room there will be free."""
    moved = vcluster.update.moved if vcluster.update else {}
    return [
        replace(item_of(each), host=moved[each.name])
        for each in vcluster.members
        if each.name in moved
    ]
