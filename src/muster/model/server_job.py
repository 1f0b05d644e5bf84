"""A job on a cluster of servers: its journal, entry by entry, and what may become of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


class JobKind(StrEnum):
    CREATE = "create"
    ADD = "add-servers"
    REMOVE = "remove-servers"
    CERTIFICATE = "certificate"
    UPDATE = "update"
    REBOOT = "reboot"
    EVACUATE = "evacuate"
    RESTORE = "restore"
    CHANNEL = "channel"
    DISSOLVE = "factory-reset"


class JobStatus(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"  # a step was refused: it waits for somebody to say what now
    TURNING_BACK = "turning back"
    DONE = "done"
    TURNED_BACK = "turned back"
    CANCELLED = "cancelled"


class JobEvent(StrEnum):
    COMPLETED = "nothing is left to do"
    REFUSED = "a step was refused, or nobody answered for too long"
    DEADLOCKED = "a step was refused of a job that turns back by itself"
    PAUSE = "somebody pauses it"
    RESUME = "somebody has it go on"
    TURN_BACK = "somebody has it undone"
    CANCEL = "somebody ends it"


_S, _E = JobStatus, JobEvent
_OVER: Mapping[JobEvent, JobStatus | None] = dict.fromkeys(_E)

# What an event makes of a job; None: it cannot happen to one, or changes nothing.
COURSE: Mapping[JobStatus, Mapping[JobEvent, JobStatus | None]] = {
    _S.RUNNING: {
        _E.COMPLETED: _S.DONE,
        _E.REFUSED: _S.STOPPED,
        _E.DEADLOCKED: _S.TURNING_BACK,
        _E.PAUSE: _S.PAUSED,
        _E.RESUME: None,
        _E.TURN_BACK: _S.TURNING_BACK,
        _E.CANCEL: _S.CANCELLED,
    },
    _S.PAUSED: {
        _E.COMPLETED: None,  # what is under way ends; that nothing is left is said by RESUME
        _E.REFUSED: _S.STOPPED,
        _E.DEADLOCKED: _S.TURNING_BACK,
        _E.PAUSE: None,
        _E.RESUME: _S.RUNNING,
        _E.TURN_BACK: _S.TURNING_BACK,
        _E.CANCEL: _S.CANCELLED,
    },
    _S.STOPPED: {
        _E.COMPLETED: None,
        _E.REFUSED: None,
        _E.DEADLOCKED: None,
        _E.PAUSE: None,
        _E.RESUME: _S.RUNNING,
        _E.TURN_BACK: _S.TURNING_BACK,
        _E.CANCEL: _S.CANCELLED,
    },
    _S.TURNING_BACK: {
        _E.COMPLETED: _S.TURNED_BACK,
        # A server that cannot be put back now owes it: see Note [What a server owes].
        _E.REFUSED: None,
        _E.DEADLOCKED: None,
        _E.PAUSE: None,
        _E.RESUME: None,
        _E.TURN_BACK: None,
        _E.CANCEL: None,
    },
    _S.DONE: _OVER,
    _S.TURNED_BACK: _OVER,
    _S.CANCELLED: _OVER,
}
ENDED = frozenset({_S.DONE, _S.TURNED_BACK, _S.CANCELLED})
AT_WORK = frozenset({_S.RUNNING, _S.TURNING_BACK})


class Verb(StrEnum):
    SERVICE = "set a service"
    ADDRESSES = "set the addresses of Incus"
    BOOTSTRAP = "begin the cluster"
    JOIN = "join the cluster"
    CHANNEL = "leave updates to the cluster"
    OBJECT = "make an object of Incus"
    SETTINGS = "set what Incus is set to"
    CLEAR = "take out what Incus keeps there for itself"
    EMPTY = "check that nothing is left there"
    RESET = "reset the server"
    STRIKE = "strike it from the members"
    RELEASE = "let the server go"
    CERTIFICATE = "set the certificate of the cluster"
    UPDATE = "update the server"
    DRAIN = "drain the server"
    EVACUATE = "evacuate the server"
    REBOOT = "reboot the server"
    RESTORE = "restore the server"
    SETTLE = "let it come to rest"
    HOOK = "tell a hook, and go on as it says"


BEFORE, AFTER = "before", "after"  # when a hook is told


class EntryStatus(StrEnum):
    PLANNED = "planned"
    BEGUN = "begun"
    DONE = "done"
    REFUSED = "refused"
    LEFT = "left"  # to when its server answers again
    DROPPED = "dropped"  # it is not to be done any more


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One step. It is written down as begun before anything is done, and may be done again."""

    verb: Verb
    server: str
    what: str = ""  # the service, or the object
    body: Mapping[str, Any] = field(default_factory=dict)
    kept: Mapping[str, Any] = field(default_factory=dict)  # as it was before, and what it waits for
    status: EntryStatus = EntryStatus.PLANNED
    reason: str = ""
    tries: int = 0
    begun_at: datetime | None = None
    due_at: datetime | None = None  # when it is looked at again; None: at once
    ended_at: datetime | None = None

    @property
    def open(self) -> bool:
        return self.status in (EntryStatus.PLANNED, EntryStatus.BEGUN)

    @property
    def of_update(self) -> bool:
        """Return whether it belongs to that part of a round in which servers are updated."""
        return self.verb is Verb.UPDATE or self.body.get("doing") == "update"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A part of the day or of one day of the week, in UTC; it may go over midnight."""

    begin: int  # minute of the day
    end: int
    weekday: int | None = None  # on which it begins; Monday is 0; None: every day

    def holds(self, now: datetime) -> bool:
        minute, day = now.hour * 60 + now.minute, now.weekday()
        if self.begin < self.end:
            return self.begin <= minute < self.end and self.weekday in (None, day)
        if minute >= self.begin:
            return self.weekday in (None, day)
        return minute < self.end and self.weekday in (None, (day - 1) % 7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    id: UUID
    kind: JobKind
    entries: tuple[Entry, ...] = ()
    status: JobStatus = JobStatus.RUNNING
    reason: str = ""
    windows: tuple[Window, ...] = ()  # when it may begin with a server; (): at any time
    max_parallel: int = 1  # how many servers may be away at once
    goes_on: bool = False  # with other servers where one was refused something
    asked_at: datetime
    ended_at: datetime | None = None

    @property
    def due_at(self) -> datetime | None:
        """Return when the first of what waits is looked at again, None where nothing does."""
        return min(
            (each.due_at for each in self.entries if each.open and each.due_at), default=None
        )

    def after(self, event: JobEvent) -> JobStatus:
        """Return its status once that has happened, by COURSE."""
        return COURSE[self.status][event] or self.status
