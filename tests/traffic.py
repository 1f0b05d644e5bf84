"""Applications and clients over real sockets, for tests that put real traffic through things."""

import asyncio
import contextlib
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from itertools import count
from threading import Event, Thread
from urllib.request import ProxyHandler, build_opener

from freeports import free_port
from house import until as in_time

_hosts = count(1)
_OPEN = build_opener(ProxyHandler({}))  # nobody stands between


async def until(claim: Callable[[], Awaitable[bool]], deadline_s: float = 15.0) -> None:
    """Wait until the claim holds; fails when the deadline is over."""
    end = asyncio.get_running_loop().time() + deadline_s
    while not await claim():
        assert asyncio.get_running_loop().time() < end, f"not within {deadline_s} s: {claim}"
        await asyncio.sleep(0.02)


@dataclass(slots=True)
class App:
    """An application that answers 200, counts, and misbehaves when told.

    `/hold` answers once `release` is set; a request with `on=<address>` for another
    address is answered at once. `/stream` sends lines until then; `/echo` upgrades.
    """

    address: str
    port: int
    sick: bool = False
    status: int = 200
    held: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    server: asyncio.Server | None = None

    @property
    def name(self) -> str:
        return f"{self.address}:{self.port}"

    @property
    def requests(self) -> int:
        """How many came from clients: checks of health are not counted."""
        return sum(times for path, times in self.seen.items() if path != "/health")

    async def open(self) -> None:
        self.server = await asyncio.start_server(self._serve, self.address, self.port)

    def close(self) -> None:
        if self.server:
            self.server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = _field(head, b"content-length")
                await reader.readexactly(int(length or 0))
                await self._answer(head.split()[1].decode(), reader, writer)
        writer.close()

    async def _answer(
        self, target: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        path, _, query = target.partition("?")
        self.seen[path] += 1
        if path == "/stream":
            await self._stream(writer)
        elif path == "/echo":
            await _echo(reader, writer)
        else:
            if path == "/hold" and query in ("", f"on={self.address}"):
                self.held += 1
                await self.release.wait()
            status = 503 if path == "/health" and self.sick else self.status
            body = self.name.encode()
            writer.write(
                b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body
            )
            await writer.drain()

    async def _stream(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not self.release.is_set():
            writer.write(b"5\r\ntick\n\r\n")
            await writer.drain()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.release.wait(), 0.05)
        writer.write(b"4\r\nend\n\r\n0\r\n\r\n")
        await writer.drain()


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
    while line := await reader.readline():
        writer.write(line)
        await writer.drain()


def _field(head: bytes, name: bytes) -> bytes | None:
    for line in head.split(b"\r\n"):
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip()
    return None


@asynccontextmanager
async def app() -> AsyncIterator[App]:
    """Run an application on a loopback address of its own."""
    number = next(_hosts)
    made = App(f"127.65.{number // 250}.{1 + number % 250}", free_port())
    await made.open()
    try:
        yield made
    finally:
        made.release.set()
        made.close()


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    head: bytes = b""

    @property
    def cookie(self) -> str:
        """What a client is to send with its next request."""
        return (_field(self.head + b"\r\n", b"set-cookie") or b"").decode().partition(";")[0]


async def ask(
    address: str,
    port: int,
    target: str = "/",
    tls: ssl.SSLContext | None = None,
    cookie: str = "",
) -> Answer:
    """Ask once over a connection of its own. Status 0: hung up on without an answer."""
    kept = f"Cookie: {cookie}\r\n" if cookie else ""
    try:
        reader, writer = await asyncio.open_connection(address, port, ssl=tls)
        writer.write(
            f"GET {target} HTTP/1.1\r\nHost: {address}\r\n{kept}Connection: close\r\n\r\n".encode()
        )
        said = await reader.read()
        writer.close()
    except OSError:
        return Answer(0, b"")
    head, _, body = said.partition(b"\r\n\r\n")
    return Answer(int(head.split()[1]) if head else 0, body, head)


@dataclass(slots=True)
class Crowd:
    """Clients that ask again as soon as they are answered, and never try anything twice.

    They keep their connections, as clients do, and look before each use whether theirs
    was closed; or, with `keep` off, connect for every request. What fails is counted by
    kind in `failed`.
    """

    address: str
    port: int
    method: str = "GET"
    keep: bool = True
    tls: ssl.SSLContext | None = None
    answered: int = 0
    connected: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _over: bool = False

    @asynccontextmanager
    async def asking(self, clients: int) -> AsyncIterator["Crowd"]:
        self._tasks = [asyncio.create_task(self._client()) for _ in range(clients)]
        try:
            yield self
        finally:
            self._over = True
            await asyncio.gather(*self._tasks)

    async def more(self, count: int) -> None:
        """Wait until so many more are answered, or one fails."""
        enough = self.answered + count

        async def answered() -> bool:
            return self.answered >= enough or bool(self.failed)

        await until(answered)

    async def _client(self) -> None:
        line: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        while not self._over:
            if line and line[0].at_eof():
                line = _hung_up(line)
            try:
                if line is None:
                    line = await asyncio.open_connection(self.address, self.port, ssl=self.tls)
                    self.connected += 1
                stays = await self._ask(*line)
            except (OSError, asyncio.IncompleteReadError) as error:
                self.failed[type(error).__name__] += 1
                stays = False
            if line and not (stays and self.keep):
                line = _hung_up(line)
        _hung_up(line)

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        body = b"abc" if self.method == "POST" else b""
        asked = f"{self.method} / HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(asked.encode() + body)
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(_field(head, b"content-length") or 0))
        status = int(head.split()[1])
        if status == 200:
            self.answered += 1
        else:
            self.failed[str(status)] += 1
        return (_field(head, b"connection") or b"").lower() != b"close"


def _hung_up(line: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None) -> None:
    if line:
        line[1].close()


class Load:
    """Clients in threads of their own, which are in the network that they were started in."""

    def __init__(self, url: str, clients: int = 4, rest_s: float = 0.0) -> None:
        self._url = url
        self._rest_s = rest_s  # of a client, between an answer and the next request
        self._over = Event()
        self._threads = [Thread(target=self._ask, daemon=True) for _ in range(clients)]
        self.answered = 0
        self.failed: list[str] = []

    def __enter__(self) -> "Load":
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for each in self._threads:
            each.join(15)

    def more(self, count: int, deadline_s: float = 60) -> None:
        """Wait until so many more are answered."""
        least = self.answered + count
        in_time(lambda: self.answered >= least, deadline_s, f"{count} more are answered")

    def _ask(self) -> None:
        while not self._over.is_set():
            try:
                with _OPEN.open(self._url, timeout=10) as answer:
                    answer.read()
                self.answered += 1
            except (OSError, HTTPException) as error:
                self.failed.append(str(error))
            if self._rest_s:
                self._over.wait(self._rest_s)
