"""Actions as people read them: a wish under way, and what is done to each node for it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from muster.base.copies import altered
from muster.base.ids import derived
from muster.decide.asked import DONE
from muster.decide.departures import DERIVED, HOOKED
from muster.decide.requests import OPERATED, is_request
from muster.model.action import Action, ActionStatus, Verb
from muster.model.node import Node
from muster.model.observed import Seen, Server
from muster.model.plan import Plan, Snapshot
from muster.model.step import (
    CreateServer,
    DeleteServer,
    Done,
    Failed,
    OperateServer,
    Outcome,
    PostHook,
    Retry,
)

REPAIR = "Repair"
Traced = CreateServer | DeleteServer | OperateServer  # an action tells of each
NodeStep = Traced | PostHook
_S = ActionStatus


def action_id(step: Traced) -> UUID:
    """Return the id of the node action that tells of `step`: the same step, the same action."""
    match step:
        case CreateServer():
            return derived(step.order.server_id, Verb.NODE_CREATE)
        case DeleteServer():
            return derived(step.server_id, Verb.NODE_DELETE)
        case OperateServer():
            return step.action_id


@dataclass(frozen=True, slots=True)
class Begun:
    """The actions to be written with a plan; `of_steps` are in the order of its steps."""

    actions: Sequence[Action]
    of_steps: Sequence[Action | None]  # None: no action tells of the step
    told: Sequence[Action] = ()  # of `actions`, those that tell of steps and have turned


def begun(snapshot: Snapshot, plan: Plan, owner: str) -> Begun:
    """Return the actions to write down with the plan, before its steps run.

    Those are what the plan says of actions, the wishes seen for the first time, one action
    for every step that touches a node, and the ends of those that nothing carries on.
    """
    known = {each.id: each for each in (*snapshot.actions, *plan.actions)}
    written = {each.id: _owned(each, owner) for each in plan.actions}
    for each in known.values():
        if _is_wish(each) and each.status is _S.READY:
            written[each.id] = _running(each, snapshot.now, owner)
    asked = {each.target for each in known.values() if is_request(each) and not each.ended}
    new = _blank(snapshot, plan, owner)
    of_steps: list[Action | None] = []
    for step in plan.steps:
        action = None
        if isinstance(step, Traced):
            id = action_id(step)
            old = known.get(id)
            if old:
                action = _running(old, snapshot.now, owner)
            elif step.node_id not in asked:  # a request tells of itself
                action = _begun(new, id, step)
        if action:
            written[action.id] = action
        of_steps.append(action)
    ends = list(_ends(snapshot, plan, [e for e in known.values() if e.id not in written]))
    written |= {end.id: end for end in ends}
    told = [each for each in of_steps if each and not is_request(each)]
    return Begun(list(written.values()), of_steps, [*told, *ends])


def _ends(snapshot: Snapshot, plan: Plan, carried_on_by_nothing: list[Action]) -> Iterator[Action]:
    ours = [each for each in carried_on_by_nothing if _is_ours(each)]
    if not ours:
        return
    nodes = {each.id: each for each in (*snapshot.nodes, *plan.put)}
    for each in ours:
        end = _left_over(each, snapshot, None if plan.gone else nodes.get(each.target))
        if end is not each:
            yield end


def ended(action: Action, outcome: Outcome, now: datetime) -> Action:
    """Return a node action as the outcome of its step leaves it: one to be retried goes on."""
    match outcome:
        case Done() if action.verb is Verb.NODE_RECOVER:  # it has to be well again, too
            return altered(action, data={**action.data, OPERATED: True}, updated_at=now)
        case Done(server) if server is not None and server.seen is Seen.BUILDING:
            return action  # it is done when the server is, see `_left_over`
        case Done():
            return action.turned(_S.SUCCEEDED, now, DONE if is_request(action) else "")
        case Failed():
            return action.turned(_S.FAILED, now, outcome.reason)
        case Retry():
            return action.turned(_S.RUNNING, now, outcome.reason)


def _is_wish(action: Action) -> bool:
    return action.verb.startswith("CLUSTER_")


def _is_ours(action: Action) -> bool:
    told = action.cause in (DERIVED, REPAIR, HOOKED) and not action.ended
    return told and not (_is_wish(action) or is_request(action))


def _owned(action: Action, owner: str) -> Action:
    return action if action.owner or action.status is _S.READY else altered(action, owner=owner)


def _running(action: Action, now: datetime, owner: str) -> Action:
    if action.ended:
        return action
    turned = action.turned(_S.RUNNING, now)
    return altered(turned, owner=owner, attempts=action.attempts + 1)


def _blank(snapshot: Snapshot, plan: Plan, owner: str) -> Mapping[str, Any]:
    """Return what all node actions of one plan have in common."""
    wish = next((each for each in snapshot.actions if _is_wish(each)), None)
    cluster = plan.cluster
    return {
        "cluster_id": None if snapshot.solo else cluster.id,
        "project": cluster.project,
        "user": wish.user if wish else cluster.user,
        "cause": DERIVED if wish else REPAIR,
        "parent": wish.id if wish else None,
        "owner": owner,
        "status": _S.RUNNING,
        "attempts": 1,
        "timeout_s": cluster.timeout_s,
        "created_at": snapshot.now,
        "started_at": snapshot.now,
    }


def _begun(blank: Mapping[str, Any], id: UUID, step: Traced) -> Action:
    verb = Verb.NODE_CREATE if isinstance(step, CreateServer) else Verb.NODE_DELETE
    name = f"{verb.lower()}_{step.node_id.hex[:8]}"
    return Action(
        id=id, name=name, verb=verb, target=step.node_id, inputs={"why": step.why}, **blank
    )


# Note [Left over]
# An action that was begun and has no outcome was cut short: by a power cut, or by a wish
# that made its step pointless. What became of it is read off the world. An action whose
# step is only waiting for its next try stays as it is, and so does a creation whose server
# is still being built: whoever waits for the wish sees what it waits for.
def _left_over(action: Action, snapshot: Snapshot, node: Node | None) -> Action:
    """Return the action ended, if it has ended without our noticing. See Note [Left over]."""
    present = node is not None and action.id == derived(node.server_id, action.verb)
    there = present and node is not None and node.server_id in snapshot.servers
    if action.verb is Verb.NODE_CREATE:
        if there and node is not None:
            return _built(action, snapshot.servers[node.server_id], snapshot.now)
        if not present:
            return action.turned(_S.FAILED, snapshot.now, "the place is no longer wanted")
    elif action.verb is Verb.NODE_DELETE and not there:
        return action.turned(_S.SUCCEEDED, snapshot.now)
    return action


def _built(action: Action, server: Server, now: datetime) -> Action:
    """Return the creation as its server shows it."""
    if server.seen is Seen.BUILDING:
        return action
    if server.seen is Seen.BROKEN:
        return action.turned(_S.FAILED, now, server.reason or "its server is broken")
    return action.turned(_S.SUCCEEDED, now)
