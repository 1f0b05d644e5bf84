"""What there is to warn of, and what becomes of warnings by what is found now."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from muster.model.bulk import Bulk
from muster.model.machine import Machine, MachineStatus
from muster.model.server_cluster import ServerCluster
from muster.model.server_job import JobStatus
from muster.model.warning import Finding, Kind, Warning

MOST_MESSAGES = 10


@dataclass(frozen=True, slots=True)
class Outcome:
    put: tuple[Warning, ...]
    over: tuple[Warning, ...]


def looked(
    scope: str, there: Iterable[Warning], found: Sequence[Finding], now: datetime
) -> Outcome:
    """Return the warnings of one scope after a look: seen again, new, or over."""
    known = {each.id: each for each in there}
    made = [_one(scope, each, known, now) for each in found]
    ids = {each.id for each in made}
    return Outcome(tuple(made), tuple(each for id, each in known.items() if id not in ids))


def _one(scope: str, found: Finding, known: Mapping[UUID, Warning], now: datetime) -> Warning:
    new = Warning(
        scope=scope,
        kind=found.kind,
        entity_type=found.entity_type,
        entity=found.entity,
        messages=(found.message,),
        first_at=now,
        last_at=now,
        updated_at=now,
    )
    before = known.get(new.id)
    if before is None:
        return new
    others = tuple(each for each in before.messages if each != found.message)
    messages = (*others, found.message)[-MOST_MESSAGES:]
    return replace(before, messages=messages, count=before.count + 1, last_at=now, updated_at=now)


def of_machine(machine: Machine) -> tuple[Finding, ...]:
    """Return what is not in order with a machine that was asked just now."""
    made = []
    if machine.status is MachineStatus.OFFLINE and machine.reason:
        made.append(_of(machine, Kind.UNREACHABLE, machine.reason))
    has = str((machine.facts.update.get("config") or {}).get("channel") or "")
    if machine.channel and has and has != machine.channel:
        text = f"it takes updates of channel '{has}', and should of '{machine.channel}'"
        made.append(_of(machine, Kind.CHANNEL, text))
    return tuple(made)


def of_jobs(clusters: Iterable[ServerCluster]) -> tuple[Finding, ...]:
    """Return which jobs on clusters wait for somebody to say what now."""
    return tuple(
        Finding(
            kind=Kind.JOB,
            entity_type="cluster",
            entity=each.name,
            message=f"{each.job.kind}: {each.job.reason}",
        )
        for each in clusters
        if each.job and each.job.status is JobStatus.STOPPED
    )


def _of(machine: Machine, kind: Kind, text: str) -> Finding:
    return Finding(kind=kind, entity_type="server", entity=machine.name, message=text)


def of_bulk(bulk: Bulk) -> tuple[Finding, ...]:
    """Return the servers at which an update failed."""
    return tuple(
        Finding(
            kind=Kind.BULK,
            entity_type="server",
            entity=each.name,
            message=f"{bulk.action}: {each.error}",
        )
        for each in bulk.servers
        if each.error
    )
