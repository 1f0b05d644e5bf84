"""What was asked for: list it, show it, withdraw it."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from muster.base.errors import Conflict, NotFound
from muster.base.ids import new_id
from muster.model.action import Action, ActionStatus, Verb
from muster.model.cluster import Cluster
from muster.model.event import About, Event
from muster.model.who import Who
from muster.ports.store import Query, Transaction
from muster.service.changes import rolled_back
from muster.service.desk import Desk
from muster.service.intent import Intent, plain
from muster.service.lookup import as_id, find_cluster, sees
from muster.service.wish import grown

_RESIZES = frozenset({Verb.CLUSTER_RESIZE, Verb.CLUSTER_SCALE_OUT, Verb.CLUSTER_SCALE_IN})


async def listing(desk: Desk, query: Query) -> list[Action]:
    return await desk.store.read(lambda tx: tx.actions.find(query))


async def in_clusters(desk: Desk, who: Who, query: Query, word: str) -> Query:
    """Return the query with the clusters that it names by `word` found by name or id.

    Unknown ones mean none; an id that is no longer a cluster's is kept, for what was done
    for that cluster is still listed.
    """
    said = query.where.get(word)
    if said is None:
        return query

    def ids(tx: Transaction) -> list[UUID]:
        return [id for each in said if (id := _meant(tx, who, each))]

    found = await desk.store.read(ids)
    where = {key: values for key, values in query.where.items() if key != word}
    return replace(query, where={**where, "cluster_id": tuple(found)})


def _meant(tx: Transaction, who: Who, said: str) -> UUID | None:
    try:
        return as_id(said) or find_cluster(tx, who, said).id
    except NotFound:
        return None


async def show(desk: Desk, who: Who, said: str) -> Action:
    return await desk.store.read(lambda tx: _find(tx, who, said))


def _find(tx: Transaction, who: Who, said: str) -> Action:
    action = tx.actions.get(as_id(said) or UUID(int=0))
    if action is None or not sees(who, action.project):
        raise NotFound(f"The action '{said}' could not be found.")
    return action


# Note [Withdrawing]
# To cancel is to withdraw a wish, not to stop a process: what runs is finished or undone
# by the next pass, which sees the world as it is. A resize is withdrawn by wishing the size
# before it, an update by rolling back. A creation is withdrawn by deleting the cluster, which
# is another call because it loses more; a deletion cannot be, for the instances may be gone.
async def cancellation(desk: Desk, who: Who, said: str) -> Intent[Action]:
    """Return the intent to withdraw a wish. See Note [Withdrawing]."""
    seen = await show(desk, who, said)
    _refuse_ended(seen)
    now = desk.clock.now()

    def cancel(tx: Transaction) -> Action:
        action = _find(tx, who, said)
        _refuse_ended(action)
        cluster = tx.clusters.get(action.cluster_id) if action.cluster_id else None
        after = _withdrawn(cluster, action, now) if cluster else None
        if cluster and after and after is not cluster:
            tx.clusters.put(replace(after, generation=grown(cluster, now).generation))
            tx.marks.mark(cluster.id)
        ended = action.turned(ActionStatus.CANCELLED, now, f"withdrawn by {who.user}")
        tx.actions.put(ended)
        tx.events.append(_event(who, ended, now))
        return ended

    return plain(lambda: desk.store.write(cancel), f"withdraw {seen.verb} of {seen.name}")


def _refuse_ended(action: Action) -> None:
    if action.ended:
        raise Conflict(f"The action '{action.id}' has ended already: it is {action.status}.")


def _withdrawn(cluster: Cluster, action: Action, now: datetime) -> Cluster:
    """Return the cluster without that wish; itself where a later wish has taken its place."""
    if cluster.leaving or action.verb is Verb.CLUSTER_CREATE:
        raise Conflict(
            "a creation is withdrawn by deleting the cluster"
            if not cluster.leaving
            else f"cluster '{cluster.name}' is being deleted, which cannot be withdrawn"
        )
    before = action.inputs.get("before")
    if action.verb in _RESIZES and before is not None:
        superseded = cluster.desired != action.inputs.get("desired_size")
        return cluster if superseded else replace(cluster, desired=int(before))
    rollout = cluster.rollout
    mine = rollout is not None and rollout.under_way and rollout.started_at == action.created_at
    if action.verb is Verb.CLUSTER_UPDATE and mine:
        return rolled_back(cluster, now, "its wish was withdrawn")
    if action.parent is not None or action.verb.startswith("NODE_"):
        raise Conflict(f"{action.verb} ends with its step; withdraw the wish it was done for")
    return cluster


def _event(who: Who, action: Action, now: datetime) -> Event:
    return Event(
        id=new_id(),
        at=now,
        kind="action.cancelled",
        otype=About.CLUSTER,
        oid=action.cluster_id or action.target,
        oname=action.name,
        cluster_id=action.cluster_id,
        project=action.project,
        user=who.user,
        action=action.verb,
        action_id=action.id,
        status="end",
        reason=action.reason,
    )
