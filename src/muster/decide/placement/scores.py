"""How well each host suits each kind of block, kept up while seats are given one by one."""

import numpy as np
from numpy.typing import NDArray

from muster.decide.placement.hall import NOWHERE, Hall, Ints

CELLS = 4_000_000  # kinds by hosts, at most
TRIES = 8  # hosts whose rules say no, before all are asked at once
RESERVE, BROKEN = 1e15, 1e9  # what a host of the reserve counts, and a soft rule


# Note [One look for those alike]
# On many hosts, looking at each of them for each block is what takes the time. Blocks that ask
# for the same rank all hosts alike, and a seat given or taken changes one host alone, so a table
# of ranks is kept and one column of it made anew each time. What depends on who sits there, rules
# that part and soft ones, is asked of the host that comes first.
class Scores:
    """The best host of a hall for a block now. See Note [One look for those alike]."""

    def __init__(self, hall: Hall, *, spread: bool) -> None:
        self.hall = hall
        self.spread = spread
        rows: dict[object, list[int]] = {}
        for number, block in enumerate(hall.board.blocks):
            if not hall.board.softs_of[number]:
                rows.setdefault((block.need, id(block.may)), []).append(number)
        few = len(rows) * len(hall.board.hosts) <= CELLS
        kinds = list(rows.values()) if few else []
        self._row = {block: row for row, blocks in enumerate(kinds) for block in blocks}
        self._need: Ints = hall.need[np.array([blocks[0] for blocks in kinds], dtype=np.int64)]
        self._score = np.full((len(kinds), len(hall.board.hosts)), np.inf)
        for row, blocks in enumerate(kinds):
            hosts = hall.roomy(blocks[0], hall.may(blocks[0]))
            self._score[row, hosts] = self._ranks(blocks[0], hosts)
        self._may = np.zeros(self._score.shape, dtype=bool)
        for row, blocks in enumerate(kinds):
            self._may[row, hall.may(blocks[0])] = True
        self._in_zone = [np.flatnonzero(hall.zone == zone) for zone in range(hall.board.zones)]

    def best(self, block: int, zone: int | None = None) -> int | None:
        """Return the host that suits the block best, in this zone if one is given."""
        row = self._row.get(block)
        if row is None:
            return self._looked(block, zone)
        herd = self.hall.board.herd_of.get(block)
        if herd is not None and (now := self.hall.herd_zone[herd]) != NOWHERE:
            if zone is not None and zone != now:
                return None
            zone = now
        scores = self._score[row] if zone is None else self._score[row, self._in_zone[zone]]
        if zone is None and self.hall.board.aparts_of[block]:
            scores = scores.copy()
        for _ in range(TRIES):
            at = int(np.argmin(scores))
            if np.isinf(scores[at]):
                return None
            host = at if zone is None else int(self._in_zone[zone][at])
            if self.hall.lawful_without(block, host, frozenset()):
                return host
            scores[at] = np.inf
        return self._looked(block, zone)

    def sit(self, block: int, host: int) -> None:
        self.hall.sit(block, host)
        self._anew(host)

    def leave(self, block: int) -> None:
        self._anew(self.hall.leave(block))

    def _anew(self, host: int) -> None:
        hall = self.hall
        left = hall.free[:, host] - self._need
        fits = self._may[:, host] & (left >= 0).all(axis=1)
        score = hall.ill(left.T, spread=self.spread) + RESERVE * hall.reserve[host]
        self._score[:, host] = np.where(fits, score, np.inf)

    def _looked(self, block: int, zone: int | None) -> int | None:
        """Return the same by a look at each host."""
        hosts = self.hall.candidates(block)
        if zone is not None:
            hosts = hosts[self.hall.zone[hosts] == zone]
        return int(hosts[int(np.argmin(self._ranks(block, hosts)))]) if len(hosts) else None

    def _ranks(self, block: int, hosts: Ints) -> NDArray[np.float64]:
        return ranks(self.hall, block, hosts, spread=self.spread)


def ranks(hall: Hall, block: int, hosts: Ints, *, spread: bool) -> NDArray[np.float64]:
    """Return for each of these hosts how ill it suits the block, less being better.

    Of hosts that would do, the one where the fewest soft rules break; then the one it fits
    best, or the emptiest for `spread`.
    """
    left = hall.free[:, hosts] - hall.need[block][:, None]
    score = hall.ill(left, spread=spread) + RESERVE * hall.reserve[hosts]
    if hall.board.softs_of[block]:
        score = score + BROKEN * hall.displeasure(block, hosts)
    return score
