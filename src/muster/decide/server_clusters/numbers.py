"""Which numbers machines bear among those that share disks."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from muster.model.host_number import RANGE, HostNumber


def numbered(
    given: Iterable[HostNumber], machines: Sequence[UUID], domain: str = ""
) -> tuple[HostNumber, ...] | None:
    """Return a number for each of these machines, in their order; None where too few are left.

    Who bears one keeps it; the others get the lowest that nobody has.
    """
    here = [each for each in given if each.domain == domain]
    mine = {each.machine_id: each for each in here}
    taken = {each.number for each in here}
    free = (number for number in RANGE if number not in taken)
    for id in machines:
        if id not in mine:
            number = next(free, None)
            if number is None:
                return None
            mine[id] = HostNumber(domain=domain, number=number, machine_id=id)
    return tuple(mine[id] for id in machines)
