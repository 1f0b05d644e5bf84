"""What one may do with virtual clusters: have one planned, ask for it, list, show."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2b
from uuid import UUID

import msgspec

from muster.base.errors import (
    Conflict,
    NotFound,
    QuotaExceeded,
    Stale,
    StalePlan,
    Undecided,
    Unplaceable,
)
from muster.base.ids import new_id
from muster.decide.placement.judge import broken_rules
from muster.decide.vclusters.checks import rules_of
from muster.decide.vclusters.claims import claims_of, in_force, left, overdrawn
from muster.decide.vclusters.problem import placed, problem_of
from muster.decide.vclusters.telling import told
from muster.model import placing
from muster.model.placing import Broken, Host, Limit, Move, Placed, Problem
from muster.model.reservation import Reservation, Room
from muster.model.vcluster import VCluster, VClusterAsk, VClusterStatus
from muster.model.who import Who
from muster.ports.cloud import Cloud
from muster.ports.store import Query, Transaction
from muster.service.desk import Desk
from muster.service.intent import Intent, plain
from muster.service.lookup import as_id, sees
from muster.service.vcluster_parts import cloud_of, members_of, room_of

TRIES = 12
_RELAXATIONS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class VClusterPlan:
    """A vcluster with a host for each member, and what that rests on."""

    vcluster: VCluster
    room: Room
    moves: tuple[Move, ...] = ()
    broken: tuple[Broken, ...] = ()  # of its groupings, by their number
    best: bool = False

    @property
    def hash(self) -> str:
        """The plan's fingerprint: of who would be where, made of what, under which rules."""
        made = self.vcluster
        members = [(one.name, one.host, one.zone, one.server, one.volume) for one in made.members]
        whole = [made.generation, members, made.groupings, made.update, self.moves]
        return blake2b(msgspec.json.encode(whole), digest_size=12).hexdigest()

    def check(self, wanted: str) -> None:
        """Raise `StalePlan` unless this is the plan that was shown, where one was."""
        if wanted and wanted != self.hash:
            raise StalePlan("this is no longer what would happen; ask for the plan again")


@dataclass(frozen=True, slots=True, kw_only=True)
class VClusterSeen:
    """A vcluster and which of its groupings are not kept, by whom."""

    vcluster: VCluster
    broken: tuple[Broken, ...] = ()


async def planned(desk: Desk, who: Who, ask: VClusterAsk) -> VClusterPlan:
    """Return where everything would be. Nothing is made, claimed or written down.

    Raises `Invalid` with every fault, `Conflict` for a name that is taken, `QuotaExceeded`,
    `Unplaceable` with a proof that there is no placement, `Undecided` where time was up.
    """
    cloud = cloud_of(desk, ask)
    draft = await _draft(desk, who, cloud, ask)
    await desk.store.read(lambda tx: _admit(desk, tx, draft))
    return await _placing(desk, cloud, draft, ask.seconds)


# Note [One slot, one vcluster]
# Finding a placement takes its time, and nothing is held meanwhile. So the transaction that
# records a vcluster claims its room, too, and looks once more whether that is still there beside
# what others have claimed by then. If not, it is placed again. Who has lost that race once
# waits for its turn in this process, so that of many who ask at the same time each is placed
# twice at most, unless other processes are at it as well.
async def created(desk: Desk, who: Who, ask: VClusterAsk, plan_hash: str = "") -> VClusterSeen:
    """Return the vcluster, recorded with its room claimed. See Note [One slot, one vcluster].

    Raises what `planned` does, and `StalePlan` where the plan is not the one of that hash.
    """
    cloud = cloud_of(desk, ask)
    draft = await _draft(desk, who, cloud, ask)
    await desk.store.read(lambda tx: _admit(desk, tx, draft))
    try:
        plan = await _placing(desk, cloud, draft, ask.seconds)
        plan.check(plan_hash)
        return await _claimed(desk, plan)
    except Stale:
        pass
    async with desk.placing:
        for _ in range(TRIES):
            plan = await _placing(desk, cloud, draft, ask.seconds)
            plan.check(plan_hash)
            try:
                return await _claimed(desk, plan)
            except Stale:
                continue
    raise Conflict("others claimed the room for this all the while; ask again")


async def listing(desk: Desk, query: Query) -> list[VClusterSeen]:
    """Return the vclusters that a query finds."""
    found = await desk.store.read(lambda tx: tx.vclusters.find(query))
    return [seen(each) for each in found]


async def show(desk: Desk, who: Who, said: str) -> VClusterSeen:
    """Return the vcluster of that id or name. Raises `NotFound` for those of other projects."""
    return seen(await desk.store.read(lambda tx: found(tx, who, said)))


async def deletion(desk: Desk, who: Who, said: str, keep_volumes: bool) -> Intent[VClusterSeen]:
    """Return the intent to have a vcluster go: servers first, then volumes unless they are kept."""
    there = await desk.store.read(lambda tx: found(tx, who, said))
    volumes = [each.name for each in there.members if each.volume]
    kept = f", keep {', '.join(volumes)}" if volumes and keep_volumes else ""
    lost = () if keep_volumes else tuple(f"volume {name} and what is in it" for name in volumes)

    async def delete() -> VClusterSeen:
        now = desk.clock.now()
        return seen(await desk.store.write(lambda tx: _leaving(tx, there.id, keep_volumes, now)))

    step = f"delete vcluster {there.name}{kept}"
    return plain(delete, step, loses=lost, reversible=False)


def _leaving(tx: Transaction, id: UUID, keep_volumes: bool, now: datetime) -> VCluster:
    there = tx.vclusters.get(id)
    if there is None:
        raise NotFound("this vcluster is gone by now")
    going = replace(
        there.turned(VClusterStatus.DELETING, "it was asked to go"),
        keep_volumes=keep_volumes,
        generation=there.generation + 1,
    )
    tx.vclusters.put(going)
    tx.events.append(*told(there, going, now))
    tx.marks.mark(id)
    return going


def seen(vcluster: VCluster) -> VClusterSeen:
    """Return the vcluster with what is broken of its groupings as its members are placed."""
    hosts = {each.host: each.host_zone for each in vcluster.members if each.host}
    broken = broken_rules(
        rules_of(vcluster.groupings, {}),
        tuple(Host(id=host, zone=zone) for host, zone in sorted(hosts.items())),
        vcluster.places,
    )
    return VClusterSeen(vcluster=vcluster, broken=broken)


async def _draft(desk: Desk, who: Who, cloud: Cloud, ask: VClusterAsk) -> VCluster:
    """Return the vcluster as it was asked for, with everything looked up and nobody placed."""
    id = new_id()
    return VCluster(
        id=id,
        project=who.project,
        user=who.user,
        name=ask.name,
        cloud=cloud.about.name,
        members=await members_of(desk, who, cloud, ask, id),
        groupings=ask.groupings,
        init_at=desk.clock.now(),
    )


async def _placing(desk: Desk, cloud: Cloud, draft: VCluster, seconds: float) -> VClusterPlan:
    room = await room_of(desk, cloud)
    hosts = left(room, await desk.store.read(lambda tx: claims_on(desk, tx, draft.cloud)))
    problem = problem_of(hosts, draft.members, draft.groupings)
    return plan_of(draft, room, await solved(desk, problem, seconds))


async def solved(desk: Desk, problem: Problem, seconds: float) -> Placed:
    """Return the placement. Raises `Unplaceable` and `Undecided`, each with its answer."""
    limit = Limit(work=seconds, seconds=seconds, relaxations=_RELAXATIONS)
    answer = await desk.solver.solve(problem, limit)
    if isinstance(answer, placing.Impossible):
        raise Unplaceable(answer.conflict.text, answer=answer, rules=problem.rules)
    if isinstance(answer, placing.Undecided):
        raise Undecided(answer.reason, answer=answer, rules=problem.rules)
    return answer


def plan_of(draft: VCluster, room: Room, answer: Placed) -> VClusterPlan:
    """Return the vcluster as it is placed by that answer."""
    members = placed(draft.members, room.hosts, answer.places)
    return VClusterPlan(
        vcluster=replace(draft, members=members),
        room=room,
        moves=answer.moves,
        broken=answer.broken,
        best=answer.best,
    )


async def _claimed(desk: Desk, plan: VClusterPlan) -> VClusterSeen:
    await desk.store.write(lambda tx: _claim(desk, tx, plan))
    return seen(plan.vcluster)


def _claim(desk: Desk, tx: Transaction, plan: VClusterPlan) -> None:
    """Record the vcluster and its claims. Raises `Stale` where the room is not there any more."""
    made, now = plan.vcluster, plan.vcluster.init_at
    # As in Note [Names one at a time]: whoever claims waits for those who have begun to.
    tx.leases.take("vclusters", str(made.id), now, now)
    _admit(desk, tx, made)
    mine = claims_of(made, now)
    if short := overdrawn(left(plan.room, claims_on(desk, tx, made.cloud)), mine):
        raise Stale(short[0])
    tx.vclusters.put(made)
    tx.events.append(*told(None, made, now))
    tx.reservations.put(*mine)
    tx.marks.mark(made.id)


def claims_on(desk: Desk, tx: Transaction, cloud: str) -> list[Reservation]:
    """Return all that is claimed on the hosts of a cloud."""
    return in_force(tx.reservations.find(Query(where={"cloud": (cloud,)})), desk.clock.now())


def admit_size(desk: Desk, vcluster: VCluster) -> None:
    """Raise where it has more instances than one may have."""
    if (size := len(vcluster.members)) > desk.max_cluster_size:
        text = f"a vcluster may have {desk.max_cluster_size} instances, not {size}"
        raise QuotaExceeded(text, field="vcluster.instances")


def _admit(desk: Desk, tx: Transaction, vcluster: VCluster) -> None:
    """Raise unless the name is free and the project may have one more of so many instances."""
    admit_size(desk, vcluster)
    mine = Query(project=vcluster.project)
    if tx.vclusters.count(replace(mine, where={"name": (vcluster.name,)})):
        text = f"this project has a vcluster named '{vcluster.name}' already"
        raise Conflict(text, field="vcluster.name")
    if tx.vclusters.count(mine) >= desk.max_clusters:
        raise QuotaExceeded(f"a project may have {desk.max_clusters} vclusters; delete one first")


def found(tx: Transaction, who: Who, said: str) -> VCluster:
    """Return the vcluster of that id or name; raises `NotFound`."""
    id = as_id(said)
    by_id = tx.vclusters.get(id) if id else None
    if by_id and sees(who, by_id.project):
        return by_id
    named: Sequence[VCluster] = tx.vclusters.find(
        Query(project=who.project, where={"name": (said,)}, limit=1)
    )
    if not named:
        raise NotFound(f"there is no vcluster '{said}'")
    return named[0]
