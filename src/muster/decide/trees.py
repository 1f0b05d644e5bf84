"""Wishes about many nodes at once: each is a request of every node that it concerns."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import uuid5

from muster.decide.asked import DONE, late, open_wishes, too_late
from muster.decide.departures import DERIVED
from muster.decide.destiny import FINE
from muster.decide.draft import Draft, Place
from muster.decide.health import TROUBLE
from muster.model.action import Action, ActionStatus, Verb, action_name
from muster.model.cluster import ClusterStatus
from muster.model.event import OF_VERB
from muster.model.node import NodeStatus

_S, _C = ActionStatus, ClusterStatus
OF_NODES: Mapping[Verb, Verb] = {
    Verb.CLUSTER_CHECK: Verb.NODE_CHECK,
    Verb.CLUSTER_RECOVER: Verb.NODE_RECOVER,
    Verb.CLUSTER_OPERATION: Verb.NODE_OPERATION,
}
WORDS: Mapping[Verb, tuple[ClusterStatus, str]] = {
    Verb.CLUSTER_CHECK: (_C.CHECKING, "Check in progress"),
    Verb.CLUSTER_RECOVER: (_C.RECOVERING, "Recovery in progress"),
    Verb.CLUSTER_OPERATION: (_C.OPERATING, "Operation '{operation}' in progress"),
}


def is_tree(wish: Action) -> bool:
    return wish.verb in OF_NODES and not wish.ended


def expanded(draft: Draft) -> list[Action]:
    """Return a new request for every node that a wish not yet taken up concerns.

    Their ids follow from the wish and the node, and they are written together with the
    wish being RUNNING: it is taken up once.
    """
    if draft.cluster.leaving:
        return []
    new: list[Action] = []
    for wish in open_wishes(draft):
        if is_tree(wish) and wish.status is _S.READY:
            new += (_child(draft, wish, each) for each in _CONCERNED[wish.verb](draft, wish))
            draft.turn(wish, _S.RUNNING)
    return new


def _everybody(draft: Draft, wish: Action) -> Sequence[Place]:
    return draft.staying


def _out_of_order(draft: Draft, wish: Action) -> Sequence[Place]:
    broken = (NodeStatus.ERROR, NodeStatus.WARNING)
    return [
        each
        for each in draft.staying
        if each.fitness not in FINE and (each.fitness in TROUBLE or each.node.status in broken)
    ]


def _named(draft: Draft, wish: Action) -> Sequence[Place]:
    said = {str(each) for each in wish.inputs.get("nodes", ())}
    return [each for each in draft.staying if str(each.node.id) in said]


_CONCERNED: Mapping[Verb, Callable[[Draft, Action], Sequence[Place]]] = {
    Verb.CLUSTER_CHECK: _everybody,
    Verb.CLUSTER_RECOVER: _out_of_order,
    Verb.CLUSTER_OPERATION: _named,
}


def _child(draft: Draft, wish: Action, each: Place) -> Action:
    inputs = {name: said for name, said in wish.inputs.items() if name != "nodes"}
    return child(draft, wish, each, OF_NODES[wish.verb], inputs)


def child(draft: Draft, wish: Action, each: Place, verb: Verb, inputs: Mapping[str, Any]) -> Action:
    """Return the request that a wish is of one node, told of as begun."""
    node = each.node
    # An update may come to a node more than once: forth, and back again.
    updates = verb is Verb.NODE_UPDATE
    key = f"{node.id}/{node.incarnation}" if updates else str(node.id)
    request = Action(
        id=uuid5(wish.id, key),
        name=action_name(verb, node.id, str(inputs.get("operation", ""))),
        verb=verb,
        target=node.id,
        cluster_id=wish.cluster_id,
        project=node.project,
        user=wish.user,
        cause=DERIVED,
        inputs=inputs,
        parent=wish.id,
        timeout_s=wish.timeout_s,
        created_at=draft.now,
    )
    draft.actions[request.id] = request
    draft.tell(
        OF_VERB[verb],
        f"for {wish.name}",
        each,
        status="start",
        action=request,
        key=f"{request.id}/start",
    )
    return request


def under_way(draft: Draft) -> Action | None:
    """Return the newest wish about many nodes that has not ended with this pass."""
    latest = (draft.actions.get(each.id, each) for each in open_wishes(draft))
    return next((each for each in reversed(list(latest)) if is_tree(each)), None)


def harvest(draft: Draft) -> None:
    """End the wishes about many nodes of which every request has ended."""
    for wish in () if draft.cluster.leaving else open_wishes(draft):
        if is_tree(wish) and (ended := _ripe(draft, wish)):
            draft.actions[wish.id] = ended


def _ripe(draft: Draft, wish: Action) -> Action | None:
    known = {each.id: each for each in draft.snapshot.actions if each.parent == wish.id}
    for each in draft.actions.values():
        if each.parent == wish.id:
            known[each.id] = each
    left = [each for each in known.values() if not each.ended]
    if left and not late(wish, draft.now):
        return None
    for each in left:
        draft.turn(each, _S.CANCELLED, "what it was done for took too long")
    if left:
        return wish.turned(_S.FAILED, draft.now, too_late(wish))
    failed = [each for each in known.values() if each.status is not _S.SUCCEEDED]
    if not failed:
        return wish.turned(_S.SUCCEEDED, draft.now, DONE)
    more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
    return wish.turned(_S.FAILED, draft.now, f"{failed[0].name}: {failed[0].reason}{more}")
