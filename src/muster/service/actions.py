"""What was asked for: list it, show it, withdraw it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import msgspec

from muster.base.errors import Conflict, NotFound
from muster.base.ids import new_id
from muster.model.action import Action, ActionStatus, Verb
from muster.model.cluster import Cluster
from muster.model.event import About, Event
from muster.model.who import Who
from muster.ports.store import Query, Transaction
from muster.service.changes import rolled_back
from muster.service.desk import Desk
from muster.service.identity import ACTION, CLUSTER, find, found
from muster.service.intent import Intent, plain
from muster.service.lookup import as_id, sees
from muster.service.wish import grown

_RESIZES = frozenset({Verb.CLUSTER_RESIZE, Verb.CLUSTER_SCALE_OUT, Verb.CLUSTER_SCALE_IN})
# What a wish about many nodes asks of each of them; one of these may be withdrawn alone.
_REQUESTS = frozenset({Verb.NODE_CHECK, Verb.NODE_RECOVER, Verb.NODE_OPERATION})
CANCELLED = "Action execution cancelled"
_DELETIONS = frozenset({Verb.CLUSTER_DELETE, Verb.NODE_DELETE})
_CANCELLABLE = ["INIT", "WAITING", "READY", "RUNNING", "WAITING_LIFECYCLE_COMPLETION"]
OPEN = tuple(
    each.value for each in ActionStatus if each not in ("SUCCEEDED", "FAILED", "CANCELLED")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An action, with what of its family has not ended."""

    action: Action
    waits_for: tuple[str, ...] = ()  # the ids of what is done for it
    held_up: tuple[str, ...] = ()  # of what it is done for


class Kin(msgspec.Struct, frozen=True, gc=False):
    """As much of an action as tells whose child it is: of a wish there may be ten thousand."""

    id: str
    parent: str


async def listing(desk: Desk, query: Query) -> list[Shown]:
    return await desk.store.read(lambda tx: with_family(tx, tx.actions.find(query)))


def with_family(tx: Transaction, actions: Sequence[Action]) -> list[Shown]:
    """Return the actions with what they wait for; what has ended waits for nothing."""
    going = [each for each in actions if not each.ended]
    children: dict[str, list[str]] = {}
    if wishes := [each for each in going if each.parent is None]:
        for child in tx.actions.find_as(_open_children(wishes), Kin):
            children.setdefault(child.parent, []).append(child.id)
    parents = tuple({each.parent for each in going if each.parent})
    waiting: set[UUID] = set()
    if parents:
        waiting = {p.id for p in tx.actions.find(Query(where={"id": parents, "status": OPEN}))}
    return [
        Shown(action=each)
        if each.ended
        else Shown(
            action=each,
            waits_for=tuple(children.get(str(each.id), ())),
            held_up=(str(each.parent),) if each.parent in waiting else (),
        )
        for each in actions
    ]


def _open_children(wishes: Sequence[Action]) -> Query:
    """Return how to find what has not ended of what is done for these, in the same clusters."""
    clusters = tuple({each.cluster_id for each in wishes})
    ids = tuple(each.id for each in wishes)
    return Query(where={"cluster_id": clusters, "status": OPEN, "parent": ids})


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

    there = await desk.store.read(ids)
    where = {key: values for key, values in query.where.items() if key != word}
    return replace(query, where={**where, "cluster_id": tuple(there)})


def _meant(tx: Transaction, who: Who, said: str) -> UUID | None:
    id = as_id(said)
    if id is not None:
        return id
    cluster = found(tx, who, CLUSTER, said)
    return cluster.id if cluster else None


async def show(desk: Desk, who: Who, said: str) -> Shown:
    """Return the action of that id, name, or beginning of an id."""
    return await desk.store.read(lambda tx: with_family(tx, [find(tx, who, ACTION, said)])[0])


def _find(tx: Transaction, who: Who, said: str) -> Action:
    """Return the action of that id: what is withdrawn is named exactly."""
    action = tx.actions.get(as_id(said) or UUID(int=0))
    if action is None or not sees(who, action.project):
        raise NotFound(f"The action '{said}' could not be found.")
    return action


# Note [Withdrawing]
# To cancel is to withdraw a wish, not to stop a process: what runs is finished or undone
# by the next pass, which sees the world as it is. A resize is withdrawn by wishing the size
# before it, an update by rolling back, a creation by being content with what has been made.
# A deletion cannot be withdrawn, for instances may be gone: it runs to its end, as clients know it
# of what runs, and to insist is refused. Checks, repairs and operations are not begun where they
# have not; where they have, they end by themselves. What is done for a wish runs to its step's
# end, and is ended with its wish: at once if it has not begun, or by force; by itself otherwise.
async def cancellation(desk: Desk, who: Who, said: str, *, force: bool = False) -> Intent[Action]:
    """Return the intent to withdraw a wish. See Note [Withdrawing]."""
    seen = await desk.store.read(lambda tx: _find(tx, who, said))
    _refuse_ended(seen)
    now = desk.clock.now()

    def cancel(tx: Transaction) -> Action:
        action = _find(tx, who, said)
        _refuse_ended(action)
        if not force and _runs_on(action):
            return action
        _withdraw(tx, action, now)
        ended = action.turned(ActionStatus.CANCELLED, now, CANCELLED)
        tx.actions.put(ended, *_ended_with(tx, ended, now, force=force))
        tx.events.append(_event(tx, who, ended))
        return ended

    return plain(lambda: desk.store.write(cancel), f"withdraw {seen.verb} of {seen.name}")


def _refuse_ended(action: Action) -> None:
    if action.ended:
        raise Conflict(
            f"Action ({str(action.id)[:8]}) is in status ({action.status}) while expected status "
            f"must be one of ({_CANCELLABLE}).",
            type="ActionImmutable",
        )


def _runs_on(action: Action) -> bool:
    """Whether it runs to its end, whoever asks it to end. See Note [Withdrawing]."""
    step = action.parent is not None and action.verb not in _REQUESTS
    return step or action.verb in _DELETIONS


def _ended_with(tx: Transaction, wish: Action, now: datetime, *, force: bool) -> list[Action]:
    """Return what is done for the wish and ends with it."""
    return [
        each.turned(ActionStatus.CANCELLED, now, wish.reason)
        for each in tx.actions.find(_open_children([wish]))
        if force or each.status is not ActionStatus.RUNNING
    ]


def _withdraw(tx: Transaction, action: Action, now: datetime) -> None:
    """Write what is wished instead, and have the engine look again."""
    subject_id = action.cluster_id or action.target
    table = tx.clusters if action.cluster_id else tx.solos
    subject = table.get(subject_id)
    if subject is None:
        return
    after = _withdrawn(tx, subject, action, now)
    table.put(replace(after, generation=grown(subject, now).generation))
    tx.marks.mark(subject_id)


def _withdrawn(tx: Transaction, cluster: Cluster, action: Action, now: datetime) -> Cluster:
    """Return the cluster without that wish; itself where a later wish has taken its place."""
    if cluster.leaving or action.verb in _DELETIONS:
        raise Conflict("a deletion cannot be withdrawn: instances may be gone already")
    before = action.data.get("before", action.inputs.get("before"))
    if action.verb in _RESIZES and before is not None:
        if _newest_resize(tx, cluster) != action.id:
            return cluster
        high = before if cluster.max_size is None else cluster.max_size
        return replace(cluster, desired=max(cluster.min_size, min(before, high)))
    if action.verb is Verb.CLUSTER_CREATE:
        return _content(tx, cluster)
    rollout = cluster.rollout
    mine = rollout is not None and rollout.under_way and rollout.started_at == action.created_at
    if action.verb is Verb.CLUSTER_UPDATE and mine:
        return rolled_back(cluster, now, "its wish was withdrawn")
    return cluster


def _newest_resize(tx: Transaction, cluster: Cluster) -> UUID | None:
    where = {"target": (cluster.id,), "action": tuple(_RESIZES)}
    newest = tx.actions.find(Query(where=where, sort=(("created_at", True),), limit=1))
    return newest[0].id if newest else None


def _content(tx: Transaction, cluster: Cluster) -> Cluster:
    """Return the cluster with as many nodes wanted as have been made."""
    nodes = tx.nodes.find(Query(where={"cluster_id": (cluster.id,)}))
    made = min(cluster.desired, sum(each.created_at is not None for each in nodes))
    return replace(cluster, desired=made, min_size=min(cluster.min_size, made))


def _event(tx: Transaction, who: Who, action: Action) -> Event:
    about_node = action.verb.startswith("NODE_")
    target = (tx.nodes if about_node else tx.clusters).get(action.target)
    return Event(
        id=new_id(),
        at=action.ended_at or action.created_at,
        kind="action.cancelled",
        otype=About.NODE if about_node else About.CLUSTER,
        oid=action.target,
        oname=target.name if target else action.name,
        cluster_id=action.cluster_id,
        project=action.project,
        user=who.user,
        action=action.verb,
        action_id=action.id,
        status="end",
        reason=f"withdrawn by {who.user}",
    )
