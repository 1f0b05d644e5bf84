"""Large boards: who stands is seated by exact search among the hosts that are likeliest to help."""

from collections.abc import Sequence

import numpy as np

from muster.decide.placement.budget import Budget
from muster.decide.placement.exact import reseated
from muster.decide.placement.hall import NOWHERE, Hall, Ints

HOSTS = 10  # taken apart at once, at first
MORE = 1.25  # times as many after each round that did not help anybody
LESS = 0.9  # times as many after one that did
MOST = 13
TURN = 0.004  # of work, for making one up
WORK = 0.015  # at most, on one neighbourhood of that many hosts; more by the square of them
ROOMY = 4  # times as many hosts with most room as are taken of them at once
STANDING = 8  # others without a seat who may find one, too


# Note [Whose hosts are taken apart]
# Where nearly all of a resource is asked for, what is left of it on hosts here and there is what
# keeps somebody standing. So a neighbourhood is half of hosts with most room, where the one it is
# for could come, and half of hosts that have some of the scarcest resource left, or in every other
# turn of any that are in use. A little work on many neighbourhoods seats more than much on few.
def improved(hall: Hall, budget: Budget) -> bool:
    """Seat as many as possible of who stands; return whether all sit in the end.

    See Note [Whose hosts are taken apart].
    """
    width, turn, idle = float(HOSTS), 0, 0
    whole = len(hall.board.hosts) <= HOSTS  # then there is but one neighbourhood
    while (standing := hall.standing()) and budget.left > 0 and not (whole and turn):
        budget.spend(TURN)
        standing.sort(key=lambda b: (-float(hall.size[b]), b))
        before = _standing_size(hall)
        _retry(hall, standing, turn, int(width), budget)
        turn += 1
        if _standing_size(hall) < before:
            width, idle = max(width * LESS, HOSTS), 0
        else:
            idle += 1
            if idle % max(len(standing), 4) == 0:
                width = min(width * MORE, MOST)
        placed = int((hall.seat != NOWHERE).sum())
        budget.tell(placed, len(hall.seat), "neighbourhoods")
    return not hall.standing()


def _standing_size(hall: Hall) -> float:
    return float(sum(1 + hall.size[b] for b in hall.standing()))


def _around(hall: Hall, lead: int, width: int, turn: int) -> list[int]:
    """Return hosts for a neighbourhood. See Note [Whose hosts are taken apart]."""
    hosts = hall.within(lead)
    if not len(hosts):
        hosts = hall.may(lead)
    room = (np.minimum(hall.free[:, hosts], 1 << 32) * hall.scale[:, None]).sum(axis=0)
    ranked = hosts[np.argsort(-room, kind="stable")]
    half = width // 2
    # Hosts with most room are a little different each time: a stride over the first of them.
    pool = ranked[: max(ROOMY * half, 1)]
    first = [int(h) for h in np.roll(pool, -(turn * half) % len(pool))[:half]]
    others = np.setdiff1d(_wasteful(hall, width, turn), first)
    if not len(others):
        return first
    # No dice: a step through them all that is different each turn.
    step = 7919 * (turn + 1) + 31
    at = (np.arange(width - half) * step + turn * 13) % len(others)
    return sorted({*first, *(int(others[i]) for i in at)})


def _wasteful(hall: Hall, width: int, turn: int) -> Ints:
    """Return hosts with some of the scarcest resource left, or in every other turn all in use."""
    left = np.minimum(hall.free, 1 << 32)
    scarcest = int(np.argmin(left.sum(axis=1) * hall.scale))
    wasteful = np.flatnonzero(left[scarcest] > 0)
    if turn % 2 and len(wasteful) >= width:
        return wasteful
    return np.unique(hall.seat[hall.seat != NOWHERE])


def _retry(hall: Hall, standing: Sequence[int], turn: int, width: int, budget: Budget) -> None:
    """Seat anew, exactly, who is on the hosts around one that stands; keep what is no worse."""
    lead = standing[turn % len(standing)]
    hosts = _around(hall, lead, width, turn)
    seats = {b: h for h in hosts for b in sorted(hall.on[h]) if len(hall.board.blocks[b].may) > 1}
    extra = [b for b in standing if b != lead][:STANDING]
    for block in seats:
        hall.leave(block)
    chosen: dict[int, int | None] = {**seats, lead: None, **dict.fromkeys(extra)}
    found = reseated(hall, chosen, hosts, budget, WORK * (width / HOSTS) ** 2)
    before = sum(1 + hall.size[b] for b in seats)
    better = sum(1 + hall.size[b] for b in found.seats) >= before - 1e-9
    for block, host in (found.seats if better else seats).items():
        hall.sit(block, host)
