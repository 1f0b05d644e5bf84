"""What each cluster that forecasts has learned of its load, and whether its forecast may act."""

from asyncio import to_thread
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID, uuid5

from muster.decide.forecast import PER_DAY, SLOT_S, History, Learned, foresee_load, subject
from muster.decide.worth import EPOCH, Worth, at_of, worth
from muster.engine.site import Site
from muster.model.cluster import Cluster
from muster.model.scaling import Crew, LoadDay, Metric, Sample, Scaling
from muster.ports.store import Query, Transaction

DAYS_KEPT = 36  # five weeks and the day under way
DAYS_SWEPT = 30  # so many older ones are dropped, in case nobody was there to do it in time


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What is known of one cluster's load; the worth of a forecast is as of its last trial."""

    metric: Metric
    learned: Learned
    worth: Worth = Worth(acts=False, why="not tried yet")
    tried: tuple[int, Scaling] | None = None  # on which day, and under which rules

    def due(self, rules: Scaling) -> bool:
        """Whether another trial could end otherwise: it is another day, or the rules changed."""
        return self.tried != (self.learned.history.end // PER_DAY, rules)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """One cluster whose rules have a floor: what it measures now, and what was known before."""

    cluster: Cluster
    rules: Scaling
    crew: Crew
    samples: Sequence[Sample]
    outlook: Outlook | None


async def look_ahead(site: Site, crowd: Sequence[Ahead]) -> Mapping[UUID, Outlook]:
    """Return each cluster's outlook with the newest reading in it; what is over is kept.

    One that nobody here has looked at is read back. One at most is tried anew: a trial takes
    a second, and may wait.
    """
    now = site.clock.now()
    known = {each.cluster.id: await _known(site, each, now) for each in crowd}
    after = {each.cluster.id: _with(known[each.cluster.id], each.samples, now) for each in crowd}
    grown = [each for each in crowd if _over(known[each.cluster.id], after[each.cluster.id])]
    if grown:
        await site.store.write(partial(_keep, grown=grown, before=known, after=dict(after)))
    for each in crowd:
        outlook = after[each.cluster.id]
        if outlook.due(each.rules):
            after[each.cluster.id] = await to_thread(_tried, outlook, each)
            break
    return after


def sighted(crew: Crew, rules: Scaling, outlook: Outlook | None, now: datetime) -> Crew:
    """Return the crew as a decision sees it that knows the forecast."""
    if outlook is None or rules.floor is None:
        return crew
    said = foresee_load(outlook.learned.history, rules, crew, at_of(now))
    doubted = not outlook.worth.acts
    told = said.why
    if said.size is not None and rules.floor.enabled:
        told += f"; {'not in force' if doubted else 'in force'}: {outlook.worth.why}"
    elif said.size is not None:
        told += f"; in shadow: {outlook.worth.why}"
    return replace(crew, foreseen=said.size, outlook=told, doubted=doubted)


async def _known(site: Site, ahead: Ahead, now: datetime) -> Outlook:
    what = subject(ahead.rules)
    metric = what.metric if what else Metric.CPU
    if ahead.outlook is not None and ahead.outlook.metric is metric:
        return ahead.outlook
    mine = Query(where={"cluster_id": (ahead.cluster.id,)}, sort=(("at", False),))
    days = await site.store.read(lambda tx: tx.loads.find(mine))
    same = [each for each in days if each.metric is metric]
    slot = int(at_of(now) // SLOT_S)
    history = await to_thread(learned_from, same, slot) if same else History()
    return Outlook(metric=metric, learned=Learned(history, slot))


def learned_from(days: Sequence[LoadDay], before: int) -> History:
    """Return the history that days, oldest first, tell of, up to the slot `before`."""
    history = History()
    for day in days:
        first = int(at_of(day.at) // SLOT_S)
        for slot, load in enumerate(day.loads, first):
            if slot < before and (load is not None or history.loads):
                history = history.with_next(slot, load)
    return history


def _with(outlook: Outlook, samples: Sequence[Sample], now: datetime) -> Outlook:
    """Return the outlook with the newest sample; none counts as nobody could be asked."""
    newest = next((each for each in reversed(samples) if each.metric is outlook.metric), None)
    load = None
    if newest is not None and newest.mean is not None:
        load = newest.mean * max(newest.members, 1)
    return replace(outlook, learned=outlook.learned.seen(at_of(now), load))


def _over(before: Outlook, after: Outlook) -> bool:
    return after.learned.history.end != before.learned.history.end


def _keep(
    tx: Transaction,
    grown: Sequence[Ahead],
    before: Mapping[UUID, Outlook],
    after: Mapping[UUID, Outlook],
) -> None:
    """Write the days of the slots that are over since, of clusters that are still there."""
    for each in grown:
        id = each.cluster.id
        if tx.clusters.get(id) is not None:
            _write(tx, each.cluster, before[id], after[id])


def _write(tx: Transaction, cluster: Cluster, before: Outlook, after: Outlook) -> None:
    history, metric = after.learned.history, after.metric
    last = (history.end - 1) // PER_DAY
    first = min(max(before.learned.history.end, history.first) // PER_DAY, last)
    tx.loads.put(*(_day(cluster, metric, history, day) for day in range(first, last + 1)))
    oldest = last - DAYS_KEPT
    old = range(oldest - DAYS_SWEPT, oldest)
    tx.loads.drop(*(_id(cluster, metric, day) for day in old))


def _day(cluster: Cluster, metric: Metric, history: History, day: int) -> LoadDay:
    slots = range(day * PER_DAY, (day + 1) * PER_DAY)
    return LoadDay(
        id=_id(cluster, metric, day),
        cluster_id=cluster.id,
        project=cluster.project,
        metric=metric,
        at=EPOCH + timedelta(days=day),
        loads=tuple(history.load(slot) for slot in slots),
    )


def _id(cluster: Cluster, metric: Metric, day: int) -> UUID:
    return uuid5(cluster.id, f"load/{metric}/{day}")


def _tried(outlook: Outlook, ahead: Ahead) -> Outlook:
    history = outlook.learned.history
    shown = worth(history, ahead.rules, ahead.crew)
    return replace(outlook, worth=shown, tried=(history.end // PER_DAY, ahead.rules))
