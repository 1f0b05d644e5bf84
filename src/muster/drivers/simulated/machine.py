"""One machine of a simulated world, and what can be said of it at a moment."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from muster.drivers.simulated.entries import Created, Make
from muster.drivers.simulated.hosts import MUTE, SILENT
from muster.model.observed import Seen, Server

NEVER = float("inf")

# What a power state other than "on" looks like from outside.
OFF = {
    "stopped": "it was stopped",
    "paused": "it is paused",
    "suspended": "it is suspended",
    "rescued": "it is being rescued",
}


class Machine:
    """What was done to it, and the times from which everything else follows.

    `shown` is kept because a listing of a hundred thousand must cost little: it holds
    until `shown_until`, or until somebody sets that to 0 for something has happened. So is
    what its application answers, until `answered_until`.
    """

    __slots__ = (
        "answered",
        "answered_until",
        "answers_at",
        "broken",
        "gone_at",
        "installation",
        "made_at",
        "make",
        "power",
        "runs_at",
        "serial",
        "shown",
        "shown_until",
        "sick",
    )

    def __init__(self, entry: Created, make: Make, ref: str, zone: str) -> None:
        self.installation: UUID = entry.installation
        self.make = make
        self.serial = entry.serial
        self.made_at = entry.made_at or entry.at
        self.runs_at = entry.runs_at
        self.answers_at = entry.answers_at
        self.gone_at = entry.gone_at or NEVER
        self.power = entry.power
        self.broken = entry.broken
        self.sick = entry.sick
        self.answered: str | None = None
        self.answered_until = 0.0
        seen, reason = _seen(self, entry.at, "")
        self.shown_until = next_turn(self, entry.at)
        self.shown = Server(
            ref=ref,
            server_id=entry.server_id,
            node_id=entry.node_id,
            cluster_id=entry.cluster_id,
            name=entry.name,
            seen=seen,
            created=datetime.fromtimestamp(self.made_at, UTC),
            address=address(entry.serial, make.network),
            host=entry.host,
            zone=zone,
            image=make.image,
            project=entry.project,
            reason=reason,
        )


def ref(server_id: UUID) -> str:
    return f"sim-{server_id.hex}"


def address(serial: int, network: str) -> str:
    """Return an address of its own for every serial number, in the network's range."""
    second = (128 if network == "private-2" else 0) + (serial >> 16 & 0x3F)
    return f"10.{second}.{serial >> 8 & 0xFF}.{serial & 0xFF}"


def shown(machine: Machine, now: float, host: str, *, dead: bool = False) -> Server:
    """Return the machine as its cloud shows it, on a host in that condition, or held dead."""
    seen, reason = _seen(machine, now, host)
    server = machine.shown
    abandoned = dead and seen is Seen.UNREACHABLE
    if (seen, reason, abandoned) == (server.seen, server.reason, server.abandoned):
        return server
    return replace(server, seen=seen, reason=reason, abandoned=abandoned)


# Note [Going is not running]
# A machine that was told to go is listed until it is gone. It is shown as stopped from
# the first moment, so that nobody takes it back into service.
def _seen(machine: Machine, now: float, host: str) -> tuple[Seen, str]:
    """Return its condition: the first line that holds. See Note [Going is not running]."""
    if machine.gone_at < NEVER:
        return Seen.STOPPED, "it is being deleted"
    if host in SILENT:
        return Seen.UNREACHABLE, "its host does not answer"
    if machine.broken:
        return Seen.BROKEN, machine.broken
    if now < machine.runs_at:
        return Seen.BUILDING, ""
    if machine.make.fault == "boot":
        return Seen.BROKEN, "simulated fault: boot"
    if machine.power in OFF:
        return Seen.STOPPED, OFF[machine.power]
    return Seen.RUNNING, ""


def next_turn(machine: Machine, now: float, host: str = "") -> float:
    """Return until when what is shown now stays true if nothing happens."""
    if host in SILENT:
        return now  # the others may come to hold the host dead
    return machine.runs_at if now < machine.runs_at else NEVER


def answer(machine: Machine, now: float, host: str) -> str | None:
    """Return why the application on it does not answer well, or None if it does."""
    seen, reason = _seen(machine, now, "" if host == MUTE else host)
    if seen is Seen.UNREACHABLE:
        return "no answer"
    if seen is not Seen.RUNNING:
        return f"connection refused: {reason or 'it is being built'}"
    if now < machine.answers_at:
        return "connection refused: it is starting"
    if machine.sick or machine.make.fault == "sick":
        return f"HTTP 503: {machine.sick or 'simulated fault: sick'}"
    return None


def answered_until(machine: Machine, now: float) -> float:
    """Return until when its application answers as now if nothing happens."""
    turns = (each for each in (machine.runs_at, machine.answers_at) if now < each)
    return min(turns, default=NEVER)


def well_from(machine: Machine, host: str) -> float:
    """Return from when on its application answers well, if nothing happens."""
    starts = max(machine.runs_at, machine.answers_at)
    return NEVER if answer(machine, max(starts, 0.0), host) else starts
