"""Counting what Caddy has answered, from the logs it writes beside its pool."""

import contextlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec

from muster.drivers.balancers.caddy.config import (
    ACCESS_LOG,
    CHECK_EVERY_S,
    CHECK_FAILS,
    HEALTH_LOG,
)
from muster.drivers.balancers.files import write

T = TypeVar("T")

_WINDOW_S = 10.0
_QUIET_S = 2 * CHECK_EVERY_S + 2.0  # two checks that each took their whole time


class _Answer(msgspec.Struct):
    status: int = 0
    duration: float = 0.0
    to: str | None = None


class _Check(msgspec.Struct):
    host: str = ""
    msg: str = ""
    ts: float = 0.0


_ANSWER = msgspec.json.Decoder(_Answer)
_CHECK = msgspec.json.Decoder(_Check)


@dataclass(slots=True)
class Count:
    requests: int = 0
    errors: int = 0


@dataclass(slots=True)
class Position:
    """How far a log has been read. The inode tells whether it was rotated since."""

    inode: int = 0
    offset: int = 0


@dataclass(slots=True)
class Ledger:
    """What was counted, and up to where: saved as one, so nothing is counted twice."""

    position: Position = field(default_factory=Position)
    total: Count = field(default_factory=Count)
    members: dict[str, Count] = field(default_factory=dict)


@dataclass(slots=True)
class Tally:
    """The counts of one pool. Members are named as `address:port`."""

    folder: Path
    ledger: Ledger = field(default_factory=Ledger)
    checked: Position = field(default_factory=Position)
    failing: dict[str, tuple[int, float]] = field(default_factory=dict)  # in a row, last at
    _recent: deque[tuple[float, dict[str, tuple[int, float]]]] = field(default_factory=deque)
    _saved: bytes = b""

    def load(self) -> None:
        """Go on where the last owner stopped."""
        try:
            self.ledger = msgspec.json.decode(self._file.read_bytes(), type=Ledger)
        except (FileNotFoundError, msgspec.DecodeError):
            self.ledger = Ledger()

    def save(self) -> None:
        said = msgspec.json.encode(self.ledger)
        if said != self._saved:
            write(self._file, said)
            self._saved = said

    @property
    def _file(self) -> Path:
        return self.folder / "counts.json"

    def read(self, now: float) -> None:
        """Take in what the logs say since the last time."""
        spent: dict[str, tuple[int, float]] = {}
        for answer in _said(self.folder / ACCESS_LOG, self.ledger.position, _ANSWER):
            self._count(answer, spent)
        if spent:
            self._recent.append((now, spent))
        while self._recent and self._recent[0][0] < now - _WINDOW_S:
            self._recent.popleft()
        for check in _said(self.folder / HEALTH_LOG, self.checked, _CHECK):
            if check.host != "localhost":  # an empty slot
                self._check(check)
        for member in [each for each, (_, last) in self.failing.items() if last < now - 60]:
            del self.failing[member]

    def _count(self, answer: _Answer, spent: dict[str, tuple[int, float]]) -> None:
        failed = answer.status >= 500
        self.ledger.total.requests += 1
        self.ledger.total.errors += failed
        if answer.to and ":" in answer.to:  # and not an empty slot
            member = self.ledger.members.setdefault(answer.to, Count())
            member.requests += 1
            member.errors += failed
            times, seconds = spent.get(answer.to, (0, 0.0))
            spent[answer.to] = (times + 1, seconds + answer.duration)

    def _check(self, check: _Check) -> None:
        if check.msg == "host is up":
            self.failing.pop(check.host, None)
            return
        times, last = self.failing.get(check.host, (0, 0.0))
        in_a_row = check.ts - last < _QUIET_S
        self.failing[check.host] = (times + 1 if in_a_row else 1, check.ts)

    def sick(self, member: str, now: float) -> bool:
        """Return True if Caddy's own checks have failed often enough, and still do."""
        times, last = self.failing.get(member, (0, 0.0))
        return times >= CHECK_FAILS and now - last < _QUIET_S

    def latency_s(self, member: str) -> float | None:
        """Return the mean of the last ten seconds, None without a request in them."""
        parts = [spent[member] for _, spent in self._recent if member in spent]
        times = sum(part[0] for part in parts)
        return sum(part[1] for part in parts) / times if times else None

    def forget(self, members: set[str]) -> None:
        """Drop the counts of members that have left; the total keeps what they had."""
        for member in self.ledger.members.keys() & members:
            del self.ledger.members[member]


def _said(log: Path, position: Position, decoder: msgspec.json.Decoder[T]) -> Iterator[T]:
    """Yield what the new lines say. One torn by a full disk says nothing and is passed over."""
    for line in _new_lines(log, position):
        with contextlib.suppress(msgspec.MsgspecError):
            yield decoder.decode(line)


def _new_lines(log: Path, position: Position) -> list[bytes]:
    """Return the whole lines after `position`, and move it behind them.

    A log that was rotated is read to its end under its new name first, so nothing is
    missed as long as fewer were rotated than Caddy keeps.
    """
    lines: list[bytes] = []
    for path in _in_order(log, position.inode):
        try:
            with path.open("rb") as file:
                inode = path.stat().st_ino
                if inode != position.inode or path.stat().st_size < position.offset:
                    position.inode, position.offset = inode, 0
                lines += _lines_of(file, position)
        except FileNotFoundError:
            continue
    return lines


def _lines_of(file: BinaryIO, position: Position) -> list[bytes]:
    file.seek(position.offset)
    said = file.read()
    end = said.rfind(b"\n") + 1
    position.offset += end
    return said[:end].splitlines()


def _in_order(log: Path, inode: int) -> list[Path]:
    """Return the files still to be read, oldest first: usually just the log itself."""
    try:
        if not inode or log.stat().st_ino == inode:
            return [log]
    except FileNotFoundError:
        return []
    rotated = sorted(log.parent.glob(f"{log.stem}-*{log.suffix}"), key=_changed)
    known = [place for place, path in enumerate(rotated) if _inode(path) == inode]
    return [*(rotated[known[0] :] if known else []), log]


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0
