"""What is next in a job on a cluster of servers, and what becomes of it by what came of a step."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from muster.base.backoff import delay
from muster.decide.server_clusters.lanes import is_round, is_stuck, next_of_round, under_way
from muster.decide.server_clusters.leaving import taken_back
from muster.model.server_cluster import ServerCluster, ServerClusterStatus
from muster.model.server_job import (
    AT_WORK,
    Entry,
    EntryStatus,
    Job,
    JobEvent,
    JobKind,
    JobStatus,
    Verb,
)

MINUTE = timedelta(minutes=1)
PATIENCE = timedelta(seconds=60)  # with who does not answer, or cannot for now
# Longer for what takes its time; it is asked whether it has ended as long as that.
PATIENCES: Mapping[Verb, timedelta] = {
    Verb.JOIN: 3 * MINUTE,
    Verb.OBJECT: 3 * MINUTE,
    Verb.STRIKE: 2 * MINUTE,  # the others take half a minute to miss it
    Verb.UPDATE: 60 * MINUTE,
    Verb.DRAIN: 48 * 60 * MINUTE,  # which has a time of its own
    Verb.EVACUATE: 60 * MINUTE,
    Verb.REBOOT: 30 * MINUTE,
    Verb.RESTORE: 60 * MINUTE,
    Verb.SETTLE: 24 * 60 * MINUTE,
    Verb.HOOK: 10 * MINUTE,
}
TURNS_BACK = frozenset({JobKind.CREATE, JobKind.ADD})  # by itself, once a step is refused
_S, _E = JobStatus, EntryStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """What came of a step. One that waits is looked at again."""

    kept: Mapping[str, Any] = field(default_factory=dict)
    certificate: str = ""  # of the cluster, where the step brought one
    refused: str = ""  # why it did not work
    final: bool = False  # it will not work later either
    waits_s: float = 0.0  # it has begun, and is not over
    waits_for: str = ""  # what else has to happen before
    said: str = ""  # what is to be known of it although it is over
    stays: str = ""  # why its server stays a member, and nothing else is done to that


def next_entry(job: Job, now: datetime) -> int | None:
    """Return which entry is to be done now, None while there is none."""
    if job.status not in AT_WORK:
        return None
    if is_round(job):
        return next_of_round(job, now)
    number = _first_open(job)
    due_at = None if number is None else job.entries[number].due_at
    return None if due_at is not None and now < due_at else number


def _first_open(job: Job) -> int | None:
    return next((number for number, each in enumerate(job.entries) if each.open), None)


def begun(job: Job, number: int, kept: Mapping[str, Any], now: datetime) -> Job:
    """Return the job with an entry written down as begun, and how things were before."""
    entry = job.entries[number]
    return _with(
        job,
        number,
        replace(
            entry,
            status=_E.BEGUN,
            kept=entry.kept or kept,
            begun_at=(entry.begun_at if entry.status is _E.BEGUN else None) or now,
            tries=entry.tries + 1,
        ),
    )


def after(cluster: ServerCluster, number: int, came: Came, now: datetime) -> ServerCluster:
    """Return the cluster once that came of one of its entries."""
    job = cluster.job
    if job is None:
        return cluster
    entry = job.entries[number]
    if came.waits_s:
        due_at = now + timedelta(seconds=came.waits_s)
        kept = {**entry.kept, **came.kept}
        waiting = replace(entry, kept=kept, reason=came.waits_for, due_at=due_at)
        return _late(replace(cluster, job=_with(job, number, waiting)), number, now)
    if came.refused:
        return _after_refusal(cluster, number, came, now)
    if came.stays:
        return completed(replace(cluster, job=_staying(job, number, came.stays)), now)
    ended = replace(
        entry,
        status=_E.DONE,
        kept={**entry.kept, **came.kept},
        body={} if entry.verb is Verb.CERTIFICATE else entry.body,  # a key is not kept
        reason=came.said,
        due_at=None,
        ended_at=now,
    )
    job = _with(job, number, ended)
    certificate = came.certificate or cluster.certificate
    return completed(replace(cluster, certificate=certificate, job=job), now)


def _late(cluster: ServerCluster, number: int, now: datetime) -> ServerCluster:
    """Return the cluster of a job that waits for an entry, or has waited too long for it."""
    job = cluster.job
    if job is None or not _is_late(job.entries[number], now):
        return cluster
    text = f"it is not over after {_patience(job.entries[number])}"
    return _after_refusal(cluster, number, Came(refused=text, final=True), now)


def _patience(entry: Entry) -> timedelta:
    return PATIENCES.get(entry.verb, PATIENCE)


def _is_late(entry: Entry, now: datetime) -> bool:
    return entry.begun_at is not None and now - entry.begun_at >= _patience(entry)


def _after_refusal(cluster: ServerCluster, number: int, came: Came, now: datetime) -> ServerCluster:
    job = cluster.job
    if job is None:
        return cluster
    entry = job.entries[number]
    # Who could not even be looked at before is waited for as long.
    since, tries = entry.begun_at or now, entry.tries + (entry.status is _E.PLANNED)
    entry = replace(entry, reason=came.refused, begun_at=since, tries=tries)
    if not came.final and not _is_late(entry, now):
        pause = delay(f"{job.id}/{number}", min(entry.tries, 4))
        later = replace(entry, due_at=now + pause)
        return replace(cluster, job=_with(job, number, later))
    why = f"{entry.server or cluster.name}: {entry.verb}: {came.refused}"
    if job.status is _S.TURNING_BACK:
        unseen = entry.body.get("empty") and entry.status is _E.PLANNED
        with_it = _staying if unseen else _left
        return completed(replace(cluster, job=with_it(job, number, came.refused)), now)
    refused = replace(entry, status=_E.REFUSED, due_at=None, ended_at=now)
    job = replace(_with(job, number, refused), reason=why)
    if job.kind in TURNS_BACK:
        return turned_back(replace(cluster, job=job), JobEvent.DEADLOCKED, now)
    if job.status is _S.RUNNING and is_round(job) and not is_stuck(job):
        return replace(cluster, job=job)  # other servers are under way, and come back first
    return replace(cluster, job=replace(job, status=job.after(JobEvent.REFUSED)))


# Note [What a server owes]
# A server that dies while a cluster is made of it, or that is struck out as lost, cannot be put
# back as it was. Nobody waits for it: what is left to do on it is one thing, to reset it, and
# that is written to its row. It is of no cluster from then on, nobody makes a cluster of it, and
# it is reset as soon as it answers.
def _left(job: Job, number: int, why: str) -> Job:
    """Return the job with a server left alone that cannot be put back now."""
    entry = job.entries[number]
    mine = {number}
    if entry.verb is not Verb.STRIKE:  # which others do
        mine |= {n for n, each in enumerate(job.entries) if _is_of(each, entry.server)}
    entries = tuple(
        replace(each, status=_E.LEFT, reason=why) if n in mine and each.open else each
        for n, each in enumerate(job.entries)
    )
    return replace(job, entries=entries)


def _staying(job: Job, number: int, why: str) -> Job:
    """Return the job with a server left as it is, and a member of its cluster."""
    server = job.entries[number].server
    entries = tuple(_dropped(each) if each.server == server else each for each in job.entries)
    reason = f"{server} stays a member: {why}"
    told = f"{job.reason}; {reason}" if job.reason else reason
    return _with(
        replace(job, entries=entries, reason=told), number, replace(entries[number], reason=why)
    )


def _is_of(entry: Entry, server: str) -> bool:
    return entry.server == server and entry.verb not in (Verb.STRIKE, Verb.RELEASE)


def owes(job: Job, server: str) -> bool:
    """Return whether a server is let go as it is. See Note [What a server owes]."""
    mine = [each for each in job.entries if each.server == server]
    left = any(each.status is _E.LEFT and each.verb is not Verb.STRIKE for each in mine)
    return left or any(each.body.get("owes") for each in mine if each.verb is Verb.RELEASE)


def completed(cluster: ServerCluster, now: datetime) -> ServerCluster:
    """Return the cluster, its job ended if nothing of it is open."""
    job = cluster.job
    if job is not None and job.status is _S.RUNNING and is_round(job) and is_stuck(job):
        return replace(cluster, job=replace(job, status=job.after(JobEvent.REFUSED)))
    if job is None or _first_open(job) is not None:
        return cluster
    status = job.after(JobEvent.COMPLETED)
    if status is job.status:
        return cluster
    ended = replace(job, status=status, ended_at=now)
    return replace(cluster, job=ended, status=_OUTCOMES.get((job.kind, status), cluster.status))


def is_gone(cluster: ServerCluster) -> bool:
    """Return whether nothing is left of a cluster that was to go."""
    job = cluster.job
    return job is not None and job.kind is JobKind.DISSOLVE and job.status is _S.DONE


_OUTCOMES = {
    (JobKind.CREATE, _S.DONE): ServerClusterStatus.READY,
    (JobKind.CREATE, _S.TURNED_BACK): ServerClusterStatus.FAILED,
}


def turned_back(cluster: ServerCluster, event: JobEvent, now: datetime) -> ServerCluster:
    """Return the cluster with its job being undone: what was planned is dropped."""
    job = cluster.job
    if job is None:
        return cluster
    dropped = tuple(_dropped(each) for each in job.entries)
    entries = (*dropped, *taken_back(job.entries))
    job = replace(job, status=job.after(event), entries=entries)
    return completed(replace(cluster, job=job), now)


def _dropped(entry: Entry) -> Entry:
    return replace(entry, status=_E.DROPPED) if entry.open else entry


def paused(job: Job) -> Job:
    return replace(job, status=job.after(JobEvent.PAUSE))


def resumed(cluster: ServerCluster, now: datetime) -> ServerCluster:
    """Return the cluster with its job going on: what was refused is tried again."""
    job = cluster.job
    if job is None:
        return cluster
    entries = tuple(_afresh(each) for each in job.entries)
    status = job.after(JobEvent.RESUME)
    job = replace(job, status=status, entries=entries, reason="")
    return completed(replace(cluster, job=job), now)


def _afresh(entry: Entry) -> Entry:
    plain = replace(entry, due_at=None)
    if entry.status is _E.REFUSED:
        return replace(plain, status=_E.BEGUN, tries=0, begun_at=None, ended_at=None)
    return replace(plain, tries=0, begun_at=None) if entry.status is _E.BEGUN else plain


def cancelled(job: Job, now: datetime) -> Job:
    """Return the job ended, or, where servers are under way, with nothing but those left of it."""
    stays = under_way(job)
    entries = tuple(
        each if number in stays else _dropped(each) for number, each in enumerate(job.entries)
    )
    if not stays:
        return replace(job, entries=entries, status=job.after(JobEvent.CANCEL), ended_at=now)
    given_up = tuple(
        replace(each, status=_E.DROPPED) if each.status is _E.REFUSED else each for each in entries
    )
    text = "it is cancelled: what is under way comes to its end"
    return replace(job, entries=given_up, status=_S.RUNNING, reason=text)


def _with(job: Job, number: int, entry: Entry) -> Job:
    return replace(job, entries=(*job.entries[:number], entry, *job.entries[number + 1 :]))
