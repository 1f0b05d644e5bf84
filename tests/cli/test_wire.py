"""The client's WebSocket: it says who asks, holds servers to their certificates, speaks plainly."""

import ssl
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from threading import Thread

import pytest
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

from drivers.pem.made import PEM
from muster.client.http import Access, ApiError, Unreachable
from muster.client.wire import wire

HOST = "127.0.0.1"


class Door:
    """A server that repeats what it is sent, and remembers who came."""

    def __init__(self) -> None:
        self.came: list[Request] = []

    def ask(self, line: ServerConnection, request: Request) -> Response | None:
        self.came.append(request)
        if request.path != "/v1/here":
            return line.respond(HTTPStatus.FORBIDDEN, "not you")
        return None

    def repeat(self, line: ServerConnection) -> None:
        for message in line:
            line.send(message)

    @contextmanager
    def open(self, tls: ssl.SSLContext | None = None) -> Iterator[int]:
        server: Server
        with serve(self.repeat, HOST, 0, process_request=self.ask, ssl=tls) as server:
            Thread(target=server.serve_forever, daemon=True).start()
            yield server.socket.getsockname()[1]
            server.shutdown()


def test_a_token_goes_along_and_bytes_come_back() -> None:
    door = Door()
    with door.open() as port:
        access = Access(url=f"http://{HOST}:{port}", token="t0ken", user="ann", project="demo")
        with wire(access, "/v1/here") as line:
            line.send(b"keys")
            assert line.recv() == b"keys"
    [request] = door.came
    assert request.headers["Authorization"] == "Bearer t0ken"
    assert (request.headers["X-Project"], request.headers.get("Origin")) == ("demo", None)


def test_a_password_goes_along() -> None:
    door = Door()
    with door.open() as port:
        access = Access(url=f"http://{HOST}:{port}", user="ann", password="p: w")
        with wire(access, "/v1/here"):
            pass
    kind, _, said = door.came[0].headers["Authorization"].partition(" ")
    assert (kind, b64decode(said)) == ("Basic", b"ann:p: w")


def test_what_is_refused_or_not_there_is_said_as_elsewhere() -> None:
    door = Door()
    with door.open() as port:
        with (
            pytest.raises(ApiError, match="403") as refused,
            wire(Access(url=f"http://{HOST}:{port}"), "/v1/elsewhere"),
        ):
            pass
        assert refused.value.status == 403
    with (
        pytest.raises(Unreachable, match="no Muster server answers"),
        wire(Access(url=f"http://{HOST}:{port}"), "/v1/here"),
    ):
        pass


def test_a_server_is_held_to_its_certificate() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PEM / "web.pem", PEM / "web.key")
    with Door().open(context) as port:
        for verify in (True, str(Path(PEM / "web.pem"))):  # its name is another
            access = Access(url=f"https://{HOST}:{port}", verify=verify)
            with pytest.raises(Unreachable, match="certificate"), wire(access, "/v1/here"):
                pass
