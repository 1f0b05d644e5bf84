"""A door served by TLS on the loopback, and somebody in between who copies what passes."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
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
        with socket.create_server(("127.0.0.1", 0)) as door:
            door.settimeout(0.1)
            over = threading.Event()
            thread = threading.Thread(target=self._accept, args=(door, over))
            thread.start()
            try:
                yield door.getsockname()[1]
            finally:
                over.set()
                thread.join(30)

    def _accept(self, door: socket.socket, over: threading.Event) -> None:
        while not over.is_set():
            try:
                caller, _ = door.accept()
            except TimeoutError:
                continue
            threading.Thread(target=self._hand_on, args=(caller,), daemon=True).start()

    def _hand_on(self, caller: socket.socket) -> None:
        behind = socket.create_connection(("127.0.0.1", self.port))
        if self.mine:
            try:
                caller = self.mine.wrap_socket(caller, server_side=True)
            except (ssl.SSLError, OSError):
                return
            blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
            behind = blind.wrap_socket(behind)
        there = threading.Thread(target=self._copy, args=(caller, behind, True), daemon=True)
        there.start()
        self._copy(behind, caller, False)

    def _copy(self, source: socket.socket, target: socket.socket, asking: bool) -> None:
        try:
            while said := source.recv(65536):
                self.heard += said
                if asking:
                    self.asked += said
                target.sendall(said)
        except (OSError, ssl.SSLError):
            pass
        for each in (source, target):
            each.close()


def impostor(folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*papers_in(folder, "impostor"))
    return context
