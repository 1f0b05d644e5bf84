"""The number by which a machine is told from others that share its disks."""

from dataclasses import dataclass
from uuid import UUID, uuid5

RANGE = range(1, 2001)  # what sanlock takes as a host's id
_NUMBERS = UUID("6a1c2b1e-58a8-5d0c-9a57-5e0f4b0c8a11")


# Note [One number, one machine]
# Two hosts that lock the same disks by the same number write over each other's data. So the id
# of a row is made of its domain and number: there cannot be a second row, whoever asks. It stays
# until its machine is let go, whatever becomes of its cluster, for a disk may hold a lock of that
# number for as long; where that machine was never reset, as one that was lost, it stays for good.
# Nobody tells Muster which servers see which disks, and a machine locks every group that it sees
# when it starts. So all servers are one domain, "", and a number is one's own wherever disks are.
@dataclass(frozen=True, slots=True, kw_only=True)
class HostNumber:
    """A number that is given. See Note [One number, one machine]."""

    domain: str  # those who may share disks
    number: int
    machine_id: UUID

    @property
    def id(self) -> UUID:
        return uuid5(_NUMBERS, f"{self.domain}/{self.number}")
