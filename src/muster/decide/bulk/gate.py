"""Whether the servers of a cluster are in a state in which they may be changed together."""

from collections.abc import Iterable

from muster.model.machine import Detail, Machine, MachineStatus


def not_ready(machines: Iterable[Machine]) -> tuple[str, ...]:
    """Return, for each that is not, why it is not ready to be changed."""
    return tuple(f"server '{each.name}' {why}" for each in machines if (why := _why(each)))


def _why(machine: Machine) -> str:
    if machine.status is not MachineStatus.READY:
        reason = f": {machine.reason}" if machine.reason else ""
        return f"is {machine.status} {machine.detail}".rstrip() + reason
    if machine.detail is not Detail.NONE:
        return f"is {machine.detail}"
    return "is in maintenance" if machine.facts.in_maintenance else ""
