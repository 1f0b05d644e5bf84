"""Who has to wait: what is asked while something else is under way at the same place."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from muster.base.errors import Conflict
from muster.model.action import Action, ActionStatus, Verb
from muster.ports.store import Query, Transaction

_S = ActionStatus
LOCKED, CONFLICT = "ResourceIsLocked", "ActionConflict"

# What a request meets at its target, by the status of each action there; ended ones bar nobody.
ANSWERS: Mapping[ActionStatus, str] = {
    _S.INIT: CONFLICT,
    _S.READY: CONFLICT,  # asked for, and not begun
    _S.RUNNING: LOCKED,
    _S.WAITING: LOCKED,
    _S.WAITING_LIFECYCLE_COMPLETION: LOCKED,
}
# These wait for nobody. An operation is done when its turn comes; what is to go, goes.
BYPASS = frozenset({Verb.CLUSTER_DELETE, Verb.NODE_DELETE, Verb.NODE_OPERATION})
_OPEN = tuple(status.value for status in ANSWERS)


def under_way(tx: Transaction, target: UUID) -> list[Action]:
    """Return what was asked of the target and has not ended, oldest first."""
    where = {"target": (target,), "status": _OPEN}
    return tx.actions.find(Query(where=where, sort=(("created_at", False),)))


def refuse_busy(tx: Transaction, verb: Verb, target: UUID) -> None:
    """Raise `Conflict` where `verb` has to wait for what is under way at its target."""
    if verb in BYPASS:
        return
    found = under_way(tx, target)
    if any(ANSWERS[each.status] == LOCKED for each in found):
        raise locked(verb, target)
    if found:
        ids = ", ".join(str(each.id) for each in found)
        raise Conflict(
            f"The {verb} action for target {target} conflicts with the following action(s): {ids}",
            type=CONFLICT,
        )


def locked(verb: Verb, target: UUID) -> Conflict:
    noun = "node" if verb.startswith("NODE_") else "cluster"
    return Conflict(
        f"{verb} for {noun} '{target}' cannot be completed because it is already locked.",
        type=LOCKED,
    )


def withdraw(tx: Transaction, target: UUID, now: datetime, why: str) -> None:
    """End what was asked of the target and nobody will bring about any more."""
    for each in under_way(tx, target):
        tx.actions.put(each.turned(ActionStatus.CANCELLED, now, why))
