"""Large boards: who stands is seated by exact search among the hosts that are likeliest to help."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from muster.decide.placement.budget import Budget
from muster.decide.placement.exact import Hood, reseated
from muster.decide.placement.hall import NOWHERE, Hall

HOSTS = 8  # taken apart at once, at first
MORE = 1.25  # times as many after each round that did not help anybody
LESS = 0.9  # times as many after one that did
MOST = 11
TURN = 0.004  # of work, for making one up
WORK = 0.01  # at most, on one neighbourhood of that many hosts; more by the square of them
LONG = 50  # turns for the same one
HOLES = 2  # hosts that are tried for each, in such turns
ROOMY = 4  # times as many hosts with most to give as are taken of them at once
STANDING = 8  # others without a seat who may find one, too


# Note [A hole that grows]
# Where nearly all of a resource is asked for, a little of it is left here and a little there, and
# that is what keeps somebody standing. So there is one host, where the least is lacking for him,
# and a neighbourhood is this one and others that have some of what it lacks: half of them with
# most of it, half any. Of seats that are as good for all, those are taken that leave the most on
# that one host. So its hole grows from one neighbourhood to the next, until he fits into it.
# A little work on many neighbourhoods seats more than much on few.
def improved(hall: Hall, budget: Budget) -> bool:
    """Seat as many as possible of who stands; return whether all sit in the end.

    See Note [A hole that grows].
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


@dataclass(frozen=True, slots=True)
class _Hole:
    """What is to become room for a block on a host, and of which resources some is lacking yet."""

    block: int
    host: int
    lacks: list[int]


def _hole(hall: Hall, standing: Sequence[int], turn: int) -> _Hole:
    """Return whose turn it is, the smallest first, and where the least is lacking for him."""
    span = turn // LONG
    block = standing[-1 - span % len(standing)]
    hosts = hall.lawful(block, hall.within(block))
    if not len(hosts):
        hosts = hall.may(block)
    short = hall.need[block][:, None] - hall.free[:, hosts]
    lack = np.maximum(short, 0) * hall.scale[:, None]
    nearest = np.argsort(lack.sum(axis=0), kind="stable")[:HOLES]
    at = int(nearest[span // len(standing) % len(nearest)])
    lacks = [int(r) for r in np.flatnonzero(lack[:, at] > 0)]
    return _Hole(block, int(hosts[at]), lacks or list(range(len(lack))))


def _around(hall: Hall, hole: _Hole, width: int, turn: int) -> list[int]:
    """Return the host with the hole and others. See Note [A hole that grows]."""
    if len(hall.board.hosts) <= width:
        return list(range(len(hall.board.hosts)))
    left = np.minimum(hall.free[hole.lacks], 1 << 32) * hall.scale[hole.lacks, None]
    gives = left.sum(axis=0)
    gives[hole.host] = 0
    givers = np.flatnonzero(gives > 0)
    half = (width - 1) // 2
    # Those with most are a little different each time: a stride over the first of them.
    pool = givers[np.argsort(-gives[givers], kind="stable")][: ROOMY * half]
    first = [int(h) for h in np.roll(pool, -(turn * half) % max(len(pool), 1))[:half]]
    others = np.setdiff1d(givers, first)
    if len(givers) < width:
        in_use = np.unique(hall.seat[hall.seat != NOWHERE])
        others = np.setdiff1d(in_use, [hole.host, *first])
    if not len(others):
        return sorted({hole.host, *first})
    # No dice: a step through them all that is different each turn.
    step = 7919 * (turn + 1) + 31
    at = (np.arange(width - 1 - len(first)) * step + turn * 13) % len(others)
    return sorted({hole.host, *first, *(int(others[i]) for i in at)})


def _retry(hall: Hall, standing: Sequence[int], turn: int, width: int, budget: Budget) -> None:
    """Seat anew, exactly, who is on the hosts around one that stands; keep what is no worse."""
    hole = _hole(hall, standing, turn)
    hosts = _around(hall, hole, width, turn)
    seats = {b: h for h in hosts for b in sorted(hall.on[h]) if len(hall.board.blocks[b].may) > 1}
    extra = [b for b in standing if b != hole.block][:STANDING]
    for block in seats:
        hall.leave(block)
    chosen: dict[int, int | None] = {**seats, hole.block: None, **dict.fromkeys(extra)}
    hood = Hood(chosen, hosts, hole.host, hole.lacks)
    found = reseated(hall, hood, budget, WORK * (width / HOSTS) ** 2)
    before = sum(1 + hall.size[b] for b in seats)
    better = sum(1 + hall.size[b] for b in found.seats) >= before - 1e-9
    for block, host in (found.seats if better else seats).items():
        hall.sit(block, host)
