"""Counting what HAProxy has answered, through reloads and restarts, which begin at zero."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from muster.drivers.balancers.files import write
from muster.drivers.balancers.haproxy.stats import Row, Stats

_WINDOW_S = 10.0
_POOL = ""


@dataclass(slots=True)
class Count:
    requests: int = 0
    errors: int = 0


@dataclass(slots=True)
class Ledger:
    """What was counted, and what each worker said last: saved as one, so nothing counts twice."""

    counted: dict[str, Count] = field(default_factory=dict)  # by server; the whole under ""
    last: dict[str, dict[str, Count]] = field(default_factory=dict)  # by worker, then by server


@dataclass(slots=True)
class Tally:
    """The counts of one pool."""

    file: Path
    ledger: Ledger = field(default_factory=Ledger)
    busy: dict[str, tuple[float, float]] = field(default_factory=dict)  # mean, and known when
    _saved: bytes = b""

    def load(self) -> None:
        """Go on where the last owner stopped."""
        try:
            self.ledger = msgspec.json.decode(self.file.read_bytes(), type=Ledger)
        except (FileNotFoundError, msgspec.MsgspecError):
            self.ledger = Ledger()

    def save(self) -> None:
        said = msgspec.json.encode(self.ledger)
        if said != self._saved:
            write(self.file, said)
            self._saved = said

    def take(self, stats: Stats, now: float) -> None:
        """Add what this worker has counted since it was asked last."""
        before = self.ledger.last.get(str(stats.pid), {})
        after: dict[str, Count] = {}
        for name, row in ((_POOL, stats.pool), *stats.servers.items()):
            after[name] = Count(row.answered, row.errors)
            if self._grown(name, after[name], before.get(name, Count())):
                self.busy[name] = (row.spent_s, now)
        self.ledger.last[str(stats.pid)] = after

    def _grown(self, name: str, now: Count, before: Count) -> bool:
        """Count the difference; a counter that went back was begun anew."""
        sum_ = self.ledger.counted.setdefault(name, Count())
        requests = now.requests - before.requests
        errors = now.errors - before.errors
        sum_.requests += requests if requests >= 0 else now.requests
        sum_.errors += errors if errors >= 0 else now.errors
        return requests > 0

    def of(self, name: str = _POOL) -> Count:
        return self.ledger.counted.get(name, Count())

    def latency_s(self, name: str, now: float) -> float | None:
        """Return the mean of the last requests, None if the last while had none."""
        mean, at = self.busy.get(name, (0.0, 0.0))
        return mean if now - at < _WINDOW_S else None

    def forget(self, servers: Iterable[str], workers: Iterable[int]) -> None:
        """Keep the counts of these servers only, and the last words of these workers."""
        kept, living = {_POOL, *servers}, {str(worker) for worker in workers}
        for gone in self.ledger.counted.keys() - kept:
            del self.ledger.counted[gone]
            self.busy.pop(gone, None)
        for gone in self.ledger.last.keys() - living:
            del self.ledger.last[gone]


def open_now(name: str, rows: Iterable[Stats]) -> int:
    """Return how many sessions a member has over all workers."""
    return sum(stats.servers.get(name, Row()).open for stats in rows)
