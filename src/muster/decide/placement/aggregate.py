"""An aggregated model that proves that not everybody can sit, and names who is too many."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from muster.decide.placement.board import PLENTY, Board
from muster.decide.placement.budget import Budget
from muster.decide.placement.counting import overfull
from muster.decide.placement.hall import Ints
from muster.decide.placement.sat import Model, Outcome, Solved
from muster.model.placing import Item

CELLS = 5_000  # kinds of blocks by fields of hosts, at most
SIZES = 8  # to be counted by, of each resource
ONCE = 0.2  # of work at most, on one model


def too_many(board: Board, budget: Budget) -> Sequence[int] | None:
    """Return blocks that are proved not to fit together; None where that is not found out."""
    return overfull(board) or _crowd(board, budget)


# Note [Counted in fields]
# Hosts are put together as fields of those that the same wants let in, blocks as kinds that ask
# for the same. How many of a kind are in a field is one number, bounded by what there is of each
# resource in all of the field, by how many seats of at least such a size there are, and by herds
# that have to choose a zone. Whoever sits by the rules obeys all of that, so where there are no
# such numbers, there are no seats; the converse does not hold. Each kind is there by an
# assumption: those that the proof needs are enough, and are made fewer one by one.
def _crowd(board: Board, budget: Budget) -> Sequence[int] | None:
    """Return blocks of which none can be left out of the proof. See Note [Counted in fields]."""
    fields = _Fields(board)
    if not fields.kinds or len(fields.kinds) * len(fields.hosts) > CELLS:
        return None
    counts = [len(kind) for kind in fields.kinds]
    found = fields.solved(counts, budget, ask=True)
    if found.outcome is not Outcome.NONE:
        return None
    needed = set(found.core) or set(range(len(counts)))
    counts = [count if kind in needed else 0 for kind, count in enumerate(counts)]
    for kind in sorted(needed, key=lambda kind: (counts[kind], kind)):
        counts[kind] = _fewest(fields, counts, kind, budget)
    return sorted(b for kind, n in enumerate(counts) for b in fields.kinds[kind][:n])


def _fewest(fields: "_Fields", counts: list[int], kind: int, budget: Budget) -> int:
    """Return how few of a kind are enough for the proof, all others as they are."""
    enough, low = counts[kind], 0
    while low < enough:
        tried = (low + enough) // 2
        fewer = [tried if other == kind else n for other, n in enumerate(counts)]
        if fields.solved(fewer, budget).outcome is Outcome.NONE:
            enough = tried
        else:
            low = tried + 1
    return enough


@dataclass(frozen=True, slots=True)
class _Cell:
    """How many of a kind are in a field."""

    kind: int
    field: int
    most: int
    variable: int


class _Fields:
    def __init__(self, board: Board) -> None:
        self.board = board
        self.room: Ints = np.array(board.room, dtype=np.int64).reshape(
            (len(board.resources), len(board.hosts))
        )
        self.kinds = _grouped([self._kind(b) for b in range(len(board.blocks))])
        self.hosts = [np.array(field, dtype=np.int64) for field in self._hosts()]

    @cached_property
    def _seats(self) -> list[list[int]]:
        return [[self._most(kind[0], field) for field in self.hosts] for kind in self.kinds]

    def solved(self, counts: Sequence[int], budget: Budget, *, ask: bool = False) -> Solved:
        """Return whether so many of each kind fit; `ask` for the kinds that are in the way."""
        model = Model()
        cells: list[_Cell] = []
        asked: dict[int, int] = {}
        for kind, count in enumerate(counts):
            mine = [
                _Cell(kind, field, most, model.whole(0, min(most, count)))
                for field, most in enumerate(self._seats[kind])
                if count and most
            ]
            if count and ask:
                asked[model.choice()] = kind
            unless = next(reversed(asked)) if count and ask else None
            if count:
                model.bound([(cell.variable, 1) for cell in mine], count, None, unless)
            cells += mine
        for field in range(len(self.hosts)):
            self._hold(model, field, [cell for cell in cells if cell.field == field])
        self._herds(model, cells)
        model.assume(list(asked))
        done = model.solved(budget, ONCE)
        return Solved(done.outcome, (), tuple(asked[c] for c in done.core if c in asked))

    def _kind(self, block: int) -> object:
        board = self.board
        # Blocks of the same needs and wants share the tuple itself.
        may = id(board.blocks[block].may)
        return (board.blocks[block].need, may, board.herd_of.get(block, -1))

    def _hosts(self) -> list[list[int]]:
        """Return hosts in fields, of one zone each where a herd has to choose one."""
        board = self.board
        closed = frozenset(host.id for host in board.hosts if not host.open)
        welcome: dict[object, set[int]] = {}
        for kind in self.kinds:
            block = board.blocks[kind[0]]
            wants = sorted({_want(board.items[item], closed) for item in block.items})
            welcome.setdefault(tuple(wants), set()).update(block.may)
        each = list(welcome.values())
        return _grouped(
            [
                (board.zone[h] if board.herds else 0, *(h in some for some in each))
                for h in range(len(board.hosts))
            ]
        )

    def _most(self, block: int, field: Ints) -> int:
        """Return how many blocks like this one could be in a field, were they alone there."""
        mine = np.intersect1d(field, np.array(self.board.blocks[block].may, dtype=np.int64))
        needs = self.board.blocks[block].need
        each = [self.room[r, mine] // need for r, need in enumerate(needs) if need]
        most = np.min(each, axis=0) if each else np.full(len(mine), PLENTY)
        return int(np.minimum(most, len(self.board.blocks)).sum())

    def _hold(self, model: Model, field: int, cells: Sequence[_Cell]) -> None:
        """Hold what there is in a field of each resource, and of seats of each size."""
        for r in range(len(self.board.resources)):
            room = self.room[r, self.hosts[field]]
            if room.max(initial=0) >= PLENTY:
                continue
            needs = [(cell, self._need(cell, r)) for cell in cells]
            model.bound([(c.variable, n) for c, n in needs if n], None, int(room.sum()))
            for size in _sizes({n for _, n in needs if n}):
                large = [(c.variable, n // size) for c, n in needs if n >= size]
                model.bound(large, None, int((room // size).sum()))

    def _herds(self, model: Model, cells: Sequence[_Cell]) -> None:
        """Have each herd choose a zone."""
        zones: dict[tuple[int, int], int] = {}
        for cell in cells:
            herd = self.board.herd_of.get(self.kinds[cell.kind][0])
            if herd is not None:
                zone = self.board.zone[int(self.hosts[cell.field][0])]
                if (herd, zone) not in zones:
                    zones[herd, zone] = model.choice()
                model.bound([(cell.variable, 1), (zones[herd, zone], -cell.most)], None, 0)
        for herd in range(len(self.board.herds)):
            if mine := [variable for (who, _), variable in zones.items() if who == herd]:
                model.one_at_most(mine)

    def _need(self, cell: _Cell, r: int) -> int:
        return self.board.blocks[self.kinds[cell.kind][0]].need[r]


def _want(item: Item, closed: frozenset[str]) -> tuple[object, ...]:
    """Return what tells apart who asks for other hosts for other reasons than room."""
    stay = item.host if item.fixed or item.host in closed else ""
    return (stay, item.zone, tuple(sorted(item.labels.items())))


def _grouped(keys: Sequence[object]) -> list[list[int]]:
    groups: dict[object, list[int]] = {}
    for number, key in enumerate(keys):
        groups.setdefault(key, []).append(number)
    return list(groups.values())


def _sizes(needs: set[int]) -> Iterator[int]:
    """Yield the largest sizes: of small ones there is seldom too little but in all."""
    yield from sorted(needs, reverse=True)[:SIZES]
