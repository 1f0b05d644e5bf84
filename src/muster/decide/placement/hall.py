"""Who sits where while a search is under way: room left, and hosts that would do."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from muster.decide.placement.board import Board, Bond
from muster.model.placing import Relation, Scope

Ints = NDArray[np.int64]
NOWHERE = -1
LOPSIDED = 2.0  # what room that differs by resource weighs against room


class Hall:
    """Seats of blocks on a board; every hard rule holds at every moment."""

    def __init__(self, board: Board) -> None:
        self.board = board
        blocks, hosts = len(board.blocks), len(board.hosts)
        shape = (len(board.resources), hosts)
        self.free: Ints = np.array(board.room, dtype=np.int64).reshape(shape)
        needs = [block.need for block in board.blocks]
        self.need: Ints = np.array(needs, dtype=np.int64).reshape((blocks, shape[0]))
        self.zone: Ints = np.array(board.zone, dtype=np.int64)
        self.seat: Ints = np.full(blocks, NOWHERE, dtype=np.int64)
        self.on: list[set[int]] = [set() for _ in range(hosts)]
        self.herd_zone = [NOWHERE] * len(board.herds)
        self._come = [0] * len(board.herds)
        self._held: list[dict[int, int]] = [{} for _ in board.aparts]
        self._soft: list[dict[int, int]] = [{} for _ in board.softs]
        self._may: dict[int, Ints] = {}
        self.reserve = np.array([host.reserve for host in board.hosts], dtype=bool)
        self._open = np.ones(max(hosts, board.zones), dtype=bool)
        self.scale = _scale(self.need)
        self.size: NDArray[np.float64] = (self.need * self.scale).sum(axis=1)

    def may(self, block: int) -> Ints:
        """Return the hosts that would do for a block alone."""
        may = self.board.blocks[block].may
        if id(may) not in self._may:  # blocks of the same needs share theirs
            self._may[id(may)] = np.array(may, dtype=np.int64)
        return self._may[id(may)]

    def within(self, block: int) -> Ints:
        """Return the same, of the zone alone that its herd is in."""
        hosts = self.may(block)
        herd = self.board.herd_of.get(block)
        if herd is not None and self.herd_zone[herd] != NOWHERE:
            hosts = hosts[self.zone[hosts] == self.herd_zone[herd]]
        return hosts

    def candidates(self, block: int) -> Ints:
        """Return the hosts that would take the block now, by number."""
        return self.lawful(block, self.roomy(block, self.within(block)))

    def roomy(self, block: int, hosts: Ints) -> Ints:
        """Return those of the hosts that have room for the block now."""
        for r, amount in enumerate(self.board.blocks[block].need):
            if amount:
                hosts = hosts[self.free[r, hosts] >= amount]
        return hosts

    def lawful(self, block: int, hosts: Ints) -> Ints:
        """Return those of the hosts where nobody is that it must be apart from."""
        for number in self.board.aparts_of[block]:
            bond = self.board.aparts[number]
            most = bond.most - bond.counts[block]
            full = [where for where, there in self._held[number].items() if there > most]
            if most < 0:
                return hosts[:0]
            if full:
                where = hosts if bond.scope is Scope.HOST else self.zone[hosts]
                self._open[full] = False
                hosts = hosts[self._open[where]]
                self._open[full] = True
        return hosts

    def lawful_without(self, block: int, host: int, leaving: frozenset[int]) -> bool:
        """Return whether the block may come to a host once others have left it."""
        for number in self.board.aparts_of[block]:
            bond = self.board.aparts[number]
            where = host if bond.scope is Scope.HOST else int(self.zone[host])
            there = self._held[number].get(where, 0)
            there -= sum(bond.counts.get(other, 0) for other in leaving)
            if there + bond.counts[block] > bond.most:
                return False
        return True

    def held(self, number: int) -> Mapping[int, int]:
        """Return by host or zone how many of those are there that this hard rule keeps apart."""
        return self._held[number]

    def sit(self, block: int, host: int) -> None:
        self._change(block, host, 1)
        self.seat[block] = host
        self.on[host].add(block)
        herd = self.board.herd_of.get(block)
        if herd is not None:
            self._come[herd] += 1
            self.herd_zone[herd] = int(self.zone[host])

    def leave(self, block: int) -> int:
        """Have a block leave its host; return which that was."""
        host = int(self.seat[block])
        self._change(block, host, -1)
        self.seat[block] = NOWHERE
        self.on[host].discard(block)
        herd = self.board.herd_of.get(block)
        if herd is not None:
            self._come[herd] -= 1
            if not self._come[herd]:
                self.herd_zone[herd] = NOWHERE
        return host

    def seats(self) -> dict[int, int]:
        return {int(b): int(self.seat[b]) for b in np.flatnonzero(self.seat != NOWHERE)}

    def standing(self) -> list[int]:
        """Return the blocks without a seat."""
        return [int(b) for b in np.flatnonzero(self.seat == NOWHERE)]

    def take(self, seats: Mapping[int, int]) -> None:
        """Have everybody sit as these seats say, and nobody else."""
        for block in [b for b, host in self.seats().items() if seats.get(b) != host]:
            self.leave(block)
        for block, host in seats.items():
            if self.seat[block] == NOWHERE:
                self.sit(block, host)

    def ill(self, left: Ints, *, spread: bool) -> NDArray[np.float64]:
        """Return how ill it is to leave so much of each resource, by host.

        That is room left, and worse where it is of one sort alone: what is left of one resource
        when another is used up is of use to nobody. For `spread`, room left is well.
        """
        room = np.minimum(left, 1 << 32) * self.scale[:, None]
        total: NDArray[np.float64] = room.sum(axis=0)
        if spread or not len(room):
            return -total
        uneven: NDArray[np.float64] = room.max(axis=0) - room.min(axis=0)
        return total + LOPSIDED * uneven

    def displeasure(self, block: int, hosts: Ints) -> NDArray[np.float64]:
        """Return for each of the hosts what soft rules the block would break there."""
        cost = np.zeros(len(hosts))
        for number in self.board.softs_of[block]:
            bond = self.board.softs[number]
            where = hosts if bond.scope is Scope.HOST else self.zone[hosts]
            held = self._soft[number]
            if not held:
                continue
            there = np.array([held.get(int(w), 0) for w in where])
            if bond.relation is Relation.TOGETHER:
                cost += bond.weight * (there == 0)
            else:
                over = there + bond.counts[block] - bond.most
                cost += bond.weight * np.maximum(over, 0)
        return cost

    def _change(self, block: int, host: int, sign: int) -> None:
        self.free[:, host] -= sign * self.need[block]
        for number in self.board.aparts_of[block]:
            self._count(self.board.aparts[number], self._held[number], (block, host, sign))
        for number in self.board.softs_of[block]:
            self._count(self.board.softs[number], self._soft[number], (block, host, sign))

    def _count(self, bond: Bond, held: dict[int, int], step: tuple[int, int, int]) -> None:
        block, host, sign = step
        where = host if bond.scope is Scope.HOST else int(self.zone[host])
        there = held.get(where, 0) + sign * bond.counts[block]
        if there:
            held[where] = there
        else:
            del held[where]


def _scale(need: NDArray[Any]) -> NDArray[np.float64]:
    """Return by what to multiply each resource, so that all that is asked for weighs alike."""
    total = need.sum(axis=0).astype(np.float64)
    share: NDArray[np.float64] = np.zeros_like(total)
    np.divide(max(len(need), 1), total, out=share, where=total > 0)
    return share
