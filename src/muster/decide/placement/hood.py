"""Large boards: who stands is seated by exact search among the hosts that are likeliest to help."""

from collections.abc import Sequence

import numpy as np

from muster.decide.placement.budget import Budget
from muster.decide.placement.exact import reseated
from muster.decide.placement.hall import NOWHERE, Hall

HOSTS = 12  # taken apart at once, at first
MORE = 1.25  # times as many after each round that did not help anybody
MOST = 120
TURN = 0.004  # of work, for making one up
WORK = 0.1  # at most, on one neighbourhood


def improved(hall: Hall, budget: Budget) -> bool:
    """Seat as many as possible of who stands; return whether all sit in the end."""
    width, turn = float(HOSTS), 0
    whole = len(hall.board.hosts) <= HOSTS  # then there is but one neighbourhood
    while (standing := hall.standing()) and budget.left > 0 and not (whole and turn):
        budget.spend(TURN)
        standing.sort(key=lambda b: (-float(hall.size[b]), b))
        lead = standing[turn % len(standing)]
        before = _standing_size(hall)
        _retry(hall, lead, _around(hall, lead, int(width), turn), budget)
        turn += 1
        if _standing_size(hall) < before:
            width = float(HOSTS)
        elif turn % max(len(standing), 4) == 0:
            width = min(width * MORE, MOST)
        placed = int((hall.seat != NOWHERE).sum())
        budget.tell(placed, len(hall.seat), "neighbourhoods")
    return not hall.standing()


def _standing_size(hall: Hall) -> float:
    return float(sum(1 + hall.size[b] for b in hall.standing()))


def _around(hall: Hall, lead: int, width: int, turn: int) -> list[int]:
    """Return hosts for a neighbourhood: half those with most room, half others, in turns."""
    hosts = hall.within(lead)
    if not len(hosts):
        hosts = hall.may(lead)
    room = (np.minimum(hall.free[:, hosts], 1 << 32) * hall.scale[:, None]).sum(axis=0)
    # Hosts with most room are a little different each time: a stride over the first of them.
    ranked = hosts[np.argsort(-room, kind="stable")]
    half = width // 2
    pool = ranked[: max(4 * half, 1)]
    first = [int(h) for h in np.roll(pool, -(turn * half) % len(pool))[:half]]
    others = np.setdiff1d(ranked, first)
    if not len(others):
        return first
    # No dice: a step through them all that is different each turn.
    step = 7919 * (turn + 1) + 31
    at = (np.arange(width - half) * step + turn * 13) % len(others)
    return sorted({*first, *(int(others[i]) for i in at)})


def _retry(hall: Hall, lead: int, hosts: Sequence[int], budget: Budget) -> None:
    """Seat anew who is on these hosts, and the lead, exactly; keep what is no worse."""
    before = hall.seats()
    moved = sorted({b for h in hosts for b in hall.on[h]})
    movable = [b for b in moved if len(hall.board.blocks[b].may) > 1]
    extra = [b for b in hall.standing() if b != lead][:8]
    for block in movable:
        hall.leave(block)
    chosen = [*movable, lead, *extra]
    found = reseated(hall, chosen, hosts, budget, WORK)
    size_before = sum(1 + hall.size[b] for b in movable)
    size_after = sum(1 + hall.size[b] for b in found.seats)
    better = size_after >= size_before - 1e-9
    hall.take({b: h for b, h in before.items() if b not in set(movable)})
    for block, host in (found.seats if better else {b: before[b] for b in movable}).items():
        hall.sit(block, host)
