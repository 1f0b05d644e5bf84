"""Listen: by TLS for trusted clients, by a Unix socket for root."""

import json
import os
import re
import socket
import socketserver
import ssl
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from errno import EADDRNOTAVAIL, EAFNOSUPPORT
from hashlib import sha256
from http.server import BaseHTTPRequestHandler
from threading import BoundedSemaphore, Event, Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from muster.agent import certificate, incus
from muster.agent.agent import Agent, Chore
from muster.agent.envelope import Answer, failure, refusal
from muster.base.errors import Invalid, MusterError

LONGEST = 4 * 1024 * 1024
PATIENCE_S = 60.0
HANDSHAKE_S = 10.0
STRANGERS = 64  # connections of whoever has not shown a certificate
EVERYWHERE = ("::", "0.0.0.0")
FILES = ("application/gzip", "application/octet-stream")  # bodies that are no JSON
LINGER, LINGER_S = 64 * 1024, 1.0  # of a body that is refused unread


class Handler(BaseHTTPRequestHandler):
    """One connection, which may ask several times."""

    protocol_version = "HTTP/1.1"
    server_version = "muster-agent"
    sys_version = ""
    server: "TlsServer | UnixServer"
    # An answer leaves whole: TCP holds a second, small piece back until the first is acknowledged,
    # for which whoever asks takes his time.
    wbufsize = 64 * 1024
    unread = False  # whether a body was refused before it was read

    def setup(self) -> None:
        super().setup()
        self.connection.settimeout(self.server.patience_s(self.request))

    def do_any(self) -> None:
        answer = self._answer()
        if answer is None:  # the connection has become another, which is over
            self.close_connection = True
            return
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        if self.unread:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer.body)
        self.wfile.flush()
        if self.unread:
            self._let_finish()

    do_GET = do_PUT = do_POST = do_DELETE = do_PATCH = do_any

    def _answer(self) -> Answer | None:
        try:
            if not self.server.admits(self.request):
                self.unread = True
                return refusal(403, "not authorized")
            raw = self._raw()
            parts = urlsplit(self.path)
            if not self.server.is_ours(parts.path):
                headers = {name.title(): value for name, value in self.headers.items()}
                said = incus.Passed(self.command, self.path, headers, raw)
                return self._passed_on(said)
            body = _read(raw, self.headers.get_content_type())
            path, prefix = self.server.address_of(parts.path, self.headers)
            query = dict(parse_qsl(parts.query))
            return self.server.agent.answer(self.command, path, query, (body, prefix))
        except (MusterError, OSError) as error:
            return failure(error)
        except Exception:
            self.server.agent.log.exception("%s %s broke", self.command, self.path)
            self.unread = True
            return refusal(500, "this broke; the machine's log says how")

    def _passed_on(self, said: incus.Passed) -> Answer | None:
        machine = self.server.agent.machine
        if not said.headers.get("Upgrade"):
            return incus.passed_on(machine, said)
        incus.tunnel(machine, said, self.connection)
        return None

    def _raw(self) -> bytes:
        """Read the request's body. What is not read closes the connection."""
        length = self.headers.get("Content-Length", "0")
        is_number = re.fullmatch("[0-9]{1,12}", length)
        if not is_number or int(length) > LONGEST or "Transfer-Encoding" in self.headers:
            self.unread = True
            raise Invalid(f"a body has a Content-Length, of at most {LONGEST}")
        return self.rfile.read(int(length))

    def _let_finish(self) -> None:
        """Take what is on its way, so that closing does not overtake the answer."""
        self.connection.settimeout(LINGER_S)
        left = LINGER
        try:
            while left > 0 and (piece := self.rfile.read1(LINGER)):
                left -= len(piece)
        except OSError as error:
            self.server.agent.log.debug("%s did not finish: %s", self.address_string(), error)

    def address_string(self) -> str:
        return str(self.client_address[0]) if self.client_address else "socket"

    def log_message(self, format: str, *args: object) -> None:
        self.server.agent.log.info("%s %s", self.address_string(), format % args)


def _read(text: bytes, kind: str) -> Any:
    if kind in FILES:
        return text
    try:
        return json.loads(text) if text.strip() else None
    except (ValueError, RecursionError) as error:
        raise Invalid(f"the body is no JSON: {error}") from error


class _Serving(socketserver.ThreadingMixIn):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64
    agent: Agent

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that breaks is its client's affair, and the log's."""
        self.agent.log.exception("the connection of %s broke", client_address)


class UnixServer(_Serving, socketserver.UnixStreamServer):
    """Who can open the socket is root, and may do everything. Paths begin with /1.0."""

    def __init__(self, agent: Agent, path: str) -> None:
        self.agent = agent
        place = agent.machine.place(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        old = os.umask(0o177)
        try:
            super().__init__(str(place), Handler)
        finally:
            os.umask(old)

    def is_ours(self, path: str) -> bool:
        return True

    def address_of(self, path: str, headers: Any) -> tuple[str, str]:
        return path, headers.get("X-IncusOS-Proxy", "").rstrip("/")

    def admits(self, request: object) -> bool:
        return True

    def patience_s(self, request: object) -> float:
        return PATIENCE_S


class TlsServer(_Serving, socketserver.TCPServer):
    """Trusted clients only. Paths begin with /os/1.0, or go to Incus."""

    def __init__(self, agent: Agent, host: str, port: int) -> None:
        self.agent = agent
        self._strangers = BoundedSemaphore(STRANGERS)
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), Handler)
        told, at, *_ = self.server_address
        agent.own = ("" if str(told) in EVERYWHERE else str(told), int(at))

    # Note [Strangers]
    # Anybody in the network may connect, and until he has shaken hands he costs a thread. So
    # there are only so many of them at once, none for long, and who comes then is let go at once;
    # those who have shown a certificate are not counted, and have as long as they need.
    def process_request(self, request: Any, client_address: Any) -> None:
        """See Note [Strangers]."""
        if self._strangers.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Shake hands in the connection's own thread, so that a slow client delays nobody."""
        request.settimeout(HANDSHAKE_S)
        try:
            with ExitStack() as counted:
                counted.callback(self._strangers.release)
                known = certificate.context(self.agent.machine, self.agent.trusted().values())
                safe = counted.enter_context(known.wrap_socket(request, server_side=True))
                if safe.getpeercert(binary_form=True):
                    self._strangers.release()
                    counted.pop_all()
                with safe:
                    super().finish_request(safe, client_address)
        except (ssl.SSLError, ConnectionError, TimeoutError) as error:
            self.agent.log.warning("%s was turned away: %s", client_address, error)

    def patience_s(self, request: Any) -> float:
        return PATIENCE_S if request.getpeercert(binary_form=True) else HANDSHAKE_S

    def server_bind(self) -> None:
        if self.address_family == socket.AF_INET6:  # IPv4 as well, whatever is usual here
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    def is_ours(self, path: str) -> bool:
        """See Note [One address for a machine] in incus.py."""
        return path == "/os" or path.startswith("/os/")

    def address_of(self, path: str, headers: Any) -> tuple[str, str]:
        prefix = headers.get("X-IncusOS-Proxy", "/os").rstrip("/")
        return path.removeprefix("/os") or "/", prefix

    def admits(self, request: Any) -> bool:
        der = request.getpeercert(binary_form=True)
        return bool(der) and sha256(der).hexdigest() in self.agent.trusted()


Make = Callable[[Agent, str, int], TlsServer]


def by_tls(agent: Agent, host: str, port: int, make: Make = TlsServer) -> TlsServer:
    """Listen by TLS; at every address of IPv4 where all were meant and there is no IPv6."""
    try:
        return make(agent, host, port)
    except OSError as error:
        if host != "::" or error.errno not in (EAFNOSUPPORT, EADDRNOTAVAIL):
            raise
        agent.log.info("there is no IPv6 here: %s", error)
        return make(agent, "0.0.0.0", port)


@dataclass
class Listening:
    """The servers that run, and what ends them."""

    servers: list[TlsServer | UnixServer]
    ended: Event
    threads: list[Thread]

    def close(self) -> None:
        self.ended.set()
        for server in self.servers:
            server.shutdown()
            server.server_close()
        for thread in self.threads:
            thread.join(5)


def _now_and_then(agent: Agent, chore: Chore, ended: Event) -> None:
    while not ended.wait(chore.every_s):
        try:
            chore.do(agent)
        except (MusterError, OSError) as error:  # a full disk, say: tried again
            agent.log.error("what is due is not done: %s", error)
        except Exception:  # whatever it is, it must not be the last time
            agent.log.exception("what is due is not done")


def listen(agent: Agent, opening: Callable[[], list[TlsServer | UnixServer]]) -> Listening:
    """Serve until closed; what nobody confirmed in time is taken back meanwhile."""
    agent.start()
    ended = Event()

    def watch() -> None:
        while not ended.wait(0.2):
            try:
                agent.keeper.expire(agent.machine.clock.now())
            except OSError as error:  # a full disk: tried again
                agent.log.error("what was not confirmed is still there: %s", error)
            except Exception:  # a network that nobody confirmed has to go in the end
                agent.log.exception("what was not confirmed is still there")

    servers = opening()
    threads = [Thread(target=watch, name="watch", daemon=True)]
    threads += [
        Thread(target=_now_and_then, args=(agent, chore, ended), daemon=True)
        for chore in agent.chores
    ]
    threads += [Thread(target=each.serve_forever, args=(0.1,), daemon=True) for each in servers]
    for thread in threads:
        thread.start()
    return Listening(servers, ended, threads)
