"""An address of its own on which an authority hears the answer that it asks for by HTTP-01."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from muster.base.errors import Permanent
from muster.model.acme import CHALLENGES

_CALL_S = 10.0
_LOOK_S = 0.05


@asynccontextmanager
async def answering(address: str, answer: str) -> AsyncIterator[None]:
    """Give the answer to whoever asks for its token there; "" listens nowhere.

    Raises `Permanent` where it cannot listen there.
    """
    if not address:
        yield
        return
    server = _server(address, answer)
    thread = threading.Thread(target=server.serve_forever, args=(_LOOK_S,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        await asyncio.to_thread(server.shutdown)
        server.server_close()


def _server(address: str, answer: str) -> ThreadingHTTPServer:
    where = f"{CHALLENGES}/{answer.partition('.')[0]}"

    class Answering(BaseHTTPRequestHandler):
        timeout = _CALL_S
        server_version, sys_version = "muster", ""

        def do_GET(self) -> None:
            found = self.path == where
            said = answer.encode() if found else b""
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: whoever asks for something else is no news."""

    server = ThreadingHTTPServer(("", 0), Answering, bind_and_activate=False)
    server.daemon_threads = True
    server.socket.close()
    try:
        server.socket = _listening(address)
    except OSError as error:
        text = f"cannot listen on {address}: {error.strerror or error}"
        way = "have whoever listens there pass /.well-known/acme-challenge/ on, and empty it"
        raise Permanent(f"acme.http_challenge_address: {text}; or {way}") from error
    return server


def _listening(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    if host:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, int(port)), family=family)
    if socket.has_dualstack_ipv6():
        return socket.create_server(("", int(port)), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", int(port)))
