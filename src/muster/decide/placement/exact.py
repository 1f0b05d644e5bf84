"""Seats by CP-SAT: for everybody on a small board, or for some while the others keep theirs."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from muster.decide.placement.board import Board, Bond
from muster.decide.placement.budget import Budget
from muster.decide.placement.hall import NOWHERE, Hall, Ints
from muster.decide.placement.sat import Model, Outcome
from muster.model.placing import Relation, Scope

GRAIN = 100  # by how much finer than a block its size counts where not all find a seat


@dataclass(frozen=True, slots=True)
class Exact:
    """What came of a search for exact seats."""

    outcome: Outcome
    seats: dict[int, int]


def all_seated(board: Board, budget: Budget, most: float, *, best: bool) -> Exact:
    """Return seats for all blocks, those of least worth for `best`, or that there are none."""
    hall = Hall(board)
    task = _Task(hall, list(range(len(board.blocks))))
    task.choose(np.array(_enough(board), dtype=np.int64))
    if not all(task.seats_of[block] for block in task.blocks):
        return Exact(Outcome.NONE, {})
    for block in task.blocks:
        task.model.one_of([variable for _, variable in task.seats_of[block]])
    task.obey()
    if best:
        task.model.least(task.moves() + task.displeasure())
    return task.solved(budget, most)


@dataclass(frozen=True, slots=True)
class Hood:
    """Blocks that stand, to be seated on these hosts, with as much as can be left on one."""

    blocks: Mapping[int, int | None]  # with the seat that they had, if any
    hosts: Sequence[int]
    hole: int  # the host on which it is
    lacks: Sequence[int]  # the resources of which it is to be

    def burden(self, hall: Hall, block: int, host: int) -> int:
        """Return how much of the hole a block would fill: all of it less than a seat is worth."""
        if host != self.hole:
            return 0
        parts = (hall.need[block][r] / max(hall.free[r, host], 1) for r in self.lacks)
        return int(sum(parts) * GRAIN / 2 / max(len(self.lacks), 1))


def reseated(hall: Hall, hood: Hood, budget: Budget, most: float) -> Exact:
    """Return seats for as many of the blocks as possible on these hosts, among who stays.

    The search begins where they sat, so that it ends no worse. Of two that cannot both sit,
    the larger one does; of seats that are as good, those with the larger hole are taken.
    """
    task = _Task(hall, list(hood.blocks))
    task.choose(np.array(hood.hosts, dtype=np.int64))
    task.begin(hood.blocks)
    for block in task.blocks:
        task.model.one_at_most([variable for _, variable in task.seats_of[block]])
    task.obey()
    blocks = hall.board.blocks
    task.model.least(
        [
            (
                variable,
                blocks[block].moves(host)
                + hood.burden(hall, block, host)
                - int(GRAIN * (1 + hall.size[block])),
            )
            for block in task.blocks
            for host, variable in task.seats_of[block]
        ]
    )
    return task.solved(budget, most, brief=True)


def pairs(board: Board) -> int:
    """Return how many choices of a host for a block there are to be made."""
    enough = set(_enough(board))
    if len(enough) == len(board.hosts):
        return sum(len(block.may) for block in board.blocks)
    return sum(sum(1 for host in block.may if host in enough) for block in board.blocks)


def _enough(board: Board) -> list[int]:
    """Return the hosts without those alike of which nobody can need so many."""
    seen: dict[int, int] = defaultdict(int)
    enough: list[int] = []
    for host, shape in enumerate(board.shape):
        seen[shape] += 1
        if seen[shape] <= len(board.blocks):
            enough.append(host)
    return enough


@dataclass(slots=True)
class _Task:
    hall: Hall
    blocks: list[int]
    model: Model = field(default_factory=Model)
    seats_of: dict[int, list[tuple[int, int]]] = field(default_factory=dict)  # host, variable
    at: dict[int, list[tuple[int, int]]] = field(default_factory=dict)  # host -> block, variable

    def choose(self, hosts: Ints) -> None:
        """Make a choice of each block and each host that would take it now."""
        known = np.zeros(len(self.hall.board.hosts), dtype=bool)
        known[hosts] = True
        for block in self.blocks:
            found = self.hall.candidates(block)
            mine = [(int(h), self.model.choice()) for h in found[known[found]]]
            self.seats_of[block] = mine
            for host, variable in mine:
                self.at.setdefault(host, []).append((block, variable))

    def begin(self, seats: Mapping[int, int | None]) -> None:
        """Have the search look first where these seats are."""
        for block in self.blocks:
            for host, variable in self.seats_of[block]:
                self.model.hint([variable], [int(seats[block] == host)])

    def obey(self) -> None:
        """Hold room, rules that part, and herds."""
        board = self.hall.board
        for host, chosen in self.at.items():
            for r in range(len(board.resources)):
                terms = [(v, n) for b, v in chosen if (n := board.blocks[b].need[r])]
                free = int(self.hall.free[r, host])
                if sum(n for _, n in terms) > free:
                    self.model.bound(terms, None, free)
        for number, bond in enumerate(board.aparts):
            held = self.hall.held(number)
            for where, terms in self._by_place(bond).items():
                left = bond.most - held.get(where, 0)
                if sum(count for _, count in terms) > left:
                    self.model.bound(terms, None, left)
        for number, herd in enumerate(board.herds):
            if self.hall.herd_zone[number] == NOWHERE:
                self._herd(herd)

    def moves(self) -> list[tuple[int, int]]:
        board = self.hall.board
        return [
            (variable, board.move_worth * moves)
            for block in self.blocks
            for host, variable in self.seats_of[block]
            if (moves := board.blocks[block].moves(host))
        ]

    def displeasure(self) -> list[tuple[int, int]]:
        """Return what soft rules cost, as a sum to be kept small."""
        cost: list[tuple[int, int]] = []
        for bond in self.hall.board.softs:
            if bond.relation is Relation.TOGETHER:
                cost += self._spread(bond)
            else:
                cost += self._crowd(bond)
        return cost

    def solved(self, budget: Budget, most: float, *, brief: bool = False) -> Exact:
        done = self.model.solved(budget, most, brief=brief)
        seats = {
            block: host
            for block in self.blocks
            for host, variable in self.seats_of[block]
            if done.found and done.values[variable]
        }
        return Exact(done.outcome, seats)

    def _by_place(self, bond: Bond) -> dict[int, list[tuple[int, int]]]:
        """Return host or zone -> choices of the members, with how many each brings."""
        found: dict[int, list[tuple[int, int]]] = {}
        for block, count in bond.counts.items():
            for host, variable in self.seats_of.get(block, ()):
                where = host if bond.scope is Scope.HOST else self.hall.board.zone[host]
                found.setdefault(where, []).append((variable, count))
        return found

    def _herd(self, herd: Iterable[int]) -> None:
        """Have those of a herd who take part choose one zone."""
        zones: dict[int, int] = {}
        for block in herd:
            by_zone: dict[int, list[tuple[int, int]]] = {}
            for host, variable in self.seats_of.get(block, ()):
                by_zone.setdefault(self.hall.board.zone[host], []).append((variable, 1))
            for zone, terms in by_zone.items():
                if zone not in zones:
                    zones[zone] = self.model.choice()
                self.model.bound([*terms, (zones[zone], -1)], None, 0)
        if zones:
            self.model.one_at_most(list(zones.values()))

    def _spread(self, bond: Bond) -> list[tuple[int, int]]:
        cost: list[tuple[int, int]] = []
        for terms in self._by_place(bond).values():
            used = self.model.choice()
            for variable, _ in terms:
                self.model.bound([(variable, 1), (used, -1)], None, 0)
            cost.append((used, bond.weight))
        return cost

    def _crowd(self, bond: Bond) -> list[tuple[int, int]]:
        cost: list[tuple[int, int]] = []
        for terms in self._by_place(bond).values():
            total = sum(count for _, count in terms)
            if total > bond.most:
                over = self.model.whole(0, total)
                self.model.bound([*terms, (over, -1)], None, bond.most)
                cost.append((over, bond.weight))
        return cost
