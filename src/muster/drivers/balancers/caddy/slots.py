"""Which member stands in which slot: the pure part of changing a pool."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from muster.model.pool import Front, MemberState, MemberWanted

FEWEST = 8
NOBODY = "unix/nobody"  # a socket that is never there: dialling it fails at once


# Note [Slots]
# Caddy takes a new configuration by starting new servers and shutting the old ones
# down. Go's shutdown hangs up on every connection that was accepted and whose first
# request it reads afterwards, and on idle ones: a client loses a request, whether it
# keeps connections or not (measured: with 20 busy connections 5 to 10 requests for
# each reload). So the members of a pool are not in its configuration. It names slots
# whose address is the content of a small file, read at every request, and a change of
# members is a change of files: no reload, no connection closed. An empty slot dials a
# socket that does not exist; failing to connect is safe to repeat with any method, so
# a request that meets a slot just emptied goes on to another member. The checks of
# health put an emptied slot out of the choice, and a filled one in once it answers.
@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """One member of the pool in force; a draining one has no slot."""

    member: MemberWanted
    slot: int | None
    since: float  # when it came to serve, or began to drain


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A pool as it is written down beside its Caddy. See Note [Slots]."""

    front: Front
    address: str
    port: int
    size: int = FEWEST
    seats: tuple[Seat, ...] = ()
    emptied: dict[int, float] | None = None  # when each slot was last left

    def dials(self) -> list[str]:
        """Return what each slot's file must say."""
        said = [NOBODY] * self.size
        for seat in self.seats:
            if seat.slot is not None:
                said[seat.slot] = f"{seat.member.address}:{seat.member.port}"
        return said


def room_for(members: int) -> int:
    """Return how many slots to have for so many members: twice as many, in powers of two.

    The number is fixed while a Caddy runs; growing beyond it takes a new one.
    """
    size = FEWEST
    while size < 2 * members:
        size *= 2
    return size


def seated(kept: Kept, wanted: Sequence[MemberWanted], now: float) -> Kept:
    """Return the pool with exactly these members, everyone who stays in his slot.

    Newcomers get the slots that were left longest ago: by then these count as sick, so
    nobody is sent to the newcomer before he has answered a check of his health.
    """
    before = {
        (seat.member.node_id, seat.member.address, seat.member.port): seat for seat in kept.seats
    }
    serving = sum(member.state is MemberState.SERVE for member in wanted)
    size = kept.size if serving <= kept.size else room_for(serving)
    seats, newcomers = [], []
    for member in wanted:
        old = before.get((member.node_id, member.address, member.port))
        if old and old.member.state is member.state:
            seats.append(replace(old, member=member))
        elif member.state is MemberState.DRAIN:
            seats.append(Seat(member=member, slot=None, since=now))
        else:
            newcomers.append(member)
    taken = {seat.slot for seat in seats}
    emptied = dict(kept.emptied or {})
    emptied |= {s.slot: now for s in kept.seats if s.slot is not None and s.slot not in taken}
    free = sorted(set(range(size)) - taken, key=lambda slot: (emptied.get(slot, 0.0), slot))
    for member, slot in zip(newcomers, free, strict=False):
        seats.append(Seat(member=member, slot=slot, since=now))
    order = {member.node_id: place for place, member in enumerate(wanted)}
    seats.sort(key=lambda seat: order[seat.member.node_id])
    return replace(kept, size=size, seats=tuple(seats), emptied=emptied)


def seat_of(kept: Kept, node_id: UUID) -> Seat | None:
    return next((seat for seat in kept.seats if seat.member.node_id == node_id), None)
