"""Which servers of a round are worked on at once, and which step of it is next."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from muster.model.server_cluster import ServerCluster
from muster.model.server_job import (
    AFTER,
    ENDED,
    Entry,
    EntryStatus,
    Job,
    JobKind,
    JobStatus,
    Verb,
)

_ROUNDS = frozenset({JobKind.UPDATE, JobKind.REBOOT, JobKind.EVACUATE, JobKind.RESTORE})
_MOVES = frozenset({Verb.DRAIN, Verb.EVACUATE, Verb.RESTORE})
_E = EntryStatus


@dataclass(frozen=True, slots=True)
class Lane:
    """What is done on one server, one step after another."""

    server: str
    steps: tuple[tuple[int, Entry], ...]  # with their numbers in the job

    @property
    def next(self) -> tuple[int, Entry] | None:
        return next(((number, each) for number, each in self.steps if each.open), None)

    @property
    def is_refused(self) -> bool:
        return any(each.status is _E.REFUSED for _, each in self.steps)

    @property
    def is_begun(self) -> bool:
        return any(each.status in (_E.BEGUN, _E.DONE, _E.REFUSED) for _, each in self.steps)

    @property
    def is_draining(self) -> bool:
        """Return whether nothing has been done to the server itself so far."""
        step = self.next
        return step is not None and step[1].verb is Verb.DRAIN

    @property
    def is_under_way(self) -> bool:
        return self.is_begun and (self.next is not None or self.is_refused)


def is_round(job: Job) -> bool:
    """Return whether servers are worked on one after another, each for itself."""
    return job.kind in _ROUNDS and job.status is not JobStatus.TURNING_BACK


# Note [Updated before any reboots]
# A member that has a newer Incus than others waits for them, and the others for it. So all are
# updated before the first is rebooted, and one at a time, for that may restart their Incus.
def lanes_of(job: Job) -> list[Lane]:
    """Return the servers of a round's present part. See Note [Updated before any reboots]."""
    numbered = list(enumerate(job.entries))
    updates = [each for each in numbered if each[1].of_update]
    rest = [each for each in numbered if not each[1].of_update]
    is_updating = any(each.open or each.status is _E.REFUSED for _, each in updates)
    return list(_lanes(updates if is_updating else rest))


def _lanes(steps: Sequence[tuple[int, Entry]]) -> Iterator[Lane]:
    for name in dict.fromkeys(each.server for _, each in steps):
        yield Lane(name, tuple(step for step in steps if step[1].server == name))


def next_of_round(job: Job, now: datetime) -> int | None:
    """Return which step of a round is to be taken now, None while there is none."""
    lanes = lanes_of(job)
    going = [each for each in lanes if each.is_under_way and not each.is_refused]
    moving = {each.server for each in lanes if _is_moving(each)}
    fresh = _fresh(job, lanes) if _is_open(job, now) else []
    for lane in (*going, *fresh):
        step = lane.next
        if step is None or (step[1].due_at is not None and now < step[1].due_at):
            continue
        if not _is_in_the_way(step[1], moving):
            return step[0]
    return None


# Note [Windows are for beginnings]
# Outside its windows a round begins with no further server. One that it has begun with comes back
# whatever the time: half an evacuation helps nobody.
def _is_open(job: Job, now: datetime) -> bool:
    """Return whether a server may be begun with. See Note [Windows are for beginnings]."""
    return not job.windows or any(each.holds(now) for each in job.windows)


def _fresh(job: Job, lanes: Sequence[Lane]) -> list[Lane]:
    """Return the servers that there is room to begin with.

    One that was refused something may be away for good: it takes up the room that it has.
    """
    away = [each for each in lanes if each.is_under_way]
    if any(each.is_refused for each in away) and not job.goes_on:
        return []
    updating = any(each.of_update for lane in lanes for _, each in lane.steps)
    room = (1 if updating else job.max_parallel) - len(away)
    waiting = [each for each in lanes if not each.is_begun and each.next is not None]
    return waiting[: max(room, 0)]


def is_stuck(job: Job) -> bool:
    """Return whether a round was refused something, and nothing else of it can go on."""
    lanes = lanes_of(job)
    if not any(each.is_refused for each in lanes):
        return False
    going = any(each.is_under_way and not each.is_refused for each in lanes)
    return not going and not _fresh(job, lanes)


# Note [One moves at a time]
# What leaves one server goes to others, and to one that is being evacuated as well where that has
# just begun, too late for it to leave again. And what comes back while another is evacuated is
# left where it should not be. So servers are away at the same time, but leave one after another.
def _is_in_the_way(entry: Entry, moving: set[str]) -> bool:
    """Return whether a step has to wait for another server. See Note [One moves at a time]."""
    return entry.verb in _MOVES and bool(moving - {entry.server})


def _is_moving(lane: Lane) -> bool:
    return any(each.verb in _MOVES and each.status is _E.BEGUN for _, each in lane.steps)


def under_way(job: Job) -> frozenset[int]:
    """Return the numbers of the open steps of servers that are not to be left half way.

    Of those that were refused something, only that their hooks hear of the end.
    """
    stays: set[int] = set()
    for lane in lanes_of(job):
        only_hooks = lane.is_refused or lane.is_draining or job.status is JobStatus.STOPPED
        left = [step for step in lane.steps if step[1].open and lane.is_under_way]
        stays |= {number for number, each in left if not only_hooks or _tells_end(each)}
    return frozenset(stays)


def _tells_end(entry: Entry) -> bool:
    return entry.verb is Verb.HOOK and entry.what == AFTER


# Note [Cordoned by the journal]
# A server takes nothing new from the moment its draining is written down as begun until it is
# restored, or its job has ended, however that ends. One that need not reboot is not left, and it
# is asked before that is written down. That is read from the job's journal wherever
# nodes are placed, by every engine, so there is nothing else to set, and nothing to be forgotten
# when somebody dies.
def cordoned(job: Job | None) -> frozenset[str]:
    """Return the servers that a job has closed. See Note [Cordoned by the journal]."""
    if job is None or job.status in ENDED:
        return frozenset()
    done = {(each.verb, each.server) for each in job.entries if each.status is _E.DONE}
    return frozenset(
        each.server
        for each in job.entries
        if each.verb is Verb.DRAIN
        and each.status in (_E.BEGUN, _E.DONE)
        and each.kept.get("needed", True)
        and (Verb.RESTORE, each.server) not in done
    )


def closed(clusters: Iterable[ServerCluster]) -> frozenset[str]:
    """Return the servers that the jobs of these clusters have closed."""
    return frozenset(name for each in clusters for name in cordoned(each.job))
