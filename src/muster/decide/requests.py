"""What somebody asked of single nodes: taken up here, and ended once the world shows it."""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from uuid import UUID

from muster.decide.asked import DONE, late, too_late
from muster.decide.destiny import AWAY, FINE, Destiny, Fitness
from muster.decide.draft import Draft, Place
from muster.decide.limits import LOST_LOOK, resting
from muster.decide.renewal import renew, updating, withdraw
from muster.model.action import Action, ActionStatus, Verb
from muster.model.event import OF_VERB, Level
from muster.model.node import NodeStatus
from muster.model.observed import Seen
from muster.model.step import OperateServer, Operation

_S, _N = ActionStatus, NodeStatus
ASKED = "RPC Request"
RECREATE = "RECREATE"
OPERATED = "operated"  # in an action's data: its server was operated, and has to come back now
_WAYS = {"REBOOT": Operation.REBOOT, "REBUILD": Operation.REBUILD}
_MENDED, _GONE = "Recovery succeeded", "the node is gone"
_LOOK = timedelta(seconds=0.5)

_ALWAYS = frozenset({Verb.NODE_CHECK, Verb.NODE_RECOVER, Verb.NODE_UPDATE, Verb.NODE_OPERATION})
_LATER = frozenset({Verb.NODE_RECOVER, Verb.NODE_OPERATION})  # than a server that is stopping
_BY_NAME = frozenset({Verb.NODE_CREATE, Verb.NODE_DELETE})

# How a node is called while something asked for is being done to it.
BUSY: Mapping[Verb, tuple[NodeStatus, str]] = {
    Verb.NODE_RECOVER: (_N.RECOVERING, "Recovery in progress"),
    Verb.NODE_UPDATE: (_N.UPDATING, "Update in progress"),
    Verb.NODE_OPERATION: (_N.OPERATING, "Operation '{operation}' in progress"),
}


def is_request(action: Action) -> bool:
    """Tell what somebody asked of a node from what the engine tells of its own steps."""
    asked = action.verb in _BY_NAME and action.cause == ASKED
    return action.verb in _ALWAYS or asked


# Note [Requests]
# The state of the world does not show that somebody wants a node looked at, mended, operated
# or brought to another profile; only the request does. READY says that nothing was done for
# it. What must be done just once, such as turning a place to its next server, is written in
# one transaction with RUNNING. So a pass that is cut short has either begun it or not, and
# the next one goes on from there. An operation is a step that may be repeated: it is
# taken again until its outcome is known.
def attend(draft: Draft, new: Iterable[Action]) -> None:
    """Take up what is asked of nodes, `new` included, and note on each place what that is.

    See Note [Requests].
    """
    asked = [each for each in draft.snapshot.actions if is_request(each) and not each.ended]
    asked += new
    places = {each.node.id: each for each in draft.places} if asked else {}
    for action in asked:
        _take_up(draft, places.get(action.target), action)
    for each in draft.places:
        if each.renew_by is not None:
            withdraw(draft, each)


def _take_up(draft: Draft, each: Place | None, action: Action) -> None:
    if action.verb is Verb.NODE_DELETE:
        return
    if each is None:
        _end(draft, None, action, _S.FAILED, _GONE)
    elif each.leaving is not None:
        _end(draft, each, action, _S.CANCELLED, "the node is on its way out")
    elif action.inputs.get("update_parent_status") is False:
        _own(draft, each, action)
    elif action.verb is Verb.NODE_CHECK:
        _check(draft, each, action)
    elif action.verb in _LATER and each.node.stopping_until is not None:
        draft.wait(f"{action.name} waits for the next server", draft.now + _LOOK)
    elif each.request is not None:
        draft.wait(f"{action.name} waits for {each.request.name}", draft.now + _LOOK)
    else:
        each.request = action
        if handler := _HANDLERS.get(action.verb):
            handler(draft, each, action)


def _own(draft: Draft, each: Place, action: Action) -> None:
    """End what the engine began by itself before a server was to go, once that has gone."""
    if each.node.stopping_until is None:
        _end(draft, each, action, _S.CANCELLED, "its server has gone")


def _check(draft: Draft, each: Place, action: Action) -> None:
    """Say what the listing shows, which is a fresh one: whoever asked changed the cluster's row."""
    if not (each.node.ref or each.server):
        _end(draft, each, action, _S.FAILED, "there is no server to look at")
        return
    runs = each.server is not None and each.server.seen is Seen.RUNNING
    if runs and each.node.parked:
        each.edit(parked="")
    if runs and each.fitness in (Fitness.UNREADY, Fitness.SICK):
        each.said = _N.WARNING, f"Check: Node is ACTIVE. {each.why}".rstrip()
    elif runs:
        each.said = _N.ACTIVE, "Check: Node is ACTIVE."
    elif each.fitness is not Fitness.STARTING:
        each.said = _N.ERROR, "Check: Node is not ACTIVE."
    _end(draft, each, action, _S.SUCCEEDED, DONE)


def _begin(draft: Draft, each: Place, action: Action) -> None:
    if action.status is _S.READY:
        draft.turn(action, _S.RUNNING)


def _update(draft: Draft, each: Place, action: Action) -> None:
    """Bring a node to another profile, in its place; with the one it has already it is done."""
    profile_id = profile_of(action)
    if profile_id is None or (action.status is _S.READY and profile_id == each.node.profile_id):
        _end(draft, each, action, _S.SUCCEEDED, DONE)
    elif action.cause != ASKED and not updating(draft, profile_id):
        _end(draft, each, action, _S.FAILED, "the update was stopped")
    elif each.profile_id != profile_id or each.renew_by is not None:
        renew(draft, each, profile_id)
        _begin(draft, each, action)


def profile_of(action: Action) -> UUID | None:
    """Return the profile that a request names, None if it names none."""
    said = action.inputs.get("new_profile_id")
    return UUID(str(said)) if said else None


def _recover(draft: Draft, each: Place, action: Action) -> None:
    way = str(action.inputs.get("operation") or RECREATE).upper()
    if action.status is _S.READY and action.inputs.get("check") and each.fitness in FINE:
        each.said = _N.ACTIVE, "Recover: Node is ACTIVE."
        _end(draft, each, action, _S.SUCCEEDED, DONE)
    elif way in _WAYS:
        if not action.data.get(OPERATED):
            _operated(draft, each, action, _WAYS[way])
    elif action.status is _S.READY or each.renew_by is not None:
        renew(draft, each, each.node.profile_id)
        _begin(draft, each, action)


def _operate(draft: Draft, each: Place, action: Action) -> None:
    said = action.inputs.get("operation")
    if said not in frozenset(Operation):
        _end(draft, each, action, _S.FAILED, f"there is no operation '{said}'")
        return
    _operated(draft, each, action, Operation(said))


def _operated(draft: Draft, each: Place, action: Action, operation: Operation) -> None:
    """Have its server operated now, and leave the place alone meanwhile."""
    if action.attempts >= max(1, draft.cluster.healing.max_tries):
        _end(draft, each, action, _S.FAILED, action.reason or "it failed too often")
    elif each.server is None:
        _end(draft, each, action, _S.FAILED, "there is no server to operate")
    elif each.fitness in AWAY:
        draft.wait(f"{action.name} waits for its node", draft.now + LOST_LOOK)
    elif until := resting(draft, each):
        draft.wait(f"{action.name} waits for its node", until)
    else:
        each.fate = Destiny.OPERATE
        draft.turn(action, _S.RUNNING)
        params = action.inputs.get("params") or action.inputs.get("operation_params") or {}
        draft.steps.append(
            OperateServer(
                node_id=each.node.id,
                ref=each.server.ref,
                operation=operation,
                params=params,
                action_id=action.id,
                why="somebody asked for it",
            )
        )


_HANDLERS: Mapping[Verb, Callable[[Draft, Place, Action], None]] = {
    Verb.NODE_CREATE: _begin,
    Verb.NODE_UPDATE: _update,
    Verb.NODE_RECOVER: _recover,
    Verb.NODE_OPERATION: _operate,
}


def conclude(draft: Draft) -> None:
    """End the requests that have come true in this pass, and those that never will."""
    gone = {*draft.drop}
    for action in draft.snapshot.actions:
        if action.verb is Verb.NODE_DELETE and is_request(action) and not action.ended:
            _deleted(draft, action, gone)
    for each in draft.places:
        if each.request is not None:
            _conclude(draft, each, draft.actions.get(each.request.id, each.request))


def _deleted(draft: Draft, action: Action, gone: set[UUID]) -> None:
    each = next((each for each in draft.places if each.node.id == action.target), None)
    if each is None or action.target in gone:
        _end(draft, each, action, _S.SUCCEEDED, DONE)
    elif each.leaving is None:
        _end(draft, each, action, _S.CANCELLED, "the node was wanted again before it was gone")
    else:
        _begin(draft, each, action)


def _conclude(draft: Draft, each: Place, action: Action) -> None:
    if action.ended or action.verb is Verb.NODE_OPERATION:
        each.request = None if action.ended else action
        return
    if each.fate is Destiny.REST or _is_lost_cause(each, action):
        why = each.why or each.node.reason
        if action.verb is Verb.NODE_RECOVER:
            each.said = _N.ERROR, f"Recovery failed: {why}".rstrip(": ")
        _end(draft, each, action, _S.FAILED, why)
    elif each.fitness in FINE and each.renew_by is None and _is_done(action):
        each.said = _N.ACTIVE, _ENDS[action.verb]
        _end(draft, each, action, _S.SUCCEEDED, DONE)
    elif late(action, draft.now):
        _end(draft, each, action, _S.FAILED, too_late(action))
    elif not (draft.waits or draft.steps):
        draft.wait(f"{each.node.name} is not ready yet", draft.now + _LOOK)


def _is_done(action: Action) -> bool:
    """Return whether all that the request needs was begun, so that a fit node has come of it."""
    way = str(action.inputs.get("operation") or RECREATE).upper()
    if action.verb is Verb.NODE_RECOVER and way in _WAYS:
        return bool(action.data.get(OPERATED))
    return action.status is _S.RUNNING


def _is_lost_cause(each: Place, action: Action) -> bool:
    """Return whether a server that was operated did not come back."""
    return bool(action.data.get(OPERATED)) and each.fitness in (Fitness.DEAD, Fitness.GONE)


_ENDS: Mapping[Verb, str] = {
    Verb.NODE_CREATE: "Creation succeeded",
    Verb.NODE_UPDATE: "Update succeeded",
    Verb.NODE_RECOVER: _MENDED,
}


def _end(
    draft: Draft, each: Place | None, action: Action, status: ActionStatus, reason: str
) -> None:
    ended = draft.turn(action, status, reason)
    if each is not None and each.request is not None and each.request.id == action.id:
        each.request = None
    well = status is _S.SUCCEEDED
    draft.tell(
        OF_VERB[action.verb],
        reason,
        each,
        level=Level.INFO if well else Level.ERROR,
        status="end" if well else "error",
        action=ended,
        key=f"{action.id}/end",
    )


def called(each: Place) -> tuple[NodeStatus, str] | None:
    """Return what a place is called for a request's sake, None if it is not."""
    if each.said is not None:
        return each.said
    action = each.request
    if action is None or action.verb not in BUSY:
        return None
    status, reason = BUSY[action.verb]
    return status, reason.format(operation=action.inputs.get("operation", ""))
