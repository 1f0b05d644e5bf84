"""Plain counting that shows that not everybody can sit, and names who is too many."""

from collections.abc import Iterator, Sequence

import numpy as np

from muster.decide.placement.board import PLENTY, Board
from muster.decide.placement.hall import Ints
from muster.model.placing import Scope

STEPS = 24  # sizes at most to be counted by, of each resource


def overfull(board: Board) -> Sequence[int] | None:
    """Return blocks that cannot all sit, as counting shows; None where it does not show it.

    Counted are: all that is needed of a resource against all there is; who needs at least so
    much of it against how many such seats there are; who must be in one zone against the zones;
    and who must be apart against hosts.
    """
    return next(_crowds(board), None)


def _crowds(board: Board) -> Iterator[Sequence[int]]:
    need = np.array([block.need for block in board.blocks], dtype=np.int64)
    room = np.array(board.room, dtype=np.int64).reshape((len(board.resources), len(board.hosts)))
    for r in range(len(board.resources)):
        if room[r].max(initial=0) < PLENTY:
            yield from _too_many(need[:, r], room[r])
    for herd in board.herds:
        if not any(_holds(board, herd, need, room, zone) for zone in range(board.zones)):
            yield herd
    for bond in board.aparts:
        where = {h for b in bond.counts for h in board.blocks[b].may}
        if bond.scope is Scope.ZONE:
            where = {board.zone[h] for h in where}
        if sum(bond.counts.values()) > bond.most * len(where):
            yield sorted(bond.counts)


def _too_many(need: Ints, room: Ints) -> Iterator[Sequence[int]]:
    """Yield blocks of which each needs at least so much, or that together need too much."""
    for least in _sizes(need):
        large = np.flatnonzero(need >= least)
        if len(large) > int((room // least).sum()):
            yield [int(b) for b in large]
    if need.sum() > room.sum():
        yield [int(b) for b in np.flatnonzero(need)]


def _holds(board: Board, herd: Sequence[int], need: Ints, room: Ints, zone: int) -> bool:
    """Return whether counting leaves it open that a herd sits in this zone."""
    here = np.array([z == zone for z in board.zone], dtype=bool)
    if not all(any(here[h] for h in board.blocks[b].may) for b in herd):
        return False
    asked = need[list(herd)].sum(axis=0)
    return bool(np.all(asked <= room[:, here].sum(axis=1)))


def _sizes(need: Ints) -> list[int]:
    sizes = np.unique(need[need > 0])
    if len(sizes) > STEPS:
        sizes = sizes[np.linspace(0, len(sizes) - 1, STEPS).astype(int)]
    return [int(size) for size in sizes]
