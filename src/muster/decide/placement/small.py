"""Complete search of what is small, without any library: branch and bound over blocks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from muster.decide.placement.board import Board, Bond
from muster.model.placing import Relation, Scope


@dataclass(frozen=True, slots=True)
class Searched:
    """What a search has found: the best seats, if any, and whether it saw everything."""

    seats: Mapping[int, int] | None
    whole: bool


def searched(board: Board, nodes: int) -> Searched:
    """Return the best seats for all blocks; gives up after trying so many.

    Seats of the same worth: the first, with blocks in order of choice and hosts by id.
    """
    search = _Search(board, nodes)
    whole = search.go(0)
    return Searched(search.best, whole)


def worth(board: Board, seats: Mapping[int, int]) -> int:
    """Return what seats of all blocks cost: moves, and soft rules broken. Less is better."""
    moves = sum(board.blocks[block].moves(host) for block, host in seats.items())
    return board.move_worth * moves + sum(_cost(bond, board, seats) for bond in board.softs)


def _cost(bond: Bond, board: Board, seats: Mapping[int, int]) -> int:
    at: dict[int, int] = {}
    for block, count in bond.counts.items():
        if block in seats:
            host = seats[block]
            where = host if bond.scope is Scope.HOST else board.zone[host]
            at[where] = at.get(where, 0) + count
    if bond.relation is Relation.TOGETHER:
        return bond.weight * max(len(at) - 1, 0)
    return bond.weight * sum(max(count - bond.most, 0) for count in at.values())


@dataclass(slots=True)
class _Search:
    board: Board
    nodes: int
    seats: dict[int, int] = field(default_factory=dict)
    best: dict[int, int] | None = None
    best_cost: int = 0
    moved: int = 0
    order: list[int] = field(init=False)
    free: list[list[int]] = field(init=False)
    held: dict[tuple[int, int], int] = field(default_factory=dict)  # (rule, host or zone) -> there
    herd_at: dict[int, list[int]] = field(default_factory=dict)  # zones of who has come

    def __post_init__(self) -> None:
        blocks = self.board.blocks
        self.order = sorted(
            range(len(blocks)), key=lambda b: (len(blocks[b].may), [-n for n in blocks[b].need], b)
        )
        self.free = [list(row) for row in self.board.room]

    def go(self, depth: int) -> bool:
        """Try every seat from this depth on; return False when given up."""
        if depth == len(self.order):
            cost = worth(self.board, self.seats)
            if self.best is None or cost < self.best_cost:
                self.best, self.best_cost = dict(self.seats), cost
            return True
        block = self.order[depth]
        for host in self._choices(block):
            if self.best is not None and self._hopeless(block, host):
                continue
            if self.nodes <= 0:
                return False
            self.nodes -= 1
            self._sit(block, host, 1)
            whole = self.go(depth + 1)
            self._sit(block, host, -1)
            if not whole:
                return False
        return True

    def _hopeless(self, block: int, host: int) -> bool:
        """Return whether nothing better than the best can come of it."""
        moves = self.moved + self.board.blocks[block].moves(host)
        return self.board.move_worth * moves >= self.best_cost

    def _choices(self, block: int) -> Iterator[int]:
        """Yield hosts with room: where it is first; of hosts alike and untouched, one."""
        board, homes = self.board, self.board.blocks[block].homes
        tried: set[tuple[int, bool]] = set()
        taken = set(self.seats.values())
        may = sorted(board.blocks[block].may, key=lambda h: self._rank(h, homes, taken))
        for host in may:
            alike = (board.shape[host], host in taken)
            if (host not in taken and alike in tried) or not self._can(block, host):
                continue
            tried.add(alike)
            yield host

    def _rank(self, host: int, homes: Mapping[int, int], taken: set[int]) -> tuple[object, ...]:
        return (-homes.get(host, 0), self.board.hosts[host].reserve, host in taken, host)

    def _can(self, block: int, host: int) -> bool:
        board = self.board
        need = board.blocks[block].need
        if any(row[host] < n for row, n in zip(self.free, need, strict=True)):
            return False
        herd = board.herd_of.get(block)
        if herd is not None and (at := self.herd_at.get(herd)) and at[0] != board.zone[host]:
            return False
        for number in board.aparts_of[block]:
            bond = board.aparts[number]
            where = host if bond.scope is Scope.HOST else board.zone[host]
            if self.held.get((number, where), 0) + bond.counts[block] > bond.most:
                return False
        return True

    def _sit(self, block: int, host: int, sign: int) -> None:
        board = self.board
        for row, need in zip(self.free, board.blocks[block].need, strict=True):
            row[host] -= sign * need
        for number in board.aparts_of[block]:
            bond = board.aparts[number]
            where = host if bond.scope is Scope.HOST else board.zone[host]
            key = (number, where)
            self.held[key] = self.held.get(key, 0) + sign * bond.counts[block]
        herd = board.herd_of.get(block)
        if herd is not None and sign > 0:
            self.herd_at.setdefault(herd, []).append(board.zone[host])
        elif herd is not None:
            self.herd_at[herd].pop()
        self.moved += sign * board.blocks[block].moves(host)
        if sign > 0:
            self.seats[block] = host
        else:
            del self.seats[block]
