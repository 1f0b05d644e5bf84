"""Autoscaling: samples in, a decision by the rules, and the wish that follows from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from muster.base.errors import DriverError
from muster.base.log import log
from muster.decide.scaling import react, remembered, repeats
from muster.engine.census import Known
from muster.engine.gauges import DECISIONS
from muster.engine.outlook import Ahead, Outlook, look_ahead, sighted
from muster.engine.queries import queried
from muster.engine.samples import Meter, answered, cpu, crew, heard, requests, warm
from muster.engine.site import Reach, Site
from muster.model.action import Action, Verb
from muster.model.cluster import Cluster
from muster.model.event import About, Event
from muster.model.observed import Usage
from muster.model.pool import PoolSeen
from muster.model.scaling import (
    Changed,
    Crew,
    Decision,
    DecisionRecord,
    Metric,
    Past,
    Pushed,
    Recommended,
    Scaling,
    Verdict,
)
from muster.ports.balancer import Balancer
from muster.ports.store import Query, Transaction

AUTOSCALER = "Autoscaler"
REMEMBERED = 200  # records read back after a start
WRITE_EVERY = timedelta(seconds=5)  # the count of equal holds
ONE_BY_ONE = 8  # so many clusters are asked each for itself; beyond, the cloud is asked once


@dataclass(slots=True)
class Watch:
    """What is remembered of one scaling cluster between two evaluations."""

    meter: Meter = field(default_factory=Meter)
    past: Past = Past()
    record: DecisionRecord | None = None  # the newest
    written_at: datetime | None = None  # when it was last kept
    outlook: Outlook | None = None  # of a cluster that forecasts


Watches = dict[UUID, Watch]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """One cluster after one evaluation: what is to be kept, and what follows from it."""

    cluster: Cluster
    record: DecisionRecord
    keep: tuple[DecisionRecord, ...]  # to be written now
    past: Past


async def autoscale(
    site: Site, reach: Reach, watches: Watches, crowd: Sequence[Known]
) -> list[Decision]:
    """Evaluate every cluster of `crowd` that scales; return what was decided, in that order."""
    known = [each for each in crowd if each.cluster.scaling and not each.cluster.leaving]
    for gone in watches.keys() - {each.cluster.id for each in known}:
        del watches[gone]
    if not known:
        return []
    await _recall(site, watches, known)
    usages = await _usages(reach, known)
    readings = await _pushed(site, known)
    answers = await queried(reach, known)
    for each in known:
        watch = watches[each.cluster.id]
        await _sample(reach, watch.meter, each, usages, site.clock.now())
        if each.cluster.id in readings:
            heard(watch.meter, readings[each.cluster.id], len(warm(each, site.clock.now())))
        if each.cluster.id in answers:
            now = site.clock.now()
            answered(watch.meter, answers[each.cluster.id], len(warm(each, now)), now)
    await _look_ahead(site, watches, known)
    decided = [_evaluate(site, watches[each.cluster.id], each) for each in known]
    await _keep(site, watches, decided)
    return [each.record.decision for each in decided]


async def _recall(site: Site, watches: Watches, crowd: Sequence[Known]) -> None:
    """Read back what was decided before this engine began to watch."""
    new = [each.cluster for each in crowd if each.cluster.id not in watches]
    if not new:
        return
    records = await site.store.read(lambda tx: [_records(tx, each.id) for each in new])
    for cluster, found in zip(new, records, strict=True):
        newest = found[0] if found else None
        watches[cluster.id] = Watch(past=recalled(found), record=newest)


def _records(tx: Transaction, cluster_id: UUID) -> list[DecisionRecord]:
    ours = {"cluster_id": (cluster_id,)}
    return tx.decisions.find(Query(where=ours, sort=(("at", True),), limit=REMEMBERED))


def recalled(records: Sequence[DecisionRecord]) -> Past:
    """Return the past that records, newest first, tell of: each stands for a first and a last."""
    changes: list[Changed] = []
    recommended: list[Recommended] = []
    for record in reversed(records):
        said = record.decision
        if said.after != said.before:
            changes.append(Changed(at=record.at, before=said.before, after=said.after))
        recommended.append(Recommended(at=record.at, size=said.wanted))
        if record.last_at > record.at:
            recommended.append(Recommended(at=record.last_at, size=said.wanted))
    return Past(changes=tuple(changes), recommended=tuple(recommended))


async def _usages(reach: Reach, crowd: Sequence[Known]) -> Mapping[UUID, Usage]:
    asking = [
        tag
        for each in crowd
        if each.cluster.scaling and Metric.CPU in each.cluster.scaling.metrics
        for tag in (each.cluster.id, *{node.home for node in each.nodes if node.home})
    ]
    if not asking:
        return {}
    if len(asking) > ONE_BY_ONE:
        read = await reach.cloud.compute.usage()
        return {usage.server_id: usage for usage in read}
    each_one = [await reach.cloud.compute.usage(tag) for tag in asking]
    return {usage.server_id: usage for read in each_one for usage in read}


async def _pushed(site: Site, crowd: Sequence[Known]) -> Mapping[UUID, Pushed]:
    """Return the newest reading from outside of each cluster whose rules want one."""
    named = tuple(
        each.cluster.id
        for each in crowd
        if each.cluster.scaling and Metric.CUSTOM in each.cluster.scaling.metrics
    )
    if not named:
        return {}
    found = await site.store.read(lambda tx: tx.pushed.find(Query(where={"id": named})))
    return {each.cluster_id: each for each in found}


async def _sample(
    reach: Reach, meter: Meter, known: Known, usages: Mapping[UUID, Usage], now: datetime
) -> None:
    """Add a sample of every metric that the rules name and that can be measured here."""
    cluster = known.cluster
    named = cluster.scaling.metrics if cluster.scaling else frozenset()
    members = warm(known, now)
    if Metric.CPU in named:
        meter.note(cpu(meter, members, usages, now))
    if Metric.REQUESTS in named and reach.cloud.balancer:
        pool = await _pool(reach.cloud.balancer, cluster.id)
        meter.note(requests(meter, members, pool, now))


async def _pool(balancer: Balancer, cluster_id: UUID) -> PoolSeen | None:
    """Return its pool; one that cannot be read is missing data for its own cluster only."""
    try:
        return await balancer.pool(cluster_id)
    except DriverError as error:
        log(cluster=str(cluster_id)).warning("sample.no_pool", reason=error.text)
        return None


async def _look_ahead(site: Site, watches: Watches, crowd: Sequence[Known]) -> None:
    """Bring the forecasts of those up to date whose rules have a floor."""
    now = site.clock.now()
    ahead = [
        Ahead(
            cluster=each.cluster,
            rules=each.cluster.scaling,
            crew=crew(each, site.pace.max_cluster_size, now),
            samples=watches[each.cluster.id].meter.samples,
            outlook=watches[each.cluster.id].outlook,
        )
        for each in crowd
        if each.cluster.scaling and each.cluster.scaling.floor
    ]
    for id, outlook in (await look_ahead(site, ahead) if ahead else {}).items():
        watches[id].outlook = outlook


def _evaluate(site: Site, watch: Watch, known: Known) -> Evaluated:
    cluster, now = known.cluster, site.clock.now()
    scaling = cluster.scaling or Scaling()
    there = crew(known, site.pace.max_cluster_size, now)
    who: Crew = sighted(there, scaling, watch.outlook, now)
    decision = react(scaling, watch.meter.samples, watch.past, who, now)
    DECISIONS.labels(decision.verdict.value).inc()
    before = watch.record
    if before and repeats(before.decision, decision):
        record = replace(before, last_at=now, times=before.times + 1, decision=decision)
        due = watch.written_at is None or now - watch.written_at >= WRITE_EVERY
        keep: tuple[DecisionRecord, ...] = (record,) if due else ()
    else:
        record = _first(cluster, decision, now)
        keep = (before, record) if before else (record,)
    past = remembered(watch.past, decision, scaling, who, now)
    return Evaluated(cluster=cluster, record=record, keep=keep, past=past)


def _first(cluster: Cluster, decision: Decision, now: datetime) -> DecisionRecord:
    return DecisionRecord(
        id=uuid5(cluster.id, f"decision/{now.isoformat()}"),
        cluster_id=cluster.id,
        project=cluster.project,
        at=now,
        last_at=now,
        decision=decision,
    )


async def _keep(site: Site, watches: Watches, decided: Sequence[Evaluated]) -> None:
    """Write down decisions and the wishes they are; one that came too late never was.

    Too late is a decision on a cluster that somebody else changed since it was read: the
    next evaluation sees what it is like now.
    """
    now = site.clock.now()
    written = [each for each in decided if each.keep]
    late = (
        await site.store.write(lambda tx: {id for each in written if (id := _write(tx, each, now))})
        if written
        else set()
    )
    for each in decided:
        if each.cluster.id in late:
            continue
        watch = watches[each.cluster.id]
        watch.record, watch.past = each.record, each.past
        if each.keep:
            watch.written_at = now


def _write(tx: Transaction, decided: Evaluated, now: datetime) -> UUID | None:
    """Write one decision; return the cluster's id if it came too late."""
    cluster, decision = decided.cluster, decided.record.decision
    current = tx.clusters.get(cluster.id)
    if current is None:
        return cluster.id
    if decision.after != decision.before:
        same = current.generation == cluster.generation and current.desired == decision.before
        if current.leaving or not same:
            return cluster.id
        _wish(tx, current, decision, now)
    tx.decisions.put(*decided.keep)
    return None


def _wish(tx: Transaction, current: Cluster, decision: Decision, now: datetime) -> None:
    """Ask for the size decided on, as anybody else would."""
    generation = current.generation + 1
    cluster = replace(current, desired=decision.after, generation=generation, updated_at=now)
    out = decision.verdict is Verdict.OUT
    verb = Verb.CLUSTER_SCALE_OUT if out else Verb.CLUSTER_SCALE_IN
    inputs = {"count": abs(decision.after - decision.before), "desired": decision.after}
    action = Action(
        id=uuid5(cluster.id, f"scale/{generation}"),
        name=f"{verb.lower()}_{cluster.id.hex[:8]}",
        verb=verb,
        target=cluster.id,
        cluster_id=cluster.id,
        project=cluster.project,
        user=cluster.user,
        cause=AUTOSCALER,
        reason=decision.reason,
        inputs=inputs,
        generation=generation,
        timeout_s=cluster.timeout_s,
        created_at=now,
    )
    tx.clusters.put(cluster)
    tx.actions.put(action)
    tx.events.append(*(_event(cluster, action, decision, kind) for kind in KINDS))
    tx.marks.mark(cluster.id)


KINDS = ("scaling.decided", "cluster.scaled")


def _event(cluster: Cluster, action: Action, decision: Decision, kind: str) -> Event:
    return Event(
        id=uuid5(action.id, kind),
        at=action.created_at,
        kind=kind,
        otype=About.CLUSTER,
        oid=cluster.id,
        oname=cluster.name,
        cluster_id=cluster.id,
        project=cluster.project,
        user=cluster.user,
        action=action.verb,
        action_id=action.id,
        status="start",
        reason=decision.reason,
        data={"before": decision.before, "after": decision.after, "formula": decision.formula},
    )
