"""Why a cluster has the size it has: its scaling decisions, and what else holds it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from muster.base.errors import Conflict, Invalid
from muster.model.cluster import Cluster
from muster.model.scaling import DecisionRecord, Metric, Pushed
from muster.model.who import Who
from muster.ports.store import Query, Transaction
from muster.service.desk import Desk
from muster.service.intent import Intent, plain
from muster.service.lookup import find_stack

_AHEAD = timedelta(minutes=1)  # clocks differ


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What somebody outside has measured, per instance; without a time it is of now."""

    value: float
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Because:
    """The reasons in sentences, the most pressing first, and the newest decisions."""

    cluster: Cluster
    reasons: tuple[str, ...]
    decisions: tuple[DecisionRecord, ...]


async def listing(
    desk: Desk, who: Who, where: tuple[str, str], limit: int
) -> tuple[DecisionRecord, ...]:
    return (await why(desk, who, where, limit)).decisions


async def why(desk: Desk, who: Who, where: tuple[str, str], limit: int) -> Because:
    """Return why the cluster at `where` is as it is, newest decision first."""

    def because(tx: Transaction) -> Because:
        cluster = find_stack(tx, who, *where)
        mine = Query(where={"cluster_id": (cluster.id,)}, sort=(("at", True),), limit=limit)
        decisions = tuple(tx.decisions.find(mine))
        reasons = tuple(_reasons(cluster, decisions))
        return Because(cluster=cluster, reasons=reasons, decisions=decisions)

    return await desk.store.read(because)


async def push(desk: Desk, who: Who, where: tuple[str, str], reading: Reading) -> Intent[Pushed]:
    """Return the intent to take a reading of metric custom in, the newest one replacing the last.

    Raises `Conflict` where the rules of the cluster at `where` never look at it, and
    `Invalid` for one from the future.
    """
    cluster = await desk.store.read(lambda tx: find_stack(tx, who, *where))
    rules, now = cluster.scaling, desk.clock.now()
    named = {each.metric for each in rules.targets} if rules else set()
    named |= {each.metric for each in rules.steps} if rules else set()
    if Metric.CUSTOM not in named:
        raise Conflict(f"no rule of '{cluster.name}' is about metric custom; set one first")
    at = reading.at or now
    if at > now + _AHEAD:
        raise Invalid(f"lies in the future; here it is {now.isoformat()}", field="at")
    made = Pushed(cluster_id=cluster.id, project=cluster.project, at=at, mean=reading.value)

    def work(tx: Transaction) -> Pushed:
        before = tx.pushed.get(cluster.id)
        if before is None or before.at <= made.at:
            tx.pushed.put(made)
        return made

    said = f"take {reading.value:g} per instance in as the newest reading"
    return plain(lambda: desk.store.write(work), said)


def _reasons(cluster: Cluster, decisions: tuple[DecisionRecord, ...]) -> Iterator[str]:
    if cluster.leaving:
        yield "the cluster is being deleted"
    if cluster.storm:
        yield f"repairs have stopped: {cluster.storm.reason}"
    if cluster.rollout and cluster.rollout.under_way:
        yield f"an update is {cluster.rollout.state}: {cluster.rollout.reason}"
    if cluster.reason:
        yield cluster.reason
    if decisions:
        yield decisions[0].decision.reason
    elif cluster.scaling:
        yield "no scaling decision has been taken yet"
    else:
        yield f"it has no scaling rules; somebody asked for {cluster.desired}"
