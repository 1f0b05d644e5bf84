"""A bounded load of HTTP requests, open-loop, that counts what came back and from whom."""

import asyncio
import json
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

LONGEST_WAIT_S = 10.0
TICK_S = 0.01


@dataclass(slots=True)
class Tally:
    """What one phase of a load amounted to."""

    sent: int = 0
    answered: int = 0
    failed: int = 0
    why: Counter[str] = field(default_factory=Counter)
    by_version: Counter[str] = field(default_factory=Counter)


class Load:
    """Sends `rate` requests a second to one URL, whatever became of those before.

    A request that is refused, cut off, late or answered with an error has failed; none
    is sent again. Never more than `most` are under way and never more than `limit` are
    sent, so that the load is bounded whatever the server does.
    """

    def __init__(self, url: str, *, most: int = 256, limit: int = 200_000) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        head = f"GET {parts.path or '/'}{'?' + parts.query if parts.query else ''} HTTP/1.1\r\n"
        self._request = f"{head}Host: {parts.netloc}\r\nAccept: */*\r\n\r\n".encode()
        self._most, self._left = most, limit
        self.rate = 0.0
        self.phase = "start"
        self.phases: dict[str, Tally] = {}
        self.first_seen: dict[str, float] = {}  # instance -> moment of its first answer
        self.recent: deque[tuple[float, float]] = deque(maxlen=2000)  # (moment, latency)
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._under_way: set[asyncio.Task[None]] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(LONGEST_WAIT_S + 5)

    @property
    def total(self) -> Tally:
        """All phases together."""
        whole = Tally()
        for each in self.phases.values():
            whole.sent += each.sent
            whole.answered += each.answered
            whole.failed += each.failed
            whole.why += each.why
            whole.by_version += each.by_version
        return whole

    def latency(self, share: float) -> float | None:
        """Return the latency that `share` of the newest answers stayed below, in seconds."""
        seen = sorted(late for _, late in list(self.recent))
        return seen[min(int(len(seen) * share), len(seen) - 1)] if seen else None

    def _run(self) -> None:
        asyncio.run(self._drive())

    async def _drive(self) -> None:
        """Send what is due at each tick; end once told to and everything has come back."""
        due, last = 0.0, time.monotonic()
        while not self._stop.is_set():
            await asyncio.sleep(TICK_S)
            now = time.monotonic()
            due = min(due + self.rate * (now - last), self.rate)  # at most a second is made up
            last = now
            while due >= 1 and len(self._under_way) < self._most and self._left > 0:
                due -= 1
                self._left -= 1
                task = asyncio.create_task(self._one(self.phase))
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=LONGEST_WAIT_S)
        for _, writer in self._idle:
            writer.close()

    async def _one(self, phase: str) -> None:
        tally = self.phases.setdefault(phase, Tally())
        tally.sent += 1
        began = time.monotonic()
        try:
            status, body = await asyncio.wait_for(self._exchange(), LONGEST_WAIT_S)
        except (OSError, asyncio.IncompleteReadError, TimeoutError, ValueError) as error:
            tally.failed += 1
            tally.why[type(error).__name__] += 1
            return
        ended = time.monotonic()
        if status != 200:
            tally.failed += 1
            tally.why[f"HTTP {status}"] += 1
            return
        tally.answered += 1
        self.recent.append((ended, ended - began))
        self._remember(body, ended, tally)

    def _remember(self, body: bytes, now: float, tally: Tally) -> None:
        try:
            said = json.loads(body)
        except ValueError:
            return
        if isinstance(said, dict):
            self.first_seen.setdefault(str(said.get("instance")), now)
            tally.by_version[str(said.get("version"))] += 1

    async def _exchange(self) -> tuple[int, bytes]:
        """Send the request on an idle connection or a new one, and return status and body."""
        reader, writer = await self._connection()
        keep = False
        try:
            writer.write(self._request)
            head = await reader.readuntil(b"\r\n\r\n")
            status, length, lasting = _head(head)
            body = await _body(reader, head, length)
            keep = lasting
            return status, body
        finally:
            if keep:
                self._idle.append((reader, writer))
            else:
                writer.close()

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.close()
        return await asyncio.open_connection(self._host, self._port)


def _head(head: bytes) -> tuple[int, int | None, bool]:
    lines = head.decode("latin-1").split("\r\n")
    said = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        said[name.lower()] = value.strip().lower()
    length = int(said["content-length"]) if "content-length" in said else None
    return int(lines[0].split(" ", 2)[1]), length, said.get("connection") != "close"


async def _body(reader: asyncio.StreamReader, head: bytes, length: int | None) -> bytes:
    if length is not None:
        return await reader.readexactly(length)
    if b"chunked" not in head.lower():
        return await reader.read()
    whole = b""
    while size := int(await reader.readline(), 16):
        whole += await reader.readexactly(size)
        await reader.readline()
    await reader.readline()
    return whole


def wait_for(
    condition: Callable[[], bool], timeout_s: float, every_s: float = 0.05
) -> float | None:
    """Return how many seconds it took until `condition` held, or None if it never did."""
    began = time.monotonic()
    while time.monotonic() - began < timeout_s:
        if condition():
            return time.monotonic() - began
        time.sleep(every_s)
    return None
