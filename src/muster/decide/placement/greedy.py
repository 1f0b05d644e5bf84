"""Seats one after another, hardest first; who finds none sends others away who may find one."""

import numpy as np

from muster.decide.placement.budget import Budget
from muster.decide.placement.hall import NOWHERE, Hall, Ints
from muster.decide.placement.scores import Scores, ranks

SPREAD_UP_TO = 0.5  # of all room asked for: then the emptiest host is taken, else the fullest
HOME = 50  # how often another has to stand before one is sent from home for it
STUCK = 12  # how often one may stand before its whole herd looks for another zone
STEP = 2e-4  # work of one step of repair on few hosts
LIKELY = 24  # hosts looked at for sending several away
WIDE = 4000  # so many hosts make a step twice as much work


def seated(hall: Hall, budget: Budget, *, spread: bool) -> None:
    """Give seats to as many as find one in time: those who are at home first, then the hardest.

    Of hosts that would do, the one where the fewest soft rules break; then the one it fits
    best, or the emptiest for `spread`; then the first by id.
    """
    _stay(hall)
    scores = Scores(hall, spread=spread)
    for unit in _units(hall):
        if budget.left <= 0:
            return
        if len(unit) == 1:
            _sit_best(scores, unit[0])
        else:
            _sit_herd(scores, unit)


def repaired(hall: Hall, budget: Budget) -> bool:
    """Find seats for those who stand by sending others away; return whether all sit.

    Leaves the seats in which least was left standing. See Note [Who is sent away].
    """
    repair = _Repair(hall)
    step = STEP * (1 + len(hall.board.hosts) / WIDE)
    while repair.standing and budget.left > 0:
        budget.spend(step)
        if not repair.step():
            break
    repair.finish()
    return not repair.standing


def loose(hall: Hall) -> bool:
    """Return whether so little of the room is asked for that there is a choice."""
    room = hall.free.sum(axis=1)
    return bool(np.all(hall.need.sum(axis=0) <= SPREAD_UP_TO * room))


def _stay(hall: Hall) -> None:
    """Seat who is on a host now there, as far as rules and room allow."""
    for number, block in enumerate(hall.board.blocks):
        if not block.homes or hall.seat[number] != NOWHERE:
            continue
        here = hall.candidates(number)
        homes = [h for h in sorted(block.homes, key=lambda h: (-block.homes[h], h)) if h in here]
        if homes:
            hall.sit(number, homes[0])


def _units(hall: Hall) -> list[list[int]]:
    """Return who is still to be seated, herds as one, the hardest first."""
    herd_of = hall.board.herd_of
    units: dict[object, list[int]] = {}
    for block in sorted(hall.standing(), key=lambda b: _hardness(hall, b)):
        units.setdefault(("herd", herd_of[block]) if block in herd_of else block, []).append(block)
    return sorted(units.values(), key=lambda unit: _hardness(hall, unit[0]))


def _hardness(hall: Hall, block: int) -> tuple[bool, float, int, int]:
    may = len(hall.board.blocks[block].may)
    return (may > 1, -float(hall.size[block]), may, block)


def best_of(hall: Hall, block: int, hosts: Ints) -> int:
    """Return the one of these hosts that suits the block best."""
    return int(hosts[int(np.argmin(ranks(hall, block, hosts, spread=False)))])


def _sit_best(scores: Scores, block: int) -> None:
    host = scores.best(block)
    if host is not None:
        scores.sit(block, host)


def _sit_herd(scores: Scores, unit: list[int]) -> None:
    """Seat blocks that share a zone in the first one that takes them all, or most of them."""
    hall = scores.hall
    herd = hall.board.herd_of[unit[0]]
    if hall.herd_zone[herd] != NOWHERE:
        for block in unit:
            _sit_best(scores, block)
        return
    best: dict[int, int] = {}
    for zone in _zones_by_room(hall):
        got = _tried_in(scores, unit, zone)
        if len(got) > len(best):
            best = got
        if len(best) == len(unit):
            break
    for block, host in best.items():
        scores.sit(block, host)


def _zones_by_room(hall: Hall) -> list[int]:
    room = np.zeros(hall.board.zones)
    np.add.at(room, hall.zone, (np.minimum(hall.free, 1 << 32) * hall.scale[:, None]).sum(axis=0))
    return [int(zone) for zone in np.argsort(-room, kind="stable")]


def _tried_in(scores: Scores, unit: list[int], zone: int) -> dict[int, int]:
    """Return the seats that the unit finds in a zone; nobody keeps them."""
    got: dict[int, int] = {}
    for block in unit:
        host = scores.best(block, zone)
        if host is not None:
            got[block] = host
            scores.sit(block, host)
    for block in got:
        scores.leave(block)
    return got


# Note [Who is sent away]
# Whoever finds no seat takes one from those who have stood least often so far: each counts how
# often it stood without finding a seat, and the sum of these counts is what sending away costs.
# So those that are hard to seat come to sit firmly, and the search does not go round in circles
# although it throws no dice (after Nagata and Bräysy's ejection pool, 2009).
class _Repair:
    def __init__(self, hall: Hall) -> None:
        self.hall = hall
        blocks = hall.board.blocks
        self.stood = np.ones(len(blocks), dtype=np.float64)
        at_home = np.array([bool(block.homes) for block in blocks], dtype=np.float64)
        self.stood += HOME * at_home
        self.firm = np.array([len(block.may) < 2 for block in blocks], dtype=bool)
        order = sorted(hall.standing(), key=lambda b: _hardness(hall, b), reverse=True)
        self.standing = order
        self.best = hall.seats()
        self.least = self._left_standing()
        self.shunned: dict[int, dict[int, int]] = {}  # herd -> zone -> how often it left it

    def step(self) -> bool:
        """Seat the next one that stands; return False for one that nobody can make room for."""
        block = self.standing[-1]
        hosts = self.hall.candidates(block)
        if len(hosts):
            self.standing.pop()
            self.hall.sit(block, best_of(self.hall, block, hosts))
            self._note()
            return True
        self.stood[block] += 1
        herd = self.hall.board.herd_of.get(block)
        if herd is not None and self.stood[block] % STUCK == 0:
            self._leave_zone(herd)
            return True
        chosen = self._cheapest(block)
        if chosen is None:
            return herd is not None and self._leave_zone(herd)
        host, leaving = chosen
        self.standing.pop()
        for other in leaving:
            self.hall.leave(other)
        self.hall.sit(block, host)
        self.standing += sorted(leaving, key=lambda b: _hardness(self.hall, b), reverse=True)
        self._note()
        return True

    def finish(self) -> None:
        """Sit as in the best moment there was."""
        if self.standing:
            self.hall.take(self.best)
            self.standing = self.hall.standing()

    def _left_standing(self) -> float:
        return float(sum(1 + self.hall.size[b] for b in self.standing))

    def _note(self) -> None:
        left = self._left_standing()
        if left < self.least:
            self.least, self.best = left, self.hall.seats()

    def _cheapest(self, block: int) -> tuple[int, list[int]] | None:
        """Return the host to take and who has to leave it, the cheapest to send away."""
        one = self._cheapest_one(block)
        return one or self._cheapest_many(block)

    def _cheapest_one(self, block: int) -> tuple[int, list[int]] | None:
        hall = self.hall
        within = np.zeros(len(hall.board.hosts), dtype=bool)
        within[hall.within(block)] = True
        others = np.flatnonzero((hall.seat != NOWHERE) & ~self.firm)
        others = others[within[hall.seat[others]]]
        seats = hall.seat[others]
        fits = np.ones(len(others), dtype=bool)
        for r, amount in enumerate(hall.board.blocks[block].need):
            if amount:
                fits &= hall.free[r, seats] + hall.need[others, r] >= amount
        others = others[fits]
        cost = self.stood[others] + 1e-3 * hall.size[others]
        for at in np.argsort(cost, kind="stable")[:64]:
            other = int(others[at])
            host = int(hall.seat[other])
            if hall.lawful_without(block, host, frozenset((other,))):
                return host, [other]
        return None

    def _cheapest_many(self, block: int) -> tuple[int, list[int]] | None:
        best: tuple[float, int, list[int]] | None = None
        for host in self._likely(block):
            leaving = self._leaving(block, host, best[0] if best else float("inf"))
            if leaving:
                cost = float(sum(self.stood[other] for other in leaving))
                if best is None or cost < best[0]:
                    best = (cost, host, leaving)
        return best and best[1:]

    def _likely(self, block: int) -> list[int]:
        """Return the hosts where least is lacking for the block, others every time."""
        hall = self.hall
        hosts = hall.within(block)
        lack = np.maximum(hall.need[block][:, None] - hall.free[:, hosts], 0)
        short = (lack * hall.scale[:, None]).sum(axis=0)
        ranked = hosts[np.argsort(short, kind="stable")][: 4 * LIKELY]
        turn = int(self.stood[block]) * LIKELY // 2
        return [int(h) for h in np.roll(ranked, -turn)[:LIKELY]]

    def _leaving(self, block: int, host: int, dearest: float) -> list[int] | None:
        """Return who has to leave this host so that the block can come, if that is cheap enough."""
        hall = self.hall
        there = [b for b in hall.on[host] if not self.firm[b]]
        there.sort(key=lambda b: (self.stood[b], b))
        lack = hall.need[block] - hall.free[:, host]
        leaving: list[int] = []
        cost = 0.0
        for other in there:
            if np.all(lack <= 0) and hall.lawful_without(block, host, frozenset(leaving)):
                break
            leaving.append(other)
            cost += float(self.stood[other])
            lack = lack - hall.need[other]
            if cost >= dearest:
                return None
        done = np.all(lack <= 0) and hall.lawful_without(block, host, frozenset(leaving))
        return leaving if done else None

    def _leave_zone(self, herd: int) -> bool:
        """Have a whole herd stand up and look for the zone it has left least often."""
        hall = self.hall
        members = [b for b in hall.board.herds[herd] if not self.firm[b]]
        if len(members) < len(hall.board.herds[herd]):
            return False
        now = hall.herd_zone[herd]
        for block in members:
            self.stood[block] += 1
            if hall.seat[block] != NOWHERE:
                hall.leave(block)
                self.standing.append(block)
        shunned = self.shunned.setdefault(herd, {})
        shunned[now] = shunned.get(now, 0) + 1
        if sum(shunned.values()) > 8 * hall.board.zones:
            return False
        return self._enter_zone(herd, shunned)

    def _enter_zone(self, herd: int, shunned: dict[int, int]) -> bool:
        hall = self.hall
        members = sorted(hall.board.herds[herd], key=lambda b: _hardness(hall, b))
        zones = sorted(_zones_by_room(hall), key=lambda zone: shunned.get(zone, 0))
        for zone in zones:
            hosts = hall.candidates(members[0])
            if len(hosts := hosts[hall.zone[hosts] == zone]):
                hall.sit(members[0], best_of(hall, members[0], hosts))
                self.standing.remove(members[0])
                return True
        return self._take_in(members[0], zones)

    def _take_in(self, block: int, zones: list[int]) -> bool:
        """Send others away for the first of a herd, in the first zone where that is possible."""
        herd = self.hall.board.herd_of[block]
        for zone in zones:
            self.hall.herd_zone[herd] = zone
            chosen = self._cheapest(block)
            self.hall.herd_zone[herd] = NOWHERE
            if chosen:
                host, leaving = chosen
                for other in leaving:
                    self.hall.leave(other)
                self.hall.sit(block, host)
                self.standing.remove(block)
                self.standing += leaving
                return True
        return False
