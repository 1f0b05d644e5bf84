"""What the steps of a job make of the rows of machines, when they begin and when they are over."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from muster.decide.server_clusters.jobs import owes
from muster.model.machine import Facts, Happening, Machine, MachineStatus
from muster.model.server_cluster import ServerCluster
from muster.model.server_job import Entry, EntryStatus, Job, Verb

_RESETTING = "it is being reset"
_BEGINS: Mapping[Verb, Happening] = {
    Verb.EVACUATE: Happening.EVACUATION_BEGUN,
    Verb.RESTORE: Happening.RESTORE_BEGUN,
    Verb.REBOOT: Happening.REBOOT_BEGUN,
    Verb.UPDATE: Happening.UPDATE_BEGUN,
}
_ENDS: Mapping[Verb, Happening] = {
    Verb.EVACUATE: Happening.ENDED,
    Verb.RESTORE: Happening.ENDED,
    Verb.REBOOT: Happening.ANSWERED,
    Verb.UPDATE: Happening.ENDED,
}
_MAINTENANCE: Mapping[Verb, int] = {Verb.EVACUATE: 2, Verb.RESTORE: 0}


def at_begin(
    cluster: ServerCluster, entry: Entry, machines: Sequence[Machine], now: datetime
) -> tuple[Machine, ...]:
    """Return the machines as a step leaves them that begins, only those that change."""
    if entry.verb is Verb.CERTIFICATE:
        both = f"{cluster.certificate}\n{entry.body.get('cluster_certificate', '')}"
        return tuple(replace(each, shows=both) for each in machines)
    machine = _of(entry, machines)
    if machine is None:
        return ()
    if entry.verb is Verb.JOIN:
        return (replace(machine, shows=cluster.certificate),)
    if entry.verb is Verb.RESET and "token" in entry.kept:
        token = UUID(str(entry.kept["token"]))
        if machine.token_id == token:  # this try is not its first
            return ()
        return (_owing(replace(machine, owes_reset=_RESETTING, token_id=token), now),)
    happening = _BEGINS.get(entry.verb)
    begun = machine.met(happening, now) if happening and entry.tries == 1 else machine
    return (begun,) if begun != machine else ()


def at_end(
    cluster: ServerCluster, number: int, machines: Sequence[Machine], now: datetime
) -> tuple[Machine, ...]:
    """Return the machines as a step leaves them that has ended or was refused."""
    entry = cluster.job.entries[number] if cluster.job else None
    machine = _of(entry, machines) if entry else None
    if entry is None or entry.open:
        return ()
    if entry.verb is Verb.CERTIFICATE:
        return tuple(replace(each, shows=cluster.certificate) for each in machines)
    if machine is None:
        return ()
    if entry.status is not EntryStatus.DONE:
        stays = machine.met(Happening.ENDED, now)
        return (stays,) if stays != machine else ()
    if entry.verb is Verb.BOOTSTRAP:
        return (replace(machine, shows=cluster.certificate),)
    if entry.verb is Verb.RESET:
        return (reset(machine, now),) if machine.owes_reset else ()
    if entry.verb is Verb.RELEASE:
        return (_let_go(cluster, machine, now),)
    return _tended(entry, machine, now)


def _of(entry: Entry, machines: Sequence[Machine]) -> Machine | None:
    return next((each for each in machines if each.name == entry.server), None)


def _tended(entry: Entry, machine: Machine, now: datetime) -> tuple[Machine, ...]:
    happening = _ENDS.get(entry.verb)
    if happening is None:
        return ()
    over = machine.met(happening, now)
    maintenance = _MAINTENANCE.get(entry.verb, over.facts.in_maintenance)
    facts = replace(over.facts, in_maintenance=maintenance)
    # What it told of itself before is old.
    return (replace(over, facts=facts, polled_at=None, whole_at=None, seen_at=now),)


def reset(machine: Machine, now: datetime) -> Machine:
    """Return a machine that resets itself: expected, to be known by the token it was given."""
    new = replace(
        machine,
        certificate="",
        fingerprint="",
        secret="",
        shows="",
        cluster="",
        owes_reset="",
        facts=Facts(),
        reason="",
    )
    return new.met(Happening.RESET, now)


def _unseen(job: Job, machine: Machine) -> bool:
    mine = [each for each in job.entries if each.server == machine.name]
    begun = [each.kept for each in mine if each.verb is Verb.BOOTSTRAP and each.kept]
    return bool(begun) and not machine.shows


def _owing(machine: Machine, now: datetime) -> Machine:
    """Return a machine that owes a reset; one that is away does when it is there again."""
    is_ready = machine.status is MachineStatus.READY
    return machine.met(Happening.OWES, now) if is_ready else machine


def _let_go(cluster: ServerCluster, machine: Machine, now: datetime) -> Machine:
    job = cluster.job
    if job is not None and owes(job, machine.name):
        text = f"it was of cluster '{cluster.name}', and did not answer when that let it go"
        # Whoever owes a reset comes back by a token for it alone. That by which it registered may
        # be that of many: the next of those would be taken for it.
        owing = _owing(replace(machine, cluster="", owes_reset=text, token_id=None), now)
        # What it shows since it began a cluster nobody has seen: it is believed what it shows.
        return replace(owing, certificate="", fingerprint="") if _unseen(job, machine) else owing
    return replace(machine, cluster="", shows="", owes_reset="")
