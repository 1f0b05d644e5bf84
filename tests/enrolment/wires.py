"""A door served by TLS on the loopback, and somebody in between who copies what passes."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import uvicorn
from litestar import Litestar

from muster.drivers import papers
from muster.wiring.door import Beside


@contextmanager
def served(app: Litestar, certificate: Path, key: Path) -> Iterator[int]:
    """Serve the application by TLS, in a thread of its own, and yield the port."""
    config = uvicorn.Config(
        app, log_config=None, access_log=False, ssl_certfile=certificate, ssl_keyfile=key
    )
    server = Beside(config)
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[door])))
        thread.start()
        try:
            yield port
        finally:
            server.should_exit = True
            thread.join(30)


def papers_in(folder: Path, name: str) -> tuple[Path, Path]:
    """Make a certificate with its key, good now, in files."""
    shown, kept = papers.made(name, datetime.now(UTC))
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    certificate.write_text(shown)
    key.write_text(kept)
    return certificate, key


@dataclass
class Between:
    """Hands on what it gets, and keeps it; with a certificate it is a server of its own."""

    port: int  # of the door behind it
    mine: ssl.SSLContext | None = None
    heard: bytearray = field(default_factory=bytearray)  # both ways
    asked: bytearray = field(default_factory=bytearray)  # towards the door

    @contextmanager
    def listening(self) -> Iterator[int]:
        over = threading.Event()
        with socket.create_server(("127.0.0.1", 0)) as door:
            thread = threading.Thread(target=lambda: asyncio.run(self._serve(door, over)))
            thread.start()
            try:
                yield door.getsockname()[1]
            finally:
                over.set()
                thread.join(30)

    async def _serve(self, door: socket.socket, over: threading.Event) -> None:
        async with await asyncio.start_server(self._hand_on, sock=door, ssl=self.mine):
            await asyncio.to_thread(over.wait)

    async def _hand_on(self, caller: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        blind = None
        if self.mine:
            blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
        behind, asks = await asyncio.open_connection("127.0.0.1", self.port, ssl=blind)
        there = self._copy(caller, asks, self.heard, self.asked)
        await asyncio.gather(there, self._copy(behind, answers, self.heard))

    async def _copy(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *kept: bytearray
    ) -> None:
        with suppress(OSError):
            while said := await source.read(65536):
                for each in kept:
                    each += said
                target.write(said)
                await target.drain()
        target.close()


def impostor(folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*papers_in(folder, "impostor"))
    return context
