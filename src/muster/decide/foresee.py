"""What a wish would lead to: the whole plan, played through on an imagined world."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from muster.decide.converge import plan
from muster.decide.explain import sentence
from muster.model.cluster import Cluster
from muster.model.node import Node, bastion_id
from muster.model.observed import Probe, Record, Seen, Server
from muster.model.plan import Limits, Plan, Snapshot
from muster.model.pool import Condition, MemberSeen, PoolSeen, PoolWanted, digest
from muster.model.rollout import RolloutState
from muster.model.step import (
    CreateServer,
    DeleteServer,
    DropRecord,
    PutPool,
    PutRecord,
    RemovePool,
    Step,
)

MOST_PASSES = 400
FEW = 10  # steps of one kind in one pass that are still named one by one
_NOWHERE = "an address yet to be had"


@dataclass(frozen=True, slots=True, kw_only=True)
class Foresight:
    """A wish's consequences if all goes well, in words and in order."""

    steps: tuple[str, ...] = ()
    loses: tuple[str, ...] = ()  # what cannot be had back
    reversible: bool = True
    creates: int = 0
    deletes: int = 0
    disruption: int = 0  # most nodes in order at first that are not replaced yet, at any moment
    passes: int = 0
    complete: bool = True  # False: it goes on beyond what was looked at


def foresee(snapshot: Snapshot) -> Foresight:
    """Return what would be done, were every step to succeed and every start to be quick.

    Servers run at once, applications answer, sessions end, and a canary that waits for
    somebody ends the story there. Nothing is asked of any cloud.
    """
    no_caps = Limits(creates=10**9, deletes=10**9, stray_grace=snapshot.limits.stray_grace)
    world = replace(snapshot, actions=(), limits=no_caps)
    serving = _serving(world)
    steps: list[str] = []
    counted = [0, 0, 0]
    for each_pass in range(1, MOST_PASSES + 1):
        passes, decided = each_pass, plan(world)
        steps.extend(_sentences(world, decided))
        counted[0] += sum(isinstance(each, CreateServer) for each in decided.steps)
        counted[1] += sum(isinstance(each, DeleteServer) for each in decided.steps)
        world = imagined(world, decided)
        counted[2] = max(counted[2], serving - _serving(world))
        if decided.gone or decided.settled:
            break
    done = decided.gone or decided.settled
    loses = _losses(snapshot, world, gone=decided.gone)
    return Foresight(
        steps=(*steps, *_stops(decided)),
        loses=loses,
        reversible=not loses,
        creates=counted[0],
        deletes=counted[1],
        disruption=counted[2],
        passes=passes,
        complete=done,
    )


def _serving(world: Snapshot) -> int:
    return sum(node.ready_at is not None and not node.leaving for node in world.nodes)


def _stops(last: Plan) -> Iterator[str]:
    rollout = last.cluster.rollout
    if rollout and rollout.under_way and rollout.held:
        watched = rollout.state is RolloutState.BAKING
        yield "then wait for somebody to resume" + (": the canary is watched" if watched else "")


def _sentences(world: Snapshot, decided: Plan) -> Iterator[str]:
    """Yield one sentence per step, or per kind of step where there are many alike."""
    names = {each.id: each.name for each in (*world.nodes, *decided.put)}
    groups: dict[tuple[type[Step], str], list[Step]] = {}
    for step in decided.steps:
        groups.setdefault((type(step), step.why), []).append(step)
    for each in decided.solos:
        if each.id == bastion_id(world.cluster.id):
            there = "replace" if world.bastion else "create"
            yield f"{'delete' if each.leaving else there} the bastion {each.name}"
    for (_, why), steps in groups.items():
        if len(steps) <= FEW:
            yield from (sentence(step, _name(world, step, names)) for step in steps)
        else:
            yield f"{_verb(steps[0])} {len(steps)} instances: {why}"


def _name(world: Snapshot, step: Step, names: dict[UUID, str]) -> str:
    node_id = getattr(step, "node_id", None)
    return names.get(node_id, world.cluster.name) if node_id else world.cluster.name


def _verb(step: Step) -> str:
    return _VERBS.get(type(step), "operate")


_VERBS: Mapping[type[Step], str] = {CreateServer: "create", DeleteServer: "delete"}


def _losses(before: Snapshot, after: Snapshot, *, gone: bool) -> tuple[str, ...]:
    """Return what exists now and will not afterwards."""
    left = {server.server_id for server in after.servers.values()}
    lost = [each for id, each in before.servers.items() if id not in left]
    said = [f"instance {each.name} ({each.ref}) and what is on its disk" for each in lost[:FEW]]
    if len(lost) > FEW:
        said.append(f"{len(lost) - FEW} more instances and what is on their disks")
    if before.pool and not after.pool:
        said.append(f"the load balancer at {before.pool.address}:{before.pool.port}")
    if before.bastion and not after.bastion:
        said.append(f"the bastion {before.bastion.name}")
    if before.record and not after.record:
        said.append(f"the name {before.record.name}")
    if gone:
        said.append(f"the cluster {before.cluster.name} and its revisions")
    return tuple(said)


def imagined(world: Snapshot, decided: Plan) -> Snapshot:
    """Return the world after a pass in which all went well."""
    nodes = {node.id: node for node in world.nodes} | {node.id: node for node in decided.put}
    for id in (*decided.drop, *(each.id for each in decided.solos)):
        nodes.pop(id, None)
    gone_along = {node.server_id for node in decided.put if node.id not in nodes}
    servers, pool, record = dict(world.servers), world.pool, world.record
    for id in gone_along:
        servers.pop(id, None)
    for step in decided.steps:
        match step:
            case CreateServer():
                servers[step.order.server_id] = _server(step, world.now)
            case DeleteServer():
                servers.pop(step.server_id, None)
            case PutPool():
                pool = _pool(step.pool, world.pool)
            case RemovePool():
                pool = None
            case PutRecord():
                owner = world.cluster.id
                record = Record(name=step.name, address=step.address, owner=owner)
            case DropRecord():
                record = None
    now = max(decided.look_at or world.now, world.now + timedelta(seconds=0.2))
    return replace(
        world,
        now=now,
        cluster=decided.cluster,
        nodes=tuple(sorted(nodes.values(), key=lambda node: node.index)),
        servers=servers,
        pool=pool,
        record=record,
        bastion=_bastion(world, decided),
        probes=dict(_answers(nodes.values(), servers, world, now)),
    )


def _bastion(world: Snapshot, decided: Plan) -> Cluster | None:
    """Return who looks after the bastion then: nobody once it was dismissed."""
    id = bastion_id(world.cluster.id)
    new = next((each for each in decided.solos if each.id == id), world.bastion)
    if new and new.rollout and new.rollout.under_way:
        new = replace(new, profile_id=new.rollout.target, rollout=None)
    return None if new and new.leaving else new


def _server(step: CreateServer, now: datetime) -> Server:
    order = step.order
    return Server(
        ref=str(order.server_id),
        server_id=order.server_id,
        node_id=order.node_id,
        cluster_id=order.cluster_id,
        name=order.name,
        seen=Seen.RUNNING,
        created=now,
        address=f"{_NOWHERE} ({order.server_id})",
    )


def _pool(wanted: PoolWanted, before: PoolSeen | None) -> PoolSeen:
    return PoolSeen(
        cluster_id=wanted.front.cluster_id,
        address=before.address if before else _NOWHERE,
        port=wanted.front.port,
        front_digest=digest(wanted.front),
        members={
            each.node_id: MemberSeen(
                node_id=each.node_id,
                address=each.address,
                port=each.port,
                state=each.state,
                condition=Condition.GOOD,
            )
            for each in wanted.members
        },
    )


def _answers(
    nodes: Iterable[Node], servers: dict[UUID, Server], world: Snapshot, now: datetime
) -> Iterator[tuple[UUID, Probe]]:
    """Yield what was known, and a good answer of each server that was just imagined."""
    yield from world.probes.items()
    if world.cluster.service is None:
        return
    for node in nodes:
        if node.ready_at is not None:
            continue
        server = servers.get(node.server_id)
        if server and server.seen is Seen.RUNNING:
            yield (
                node.id,
                Probe(
                    node_id=node.id,
                    server_id=server.server_id,
                    cluster_id=world.cluster.id,
                    condition=Condition.GOOD,
                    at=now,
                ),
            )
