"""Which wishes have come true by now, and which never will."""

from collections.abc import Sequence

from muster.base.copies import altered
from muster.decide.asked import DONE, late, open_wishes, too_late
from muster.decide.draft import Draft, Place, names
from muster.decide.trees import is_tree
from muster.model.action import Action, ActionStatus, Verb
from muster.model.node import Why
from muster.model.rollout import Rollout, RolloutState, UpdateKind

_S = ActionStatus

_SIZING = frozenset(
    {
        Verb.CLUSTER_CREATE,
        Verb.CLUSTER_RESIZE,
        Verb.CLUSTER_SCALE_OUT,
        Verb.CLUSTER_SCALE_IN,
    }
)
AT_ONCE = frozenset({"pause", "resume"})  # they are done by being wished


def note_outputs(draft: Draft) -> None:
    """Note on the newest wish about a size which nodes came and went for it.

    Only where nodes may be listed one by one: in clusters that are updated in place.
    """
    sizing = [each for each in open_wishes(draft) if each.verb in _SIZING]
    if not sizing or draft.cluster.strategy.kind is not UpdateKind.IN_PLACE:
        return
    came = [str(each.node.id) for each in draft.places if each.opened]
    went = [str(each.node.id) for each in draft.places if _was_chosen(each)]
    new = {name: ids for name, ids in (("nodes_added", came), ("nodes_removed", went)) if ids}
    if new:
        wish = draft.actions.get(sizing[-1].id, sizing[-1])
        known = {name: [*wish.outputs.get(name, ()), *ids] for name, ids in new.items()}
        draft.actions[wish.id] = altered(wish, outputs={**wish.outputs, **known})


def _was_chosen(each: Place) -> bool:
    chosen = each.leaving is not None and each.node.leaving is None
    return chosen and each.leaving is not None and each.leaving.why is Why.SCALE_IN


def ended(draft: Draft, given_up: Sequence[Place], *, settled: bool, gone: bool) -> list[Action]:
    """Return the wishes that end with this pass, each in its end."""
    latest = [draft.actions.get(each.id, each) for each in open_wishes(draft)]
    ends = (_ended(draft, each, given_up, settled, gone) for each in latest)
    return [each for each in ends if each is not None]


def _ended(
    draft: Draft, wish: Action, given_up: Sequence[Place], settled: bool, gone: bool
) -> Action | None:
    if draft.cluster.leaving:
        return _when_leaving(draft, wish, gone)
    if wish.ended or is_tree(wish):
        return wish if wish.ended else None
    if wish.inputs.get("operation") in AT_ONCE:
        return wish.turned(_S.SUCCEEDED, draft.now, DONE)
    rollout = _rollout_of(draft, wish)
    if rollout is not None and rollout.under_way:
        return None if rollout.held else _if_too_late(draft, wish)
    if not settled or wish.generation > draft.cluster.generation:
        return _if_too_late(draft, wish)
    why = _failure(wish, rollout, given_up)
    return wish.turned(_S.FAILED if why else _S.SUCCEEDED, draft.now, why or DONE)


def _when_leaving(draft: Draft, wish: Action, gone: bool) -> Action | None:
    if wish.verb is not Verb.CLUSTER_DELETE:
        return wish.turned(_S.CANCELLED, draft.now, "the cluster is being deleted")
    return wish.turned(_S.SUCCEEDED, draft.now, DONE) if gone else None


def _if_too_late(draft: Draft, wish: Action) -> Action | None:
    return wish.turned(_S.FAILED, draft.now, too_late(wish)) if late(wish, draft.now) else None


def _rollout_of(draft: Draft, wish: Action) -> Rollout | None:
    """Return the rollout that a wish stands or falls with: one that had not ended before it."""
    rollout = draft.cluster.rollout
    if rollout is None or wish.verb is not Verb.CLUSTER_UPDATE:
        return None
    over = rollout.ended_at is not None and rollout.ended_at < wish.created_at
    return None if over else rollout


def _failure(wish: Action, rollout: Rollout | None, given_up: Sequence[Place]) -> str:
    if rollout and rollout.state is RolloutState.FAILED:
        return f"the update has failed: {rollout.reason}"
    wanted_back = wish.inputs.get("operation") == "rollback"
    if rollout and rollout.state is RolloutState.ROLLED_BACK and not wanted_back:
        return f"the update was rolled back: {rollout.reason}"
    if given_up:
        return f"{names(given_up)}: {given_up[0].why}"
    return ""
