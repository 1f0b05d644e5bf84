"""What is known of a machine after it was asked, or called; and when it is asked next."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from muster.model.machine import Detail, Facts, Happening, Machine, MachineStatus

_S, _D = MachineStatus, Detail
FIRST_POLLS = 10  # a second apart, once it has registered
FIRST_EVERY = timedelta(seconds=1)
BUSY_EVERY = timedelta(seconds=30)
EVERY: Mapping[MachineStatus, timedelta | None] = {
    _S.UNKNOWN: timedelta(minutes=1),
    _S.UNREGISTERED: None,  # there is nowhere to ask
    _S.PENDING: timedelta(minutes=1),
    _S.READY: timedelta(minutes=5),
    _S.OFFLINE: timedelta(seconds=10),
}
WHOLE_EVERY = timedelta(hours=1)
GOING_DOWN = timedelta(seconds=30)  # who has said that it goes may answer for so long
_GOING = (_D.REBOOTING, _D.SHUT_DOWN)
UP_S = 120.0  # of a machine that does not say whether it is ready


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a machine said of itself: always its environment, the rest where it was asked for."""

    environment: Mapping[str, Any]
    facts: Facts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """As much of a machine as tells when it is asked next."""

    id: UUID
    connection_url: str = ""
    status: MachineStatus
    detail: Detail = Detail.NONE
    polled_at: datetime | None = None
    polls: int = 0
    created_at: datetime


def due_at(machine: Machine | Pulse) -> datetime | None:
    """Return when to ask a machine next, None for never. Who was never asked is due at once."""
    every = EVERY[machine.status]
    if every is None or not machine.connection_url:
        return None
    if machine.polled_at is None:
        return machine.created_at
    if machine.detail not in (_D.NONE, _D.REGISTERING, _D.RECONFIGURING, _D.UNRESPONSIVE):
        every = BUSY_EVERY
    elif machine.status is _S.PENDING and machine.polls < FIRST_POLLS:
        every = FIRST_EVERY
    return machine.polled_at + every


def wants_all(machine: Machine, now: datetime) -> bool:
    """Return whether to ask for everything, and not only how it is."""
    if machine.detail is _D.RESETTING:
        return False  # its Incus comes and goes, and what it tells is gone in a moment
    if machine.status is not _S.READY or machine.whole_at is None:
        return True
    return now - machine.whole_at >= WHOLE_EVERY


def answered(machine: Machine, answer: Answer, now: datetime) -> Machine:
    """Return what is known once a machine answered."""
    seen = replace(machine, polled_at=now, polls=machine.polls + 1)
    going = machine.status is _S.OFFLINE and machine.detail in _GOING
    if going and machine.turned_at and now - machine.turned_at < GOING_DOWN:
        return seen  # it has not gone down yet
    seen = replace(seen, seen_at=now, reason="")
    if answer.facts:
        seen = replace(seen, facts=answer.facts, whole_at=now)
    ready = _is_ready(answer.environment)
    happened = _here(machine, Happening.ANSWERED) if ready else Happening.WAITING
    return replace(seen.met(happened, now), updated_at=now)


def silent(machine: Machine, reason: str, now: datetime) -> Machine:
    """Return what is known once a machine did not answer, or not as itself."""
    tried = replace(machine, polled_at=now, polls=machine.polls + 1, reason=reason)
    return tried.met(Happening.VANISHED if machine.owes_reset else Happening.SILENT, now)


def _here(machine: Machine, happening: Happening) -> Happening:
    """Return what it means that a machine is there: one that owes a reset is no ready one."""
    return Happening.OWES if machine.owes_reset else happening


def _is_ready(environment: Mapping[str, Any]) -> bool:
    said = environment.get("system_is_ready")
    if said is not None:
        return bool(said)
    uptime = environment.get("uptime")
    return isinstance(uptime, int | float) and uptime >= UP_S


@dataclass(frozen=True, slots=True)
class Cause:
    """What the call of a machine means."""

    happening: Happening | None = None
    look: bool = True  # whether it is asked at once
    new_url: bool = False


_LOOK = Cause()
CAUSES: Mapping[str, Cause] = {
    "": Cause(new_url=True),
    "network-config-changed": Cause(new_url=True),
    "network-interface-state-changed": _LOOK,
    "system-is-ready": Cause(Happening.UP),
    "os-update-applied": _LOOK,
    "application-update-applied": Cause(Happening.ENDED),
    "secure-boot-update-applied": _LOOK,
    "storage-config-changed": Cause(look=False),
    "system-reboot-triggered": Cause(Happening.REBOOT_BEGUN, look=False),
    "system-shutdown-triggered": Cause(Happening.SHUTDOWN_BEGUN, look=False),
    "suspend-triggered": Cause(Happening.SHUTDOWN_BEGUN, look=False),
}


def called(machine: Machine, cause: str, url: str, now: datetime) -> Machine:
    """Return what is known once a machine called by itself. `cause` is one of CAUSES."""
    meant = CAUSES[cause]
    happened = _here(machine, Happening.UP) if meant.happening is Happening.UP else meant.happening
    heard = machine.met(happened, now) if happened else machine
    if meant.new_url and url:
        heard = replace(heard, connection_url=url)
    if meant.look:
        heard = replace(heard, polled_at=None, whole_at=None)
    return replace(heard, seen_at=now, updated_at=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a machine says of itself when it registers."""

    name: str
    connection_url: str
    public_connection_url: str = ""
    machine_id: str = ""
    system_uuid: str = ""
    certificate: str = ""


def same(expected: Machine, call: Call) -> int:
    """Return how surely an expected machine is the one that calls; 0: it is another."""
    if expected.status is not _S.UNREGISTERED:
        return 0
    if call.system_uuid and expected.system_uuid == call.system_uuid:
        return 2
    return int(bool(call.machine_id) and expected.machine_id == call.machine_id)
