"""One pass over one cluster: gather, decide, commit, run. Start reading the engine here."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from time import perf_counter
from typing import TypeVar
from uuid import UUID

from muster.base.backoff import delay
from muster.base.enduring import enduring
from muster.base.errors import Stale
from muster.decide.converge import plan
from muster.engine import outcomes
from muster.engine.bulk import carry_on
from muster.engine.commit import Decided, commit
from muster.engine.gather import gather
from muster.engine.gauges import PASS_SECONDS, PASSES
from muster.engine.journal import begun
from muster.engine.passed import Passed
from muster.engine.site import Reach, Remembered, Site
from muster.engine.spots import run_on_hosts
from muster.engine.vclusters import tend
from muster.model.cluster import Cluster
from muster.model.plan import Plan, Snapshot
from muster.model.step import (
    CreateServer,
    DeleteServer,
    Done,
    OperateServer,
    Outcome,
    PostHook,
    Step,
)
from muster.ports.store import Claim

T = TypeVar("T")
LARGE = 500  # nodes: such a plan is made in a thread, so that others get a word in meanwhile
SOON = timedelta(seconds=0.2)
UNTOLD = timedelta(seconds=2)
REPEATED = timedelta(seconds=0.5)
LONGEST_SETBACK = timedelta(seconds=15)


async def converge(site: Site, claim: Claim, going_on: Callable[[], bool]) -> datetime | None:
    """Pass over the cluster until it is settled or waits; return when to look again.

    Gives way after a few passes, so that a large cluster does not keep others waiting.
    """
    site.under_way.add(claim.cluster_id)
    try:
        return await _converge(site, claim, going_on)
    finally:
        site.under_way.discard(claim.cluster_id)


async def _converge(site: Site, claim: Claim, going_on: Callable[[], bool]) -> datetime | None:
    cluster_id = claim.cluster_id
    for _ in range(site.pace.passes_in_a_row):
        passed = await attempt(f"pass/{cluster_id}", lambda: _timed(site, claim))
        if passed is None:
            return _after_setback(site, cluster_id)
        if not passed.again:
            return passed.look_at
        if not going_on():
            break
    return site.clock.now()


async def attempt(what: str, work: Callable[[], Awaitable[T]]) -> T | None:
    """Return what `work` brings, or None where it failed: told in the log, never raised.

    This is where a failing pass or tick ends, so that it cannot end the engine.
    """
    with enduring(f"engine/{what}"):
        return await work()
    return None


def _after_setback(site: Site, cluster_id: UUID) -> datetime:
    site.memory.pop(cluster_id, None)
    PASSES.labels("setback").inc()
    return site.clock.now() + _setback(site, cluster_id)


def _setback(site: Site, cluster_id: UUID) -> timedelta:
    """Count one more failure in a row, and return how long to stay away."""
    tries = site.setbacks[cluster_id] = site.setbacks.get(cluster_id, 0) + 1
    return min(delay(str(cluster_id), tries), LONGEST_SETBACK)


# Note [Overtaken again]
# What overtook a pass is seen by the next one, which comes at once. One that is overtaken as
# well may be so for ever, such as by room that others hold: those come further and further apart.
# A wish marks the cluster and is seen at once all the same.
def _overtaken(site: Site, cluster_id: UUID) -> timedelta:
    """Count one more stale pass in a row, and return how long to stay away.

    See Note [Overtaken again].
    """
    before = site.overtaken.get(cluster_id, 0)
    site.overtaken[cluster_id] = before + 1
    return min(delay(str(cluster_id), before), LONGEST_SETBACK) if before else timedelta()


async def _timed(site: Site, claim: Claim) -> Passed:
    began = perf_counter()
    try:
        passed = await one_pass(site, claim)
    except Stale:
        # A wish came meanwhile, or another engine took over. If the cluster is still
        # ours, it is marked, and the next pass sees the news.
        site.memory.pop(claim.cluster_id, None)
        PASSES.labels("stale").inc()
        return Passed(look_at=site.clock.now() + _overtaken(site, claim.cluster_id))
    finally:
        PASS_SECONDS.observe(perf_counter() - began)
    site.overtaken.pop(claim.cluster_id, None)
    PASSES.labels("again" if passed.again else "rest").inc()
    return passed


async def one_pass(site: Site, claim: Claim) -> Passed:
    """Bring one cluster one pass closer to what was asked of it."""
    cluster_id = claim.cluster_id
    gathered = await gather(site, cluster_id)
    if gathered is None:
        ours = await tend(site, claim) or await carry_on(site, claim)
        return ours or _gone(site, cluster_id)
    snapshot = gathered.snapshot
    decided_plan = await _plan(snapshot)
    written = begun(snapshot, decided_plan, site.pace.owner)
    decided = Decided(
        claim=claim,
        gathered=gathered,
        plan=decided_plan,
        begun=written,
        policy_types=site.policy_types,
    )
    if decided.changes_nothing:
        _remember(site, snapshot.cluster, snapshot, decided_plan)
        return _next(site, snapshot, decided_plan, idle=True)
    cluster = await commit(site.store, decided)
    if decided_plan.gone:
        site.clouds[cluster.cloud].lookout.forget(cluster_id)
        return _gone(site, cluster_id)
    _remember(site, cluster, snapshot, decided_plan)
    if not decided_plan.steps:
        return _next(site, snapshot, decided_plan, idle=False)
    return await _carry_out(site, decided, cluster)


async def _plan(snapshot: Snapshot) -> Plan:
    if max(len(snapshot.nodes), snapshot.cluster.desired) < LARGE:
        return plan(snapshot)
    return await asyncio.to_thread(plan, snapshot)


async def _carry_out(site: Site, decided: Decided, cluster: Cluster) -> Passed:
    reach = site.clouds[cluster.cloud]
    steps = decided.plan.steps
    snapshot = decided.gathered.snapshot
    ended = list(zip(steps, await run_on_hosts(site, snapshot, steps), strict=True))
    now = site.clock.now()
    _tell_lookout(reach, _tags(snapshot), ended, now)
    aftermath = await outcomes.record(site.store, decided, cluster, ended, now)
    if aftermath is None:
        site.memory.pop(cluster.id, None)
        return Passed(look_at=now)
    repeated = _remember_aftermath(site, aftermath, steps)
    if any(not isinstance(end, Done) and not _on_node(step) for step, end in ended):
        # A node's failure is kept with the node. A pool's or a name's has no row of its
        # own: the whole cluster waits, or it would be tried again at once, for ever.
        return Passed(look_at=now + _setback(site, cluster.id))
    site.setbacks.pop(cluster.id, None)
    if repeated:  # such as a server that takes its time to go away
        return Passed(look_at=now + REPEATED)
    return Passed(again=True)


def _tags(snapshot: Snapshot) -> list[UUID]:
    """Return what the servers may be listed under: see Note [Home]."""
    moved = (node for node in snapshot.nodes if node.home or node.left_behind)
    return [snapshot.cluster.id, *{tag for node in moved for tag in node.tags}]


def _on_node(step: Step) -> bool:
    return isinstance(step, CreateServer | DeleteServer | OperateServer | PostHook)


def _tell_lookout(
    reach: Reach, tags: Sequence[UUID], ended: list[tuple[Step, Outcome]], now: datetime
) -> None:
    """Fold in what we know from our own steps; where we do not know, have it looked up."""
    unsure = False
    made = []
    for step, outcome in ended:
        if isinstance(outcome, Done) and outcome.server:
            made.append(outcome.server)
        elif isinstance(step, DeleteServer):
            for tag in tags:
                reach.lookout.struck(tag, step.server_id)
        elif _on_node(step):
            unsure = True
    reach.lookout.note(made, now)
    for tag in tags if unsure else ():
        reach.lookout.distrust(tag)


def _next(site: Site, snapshot: Snapshot, plan: Plan, *, idle: bool) -> Passed:
    """Return when to look again after a pass without steps."""
    site.setbacks.pop(snapshot.cluster.id, None)
    if plan.settled or (plan.look_at and plan.look_at > snapshot.now):
        return Passed(look_at=plan.look_at)
    if not idle:
        return Passed(again=True)
    # Nothing was written and nothing was done, so looking at once would show the same.
    return Passed(look_at=snapshot.now + (SOON if plan.look_at else UNTOLD))


def _gone(site: Site, cluster_id: UUID) -> Passed:
    site.memory.pop(cluster_id, None)
    site.setbacks.pop(cluster_id, None)
    return Passed()


def _remember(site: Site, cluster: Cluster, snapshot: Snapshot, plan: Plan) -> None:
    before = site.memory.get(cluster.id)
    nodes = before.nodes if before and before.cluster == snapshot.cluster else None
    if nodes is None:
        nodes = {node.id: node for node in snapshot.nodes}
    nodes.update((node.id, node) for node in plan.put)
    for id in (*plan.drop, *(each.id for each in plan.solos)):
        nodes.pop(id, None)
    profiles = snapshot.profiles if plan.cluster.target in snapshot.profiles else {}
    steps = before.steps if before else ()
    site.memory[cluster.id] = Remembered(cluster, nodes, profiles, steps)


def _remember_aftermath(site: Site, aftermath: outcomes.Aftermath, steps: tuple[Step, ...]) -> bool:
    """Fold the outcomes in; return whether the very same steps were run the last time.

    A wish that came meanwhile may have changed any node and brought a profile: they are read anew.
    """
    remembered = site.memory[aftermath.cluster.id]
    remembered.cluster = aftermath.cluster
    if not aftermath.as_left:
        remembered.nodes, remembered.profiles = None, {}
    elif remembered.nodes is not None:
        remembered.nodes.update((node.id, node) for node in aftermath.nodes)
    repeated, remembered.steps = remembered.steps == steps, steps
    return repeated
