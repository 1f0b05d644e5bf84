"""Following what happens over lines that break."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import click
import pytest

from muster.cli.asking import Asking
from muster.client.http import Access, Session

HELLO = b"retry: 1000\nid: 7\n: hello\n\n"
EVENT = b'id: 9\nevent: node.ready\ndata: {"seq": 9}\n\n'


@contextmanager
def serving(*said: bytes) -> Iterator[tuple[str, list[str]]]:
    """Yield an address that says one of these to each who comes, and where each wanted to begin."""
    asked: list[str] = []

    class Line(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            [after] = parse_qs(urlsplit(self.path).query).get("after", [""])
            asked.append(after)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(said[min(len(asked), len(said)) - 1])

        def log_message(self, *_: object) -> None:
            return None

    with ThreadingHTTPServer(("127.0.0.1", 0), Line) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def test_who_comes_back_goes_on_behind_what_the_server_had_told() -> None:
    with serving(HELLO, b"", EVENT) as (url, asked), Session(Access(url=url)) as session:
        [event] = islice(session.live(), 1)
    assert (event.seq, event.kind) == (9, "node.ready")
    assert asked == ["", "7", "7"]


@pytest.mark.parametrize(
    ("option", "said"), [("token", "é"), ("project", "café"), ("ca", "/nowhere/ca.pem")]
)
def test_what_no_request_can_be_made_with_is_refused_by_its_option(option: str, said: str) -> None:
    nothing = dict.fromkeys(("token", "user", "password", "project", "ca"))
    asked = Asking.said(url="https://127.0.0.1:1", **nothing | {option: said})
    with pytest.raises(click.BadParameter) as refused, asked.session():
        pass
    assert refused.value.param_hint == f"--{option}"
