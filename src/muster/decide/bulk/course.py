"""Who is next in a bulk update, by how it went so far."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from muster.decide.secrets import masked
from muster.model.bulk import (
    ENDED,
    Bulk,
    BulkStatus,
    OnFailure,
    State,
    Turn,
    TurnStatus,
)

_T, _B = TurnStatus, BulkStatus


class Task(StrEnum):
    LOOK = "look"  # read how it is, and what it would become
    APPLY = "apply"
    RESTORE = "restore"


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done at one server now."""

    task: Task
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    bulk: Bulk
    steps: tuple[Step, ...]  # of all that are at something, those under way included


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """How a server is, and what it is to become; the same where nothing is left to do."""

    before: State
    after: State


@dataclass(frozen=True, slots=True)
class Broken:
    """Why it could not be done; `told`: whether the server may have done a part of it."""

    reason: str
    told: bool = False


# Note [Written before it is told]
# A server that runs without `before` is only looked at. What it was and what it is to become is
# written down, and only then is it told anything. So whoever goes on after a crash knows what to
# set back, and does not take a server that had just been changed for one that needed no change.
_TASKS: Mapping[TurnStatus, tuple[Task, Task]] = {  # without, and with what it was
    _T.RUNNING: (Task.LOOK, Task.APPLY),
    _T.REVERTING: (Task.RESTORE, Task.RESTORE),
}


def course(bulk: Bulk, now: datetime) -> Course:
    """Return the update with those begun that may be, and what is to be done at whom.

    See Note [Written before it is told].
    """
    if bulk.status in ENDED:
        return Course(bulk=bulk, steps=())
    broken = any(_failed(each) for each in bulk.servers)
    if broken and bulk.on_failure is not OnFailure.CONTINUE:
        bulk = _skipped(bulk)
        if bulk.on_failure is OnFailure.REVERT and not _busy(bulk, _T.RUNNING):
            bulk = _reverting(bulk)
    else:
        bulk = _begun(bulk, now)
    steps = tuple(
        Step(_TASKS[each.status][each.before is not None], each.name)
        for each in bulk.servers
        if each.status in _TASKS
    )
    return Course(bulk=bulk if steps else _ended(bulk, now), steps=steps)


def _failed(turn: Turn) -> bool:
    return turn.status in (_T.FAILED, _T.REVERTING, _T.REVERTED, _T.REVERT_FAILED)


def _busy(bulk: Bulk, status: TurnStatus) -> int:
    return sum(each.status is status for each in bulk.servers)


def _skipped(bulk: Bulk) -> Bulk:
    """Leave out whoever has been told nothing yet."""
    untold = (
        each
        for each in bulk.servers
        if each.status is _T.WAITING or (each.status is _T.RUNNING and each.before is None)
    )
    return bulk.having(*(each.turned(_T.SKIPPED) for each in untold))


def _begun(bulk: Bulk, now: datetime) -> Bulk:
    """Begin with as many as may be at it at once, in the order of their names."""
    room = bulk.parallel - _busy(bulk, _T.RUNNING)
    waiting = sorted(
        (each for each in bulk.servers if each.status is _T.WAITING), key=lambda each: each.name
    )
    first = max((each.order for each in bulk.servers), default=0) + 1
    next_ones = enumerate(waiting[: max(room, 0)], first)
    return bulk.having(*(each.turned(_T.RUNNING, order=n, began_at=now) for n, each in next_ones))


def _reverting(bulk: Bulk) -> Bulk:
    """Set back whoever is another than before, the last first, as many at once as went forth."""
    owing = [each for each in bulk.servers if each.status is _T.CHANGED or _owes(each)]
    owing.sort(key=lambda each: -each.order)
    room = bulk.parallel - _busy(bulk, _T.REVERTING)
    now = owing[: max(room, 0)]
    if not now:
        return bulk
    return bulk.turned(_B.REVERTING).having(*(each.turned(_T.REVERTING) for each in now))


def _owes(turn: Turn) -> bool:
    return turn.status is _T.FAILED and turn.owed


def _ended(bulk: Bulk, now: datetime) -> Bulk:
    """Return the update as it ended: nobody needs the secrets any more that were in it."""
    return told(replace(bulk.turned(_outcome(bulk)), ended_at=now))


def told(bulk: Bulk) -> Bulk:
    """Return the update as it may be shown."""
    shown = (
        replace(each, before=masked(each.before), after=masked(each.after)) for each in bulk.servers
    )
    return replace(bulk, arguments=masked(bulk.arguments), servers=tuple(shown))


def _outcome(bulk: Bulk) -> BulkStatus:
    found = {each.status for each in bulk.servers}
    if found <= {_T.CHANGED, _T.UNCHANGED}:
        return _B.DONE
    as_before = bulk.on_failure is OnFailure.REVERT and _T.REVERT_FAILED not in found
    return _B.REVERTED if as_before else _B.FAILED


def ended(bulk: Bulk, step: Step, came: Seen | Broken, now: datetime) -> Bulk:
    """Return the update after one server's step; one that is not at that any more is left."""
    turn = bulk.turn(step.name)
    if turn.status not in _TASKS or _TASKS[turn.status][turn.before is not None] is not step.task:
        return bulk
    if isinstance(came, Broken):
        return bulk.having(_broken(turn, came, now))
    match step.task:
        case Task.LOOK if came.before == came.after:
            new = turn.turned(_T.UNCHANGED, before=came.before, after=came.after, ended_at=now)
        case Task.LOOK:
            new = replace(turn, before=came.before, after=came.after)
        case Task.APPLY:
            new = turn.turned(_T.CHANGED, after=came.after, ended_at=now)
        case Task.RESTORE:
            to = _T.FAILED if turn.error else _T.REVERTED
            new = turn.turned(to, owed=False, ended_at=now)
    return bulk.having(new)


def _broken(turn: Turn, why: Broken, now: datetime) -> Turn:
    if turn.status is _T.RUNNING:
        return turn.turned(_T.FAILED, error=why.reason, owed=why.told, ended_at=now)
    both = "; and it could not be set back: " if turn.error else "it could not be set back: "
    text = f"{turn.error}{both}{why.reason}"
    return turn.turned(_T.REVERT_FAILED, error=text, owed=False, ended_at=now)
