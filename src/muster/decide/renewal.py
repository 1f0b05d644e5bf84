"""Renewing in place: a node keeps its id, index and name, and gets its next server."""

from datetime import timedelta
from uuid import UUID

from muster.decide.asked import open_wishes
from muster.decide.destiny import Fitness
from muster.decide.draft import Draft, Place, names
from muster.decide.rest import attainable
from muster.decide.rolling import Ranks, batch_size, budget, in_place, is_awaited, ranks
from muster.decide.trees import child
from muster.decide.victims import spared
from muster.model.action import ActionStatus, Verb
from muster.model.rollout import Rollout

_WORST = {
    Fitness.DEAD: 0,
    Fitness.GONE: 0,
    Fitness.SICK: 0,
    Fitness.STRANDED: 0,
    Fitness.EMPTY: 1,
    Fitness.LOST: 1,
    Fitness.STARTING: 2,
    Fitness.UNREADY: 2,
    Fitness.PARKED: 2,
    Fitness.READY: 3,
}


def renew(draft: Draft, each: Place, profile_id: UUID) -> None:
    """Have a place get its next server, of that profile, once its sessions have ended."""
    each.anew = profile_id
    each.available = False
    if each.renew_by is None:
        each.renew_by = draft.now + draft.drain
        each.edit(renew_by=each.renew_by, retry_at=None)


def updating(draft: Draft, profile_id: UUID) -> bool:
    """Return whether an update in place is bringing nodes to that profile now."""
    rollout = in_place(draft.cluster)
    return rollout is not None and rollout.target == profile_id


def withdraw(draft: Draft, each: Place) -> None:
    """Let a place that is being drained for its next server go on, if nobody wants that now."""
    request, target = each.request, draft.cluster.target
    if each.node.stopping_until is not None and each.leaving is None:
        each.anew = target if request is None else each.anew or target
        each.available = False
        return
    if request is not None and each.anew is not None:  # which has it get its next server
        return
    if each.leaving is None and each.profile_id != target and updating(draft, target):
        each.anew = target
        each.available = False
        return
    each.renew_by = None
    each.edit(renew_by=None)


# Note [Batches]
# An update in place takes so many nodes at a time, the ones that are not in order first, and
# begins with the next ones when all of these are available and the pause is over. Nodes that
# fail stop it (see `rolling.py`), so a bad revision reaches one batch and no more. Of those that
# serve it takes no more than can be spared at the moment: where some are out of service anyway, or
# not there yet, these go first, and the others may have to wait for them.
def next_batch(draft: Draft) -> None:
    """Begin with the next nodes of an update in place, if it is their turn. See Note [Batches]."""
    rollout = in_place(draft.cluster)
    if rollout is None:
        return
    seen = ranks(draft, rollout)
    if not seen.old or _is_busy(draft, seen):
        return
    pause = timedelta(seconds=rollout.strategy.pause_s)
    if seen.new and draft.now < rollout.progress_at + pause:
        draft.wait("the next batch waits", rollout.progress_at + pause)
        return
    batch = _spared(draft, rollout, seen)
    for each in batch:
        renew(draft, each, rollout.target)
        _record(draft, rollout, each)
    if batch:
        done, total = seen.new_available, draft.cluster.desired
        draft.tell("rollout.wave", f"{names(batch)} anew", done=done, total=total)


def _spared(draft: Draft, rollout: Rollout, seen: Ranks) -> list[Place]:
    room = min(batch_size(draft.cluster, rollout.strategy), seen.goal - len(seen.new))
    floor = attainable(draft, (*seen.new, *seen.kept), budget(draft.cluster).floor)
    return spared(sorted(seen.old, key=_worst_first), room, draft.serving, floor)


def _is_busy(draft: Draft, seen: Ranks) -> bool:
    """Return whether the batch before is still under way."""
    renewing = any(each.renew_by is not None for each in draft.staying)
    return renewing or any(is_awaited(draft, each) for each in seen.new)


def _worst_first(each: Place) -> tuple[bool, int, int]:
    return not each.node.tainted, _WORST[each.fitness], each.node.index


def _record(draft: Draft, rollout: Rollout, each: Place) -> None:
    """Tell of this node's update as of a request of its own, made for the wish that asks for it."""
    wish = next((w for w in open_wishes(draft) if w.verb is Verb.CLUSTER_UPDATE), None)
    if wish is None or each.request is not None:
        return
    inputs = {"new_profile_id": str(rollout.target)}
    request = child(draft, wish, each, Verb.NODE_UPDATE, inputs)
    each.request = draft.turn(request, ActionStatus.RUNNING)
