"""Going: what happens to a node between being chosen to go and being gone."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid5

from muster.base.copies import altered
from muster.decide.asked import DONE, open_wishes
from muster.decide.destiny import Destiny, Fitness
from muster.decide.draft import Draft, Place
from muster.decide.joins import alone, left
from muster.model.action import Action, ActionStatus, Verb, action_name
from muster.model.cluster import Cluster
from muster.model.event import OF_VERB
from muster.model.node import Leaving, Node, NodeStatus, Why
from muster.model.observed import Seen, Server
from muster.model.step import OperateServer, Operation, PostHook

_S = ActionStatus
DERIVED = "Derived Action"
STOP_FIRST = "cluster.stop_node_before_delete"  # a setting of the cluster
STOP_WITHIN = timedelta(seconds=30)
STOP_TIMEOUT = "cluster.stop_timeout_before_update"  # another one: seconds
_LOOK = timedelta(seconds=0.5)
HOOKED = "Derived Action with Lifecycle Hook"


def farewell(draft: Draft, each: Place, why: Why, reason: str) -> Leaving:
    """Return how a place that was chosen to go is to go, as the cluster's removal has it.

    What nobody chose by size (an update, a repair) just goes; who was asked for by name has his
    grace from the request.
    """
    now, removal = draft.now, draft.cluster.removal
    leaving = Leaving(why=why, since=now, deadline=now + draft.drain, reason=reason)
    plain = removal.destroy and not removal.grace_s and removal.hook is None
    if plain or why is not Why.SCALE_IN:
        return leaving
    hook = removal.hook if each.fitness is Fitness.READY and each.node.ref else None
    grace = timedelta(seconds=removal.grace_s)
    return replace(
        leaving,
        destroy=removal.destroy,
        not_before=now + grace if grace else None,
        hook=hook,
        hook_until=now + timedelta(seconds=hook.timeout_s) if hook else None,
    )


# Note [Lifecycle hooks]
# Whoever is to agree is asked with the id of the action that will take the server away: the
# same server, the same question, however often it is put. The node serves on meanwhile. It
# goes once he has agreed, for which the service makes that action READY, or his time is over.
def is_held(draft: Draft, each: Place) -> bool:
    """Return whether a place may not go yet; have the question asked where it was not.

    See Note [Lifecycle hooks].
    """
    leaving = each.leaving
    if leaving is None or leaving.hook is None:
        return False
    action = _question(draft, each)
    if _is_answered(leaving, action, draft.now):
        each.leaving = replace(leaving, hook=None, deadline=draft.now + draft.drain)
        each.edit(leaving=each.leaving)
        return False
    each.fate = Destiny.HOLD
    action = action or _asked(draft, each)
    if leaving.told:
        draft.wait(f"{each.node.name} waits for its lifecycle hook", leaving.hook_until)
        return True
    until = each.node.retry_at
    draft.wait(f"{each.node.name}: its lifecycle hook is asked", until)
    if until is None or until <= draft.now:
        draft.steps.append(
            PostHook(
                node_id=each.node.id,
                hook=leaving.hook,
                project=each.node.project,
                token=action.id,
                ref=each.node.ref,
                why=leaving.reason,
            )
        )
    return True


def _question(draft: Draft, each: Place) -> Action | None:
    """Return the action that waits for the answer, if it is open."""
    id = uuid5(each.node.server_id, Verb.NODE_DELETE)
    return next((action for action in draft.snapshot.actions if action.id == id), None)


def _is_answered(leaving: Leaving, question: Action | None, now: datetime) -> bool:
    """Return whether a node may go: agreed to, asked about in vain, or no more asked about."""
    if question is None:
        return leaving.told
    if question.status is not _S.WAITING_LIFECYCLE_COMPLETION:
        return True
    return leaving.told and (leaving.hook_until is None or now >= leaving.hook_until)


def _asked(draft: Draft, each: Place) -> Action:
    """Return the action that waits for the answer from now on."""
    action = _told(draft, each, Verb.NODE_DELETE, HOOKED)
    draft.tell(
        OF_VERB[action.verb],
        each.leaving.reason if each.leaving else "",
        each,
        status="start",
        action=action,
        key=f"{action.id}/start",
    )
    return draft.turn(action, _S.WAITING_LIFECYCLE_COMPLETION, "waits for its lifecycle hook")


def _told(draft: Draft, each: Place, verb: Verb, cause: str) -> Action:
    """Return the action that tells of what becomes of a node."""
    node, wishes = each.node, open_wishes(draft)
    return Action(
        id=uuid5(node.server_id, verb),
        name=action_name(verb, node.id),
        verb=verb,
        target=node.id,
        cluster_id=draft.cluster.id,
        project=node.project,
        user=wishes[0].user if wishes else node.user,
        cause=cause,
        inputs={"why": each.leaving.reason if each.leaving else ""},
        parent=wishes[0].id if wishes else None,
        timeout_s=draft.cluster.timeout_s,
        created_at=draft.now,
    )


# Note [Stopped first]
# Where the cluster says so, a server that goes because there are too many is stopped before
# it is deleted, so that it may put in order what it has. It is asked once. Whether it cannot,
# or does not in time: it goes all the same.
def stops_first(draft: Draft, each: Place) -> bool:
    """Return whether its server has to stop before it goes; have it asked where it was not.

    See Note [Stopped first].
    """
    leaving, server = each.leaving, each.server
    runs = server is not None and server.seen is Seen.RUNNING and not each.node.parked
    asked = leaving is not None and leaving.why is Why.SCALE_IN
    if not (runs and asked and draft.cluster.config.get(STOP_FIRST) is True):
        return False
    assert leaving is not None
    assert server is not None
    until = leaving.stopping_until
    if until is not None and draft.now >= until:
        return False
    each.fate = Destiny.HOLD
    draft.wait(f"{each.node.name} stops first", until or draft.now)
    if until is None:
        each.leaving = replace(leaving, stopping_until=draft.now + STOP_WITHIN)
        each.edit(leaving=each.leaving)
        _stop(draft, each, server, leaving.reason)
    return True


def _stop(
    draft: Draft, each: Place, server: Server, why: str, within_s: float | None = None
) -> None:
    """Ask its server once to stop, and tell of that as of an operation."""
    told = _told(draft, each, Verb.NODE_OPERATION, DERIVED)
    stop = altered(
        told,
        name=action_name(told.verb, each.node.id, Operation.STOP),
        inputs={"operation": Operation.STOP, "update_parent_status": False},
    )
    draft.turn(stop, _S.RUNNING)
    draft.steps.append(
        OperateServer(
            node_id=each.node.id,
            ref=server.ref,
            operation=Operation.STOP,
            action_id=stop.id,
            within_s=within_s,
            why=why,
        )
    )


# Note [Stopped before an update]
# A cluster may want a server that is replaced in its place by one of another revision stopped
# before, and says how long it has for that. Meanwhile it counts as put to rest, not as ill. There
# is no way back once it was asked: whatever becomes of the update, it gets its next server.
def stops_before_update(draft: Draft, each: Place) -> bool:
    """Return whether its server has to stop before the place is updated; have it asked once.

    See Note [Stopped before an update].
    """
    server, until = each.server, each.node.stopping_until
    if server is None or server.seen is not Seen.RUNNING:
        return False
    if until is None:
        limit = stop_timeout(draft.cluster)
        if not limit or each.node.parked or each.anew in (None, each.profile_id):
            return False
        until = draft.now + timedelta(seconds=limit)
        each.edit(stopping_until=until, parked=Operation.STOP.value)
        _stop(draft, each, server, "its next server is of another profile", limit)
    elif draft.now >= until:
        return False
    each.fate = Destiny.HOLD
    draft.wait(f"{each.node.name} stops first", min(until, draft.now + _LOOK))
    return True


def stop_timeout(cluster: Cluster) -> int:
    """Return how many seconds a server has to stop before it is updated; 0: it just goes."""
    try:
        return max(0, int(cluster.config.get(STOP_TIMEOUT, 0)))
    except (TypeError, ValueError):
        return 0


def keep_waiting(draft: Draft) -> None:
    """End the questions about nodes that are not to go any more, and have the wish wait for others.

    A wish that waits for an answer says so: nothing else gets it on.
    """
    asked = [each for each in draft.snapshot.actions if each.cause == HOOKED and not each.ended]
    asked += [each for each in draft.actions.values() if each.cause == HOOKED]
    if not asked:
        return
    going = {each.node.id for each in draft.places if each.leaving is not None}
    for action in asked:
        if action.target not in going:
            draft.turn(action, _S.CANCELLED, "the node is needed again")
    waiting = {each.parent for each in asked if each.status is _S.WAITING_LIFECYCLE_COMPLETION}
    for wish in open_wishes(draft):
        if wish.id in waiting and wish.status is not _S.WAITING:
            draft.turn(wish, _S.WAITING, "Waiting for depended actions.")


def part(draft: Draft, each: Place) -> None:
    """Let a node leave its cluster and live on with its server."""
    each.fate = Destiny.PART
    draft.parted.append(each)
    draft.turn(_told(draft, each, Verb.NODE_LEAVE, DERIVED), _S.SUCCEEDED, DONE)
    draft.tell("node.left", "it left the cluster, and lives on by itself", each)
    for action in draft.snapshot.actions:
        if action.target == each.node.id and action.cause == HOOKED and not action.ended:
            draft.turn(action, _S.SUCCEEDED, DONE)


def parted(draft: Draft) -> list[tuple[Node, Cluster]]:
    """Return the nodes that leave, each with the cluster that nobody sees and looks after it."""
    pairs = []
    for each in draft.parted:
        written = altered(each.written(), status=NodeStatus.ACTIVE, reason="Leave succeeded")
        node = left(written, draft.now)
        pairs.append((node, alone(node, draft.cluster, draft.now)))
    return pairs
