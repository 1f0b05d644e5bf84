"""Why a cluster has the size it has: its scaling decisions, and what else holds it."""

from collections.abc import Iterator
from dataclasses import dataclass

from muster.model.cluster import Cluster
from muster.model.scaling import DecisionRecord
from muster.model.who import Who
from muster.ports.store import Query, Transaction
from muster.service.desk import Desk
from muster.service.lookup import find_stack


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
