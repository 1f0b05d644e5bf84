"""A web server that burns a set amount of processor time per request, to be scaled with.

GET /            burns DEMO_MS milliseconds and tells version and instance
GET /work?ms=N   burns N milliseconds
GET /health      answers at once, however much is waiting
POST /sick       makes /health fail; POST /well ends that
"""

import json
import os
import selectors
import signal
import socket
import time
from collections import deque

LINGER_S = 0.1  # for requests that are on their way while it ends
ROUNDS = 5  # of taking in before the next piece of work
MOST_BYTES = 65536  # of one request
MOST_MS = 10_000.0
REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 503: "Service Unavailable"}


class Connection:
    def __init__(self, stream: socket.socket) -> None:
        self.stream = stream
        self.got = b""
        self.to_send = b""
        self.waiting = False  # one of its requests is in the queue
        self.last = False  # no more requests after those


class Server:
    def __init__(self, environ: dict[str, str]) -> None:
        self.version = environ.get("MUSTER_VERSION", "1")
        self.name = environ.get("MUSTER_NAME", "")
        self.instance = environ.get("MUSTER_INSTANCE", "")
        self.usual_ms = float(environ.get("DEMO_MS", "5"))
        self.sick = environ.get("DEMO_SICK", "") == "1"
        self.served = 0
        self.ending = 0.0  # since when it takes no more connections; 0: it goes on
        self.woken, self.waking = socket.socketpair()  # signals are written to it
        self.queue: deque[tuple[Connection, float, str]] = deque()
        self.open: set[Connection] = set()
        self.selector = selectors.DefaultSelector()
        address = environ.get("MUSTER_ADDRESS", "127.0.0.1")
        self.listener = self._listen(address, int(environ.get("MUSTER_PORT", "8080")))

    def _listen(self, address: str, port: int) -> socket.socket:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(1024)
        listener.setblocking(False)
        self.selector.register(listener, selectors.EVENT_READ)
        print(f"demo-web {self.version} listens on {address}:{port}", flush=True)
        return listener

    def serve(self) -> None:
        """Take in all that has come, then do one piece of work, until asked to end."""
        self.waking.setblocking(False)
        signal.set_wakeup_fd(self.waking.fileno())
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        self.selector.register(self.woken, selectors.EVENT_READ)
        while not self._finished():
            for _ in range(ROUNDS):
                if not self._take_in():
                    break
            if self.queue:
                self._work(*self.queue.popleft())
        print(f"ended after {self.served} requests", flush=True)

    def _take_in(self) -> bool:
        """Handle what has come, waiting for it if there is nothing else to do."""
        events = self.selector.select(self._patience())
        for key, _ in events:
            if key.fileobj is self.listener:
                while self._accept():
                    pass
            elif key.fileobj is self.woken:
                self._end()
            elif isinstance(key.data, Connection):
                self._advance(key.data)
        return bool(events)

    def _patience(self) -> float | None:
        if self.queue:
            return 0
        return LINGER_S / 5 if self.ending else None

    def _end(self) -> None:
        self.woken.recv(64)
        if not self.ending:
            while self._accept():  # who has connected already is answered
                pass
            self.ending = time.monotonic()
            self.selector.unregister(self.listener)
            self.listener.close()

    def _finished(self) -> bool:
        if not self.ending or self.queue:
            return False
        sending = any(each.to_send or each.got for each in self.open)
        return not sending and time.monotonic() - self.ending > LINGER_S

    def _accept(self) -> bool:
        try:
            stream, _ = self.listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return False
        stream.setblocking(False)
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(stream)
        self.open.add(connection)
        self.selector.register(stream, selectors.EVENT_READ, connection)
        return True

    def _advance(self, connection: Connection) -> None:
        try:
            if connection.to_send:
                self._flush(connection)
                return
            got = connection.stream.recv(MOST_BYTES)
        except BlockingIOError:
            return
        except OSError:
            got = b""
        connection.got += got
        if not got or len(connection.got) > MOST_BYTES:
            self._close(connection)
            return
        self._take_all(connection)

    def _take_all(self, connection: Connection) -> None:
        """Take in requests up to one that has to wait, so that answers keep their order."""
        while not connection.last and not connection.waiting and self._take(connection):
            pass

    def _take(self, connection: Connection) -> bool:
        """Take one whole request off what has come; False if there is none."""
        head, found, rest = connection.got.partition(b"\r\n\r\n")
        if not found:
            return False
        lines = head.decode("latin-1").split("\r\n")
        headers = {
            n.strip().lower(): v.strip() for n, _, v in (x.partition(":") for x in lines[1:])
        }
        words, length = lines[0].split(), headers.get("content-length", "0")
        connection.last = headers.get("connection", "").lower() == "close"
        if len(words) != 3 or not length.isdigit() or "transfer-encoding" in headers:
            connection.last, connection.got = True, b""
            self._answer(connection, 400, {"error": "that is no request I understand"})
            return False
        if len(rest) < int(length):
            return False
        connection.got = rest[int(length) :]
        self._route(connection, words[0], words[1])
        return True

    def _route(self, connection: Connection, method: str, target: str) -> None:
        path, _, query = target.partition("?")
        if path == "/health":
            status = "sick" if self.sick else "well"
            self._answer(connection, 503 if self.sick else 200, {"status": status})
        elif method == "POST" and path in ("/sick", "/well"):
            self.sick = path == "/sick"
            self._answer(connection, 200, {"sick": self.sick})
        elif path in ("/", "/work"):
            connection.waiting = True
            self.queue.append((connection, self._milliseconds(query), path))
        else:
            self._answer(connection, 404, {"error": f"there is no {path}"})

    def _milliseconds(self, query: str) -> float:
        for part in query.split("&"):
            name, _, value = part.partition("=")
            if name == "ms" and value.replace(".", "", 1).isdigit():
                return min(float(value), MOST_MS)
        return self.usual_ms

    def _work(self, connection: Connection, milliseconds: float, path: str) -> None:
        until = time.process_time() + milliseconds / 1000
        while time.process_time() < until:
            pass
        self.served += 1
        connection.waiting = False
        said: dict[str, object] = {"version": self.version, "instance": self.instance}
        said |= {"name": self.name, "path": path, "burned_ms": milliseconds, "served": self.served}
        self._answer(connection, 200, said)
        self._take_all(connection)

    def _answer(self, connection: Connection, status: int, said: dict[str, object]) -> None:
        if connection not in self.open:
            return
        body = json.dumps(said).encode() + b"\n"
        close = "close" if connection.last or self.ending else "keep-alive"
        head = (
            f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: {close}\r\n\r\n"
        )
        connection.last = connection.last or bool(self.ending)
        connection.to_send += head.encode() + body
        self._flush(connection)

    def _flush(self, connection: Connection) -> None:
        try:
            sent = connection.stream.send(connection.to_send)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._close(connection)
            return
        connection.to_send = connection.to_send[sent:]
        if not connection.to_send and connection.last and not connection.waiting:
            self._close(connection)
            return
        events = selectors.EVENT_WRITE if connection.to_send else selectors.EVENT_READ
        self.selector.modify(connection.stream, events, connection)

    def _close(self, connection: Connection) -> None:
        if connection in self.open:
            self.open.remove(connection)
            self.selector.unregister(connection.stream)
            connection.stream.close()


if __name__ == "__main__":
    Server(dict(os.environ)).serve()
