"""What a client sends that no client of ours would: it is answered, and the next one too."""

import http.client
import json
import socket
from collections.abc import Iterator

import pytest

from agent.ground import Ground
from muster.agent.server import UnixServer, listen


@pytest.fixture
def served(ground: Ground) -> Iterator[Ground]:
    running = listen(ground.agent, lambda: [UnixServer(ground.agent, "/s")])
    yield ground
    running.close()


def line(ground: Ground) -> http.client.HTTPConnection:
    made = http.client.HTTPConnection("socket", timeout=10)
    made.sock = socket.socket(socket.AF_UNIX)
    made.sock.connect(str(ground.machine.place("/s")))
    return made


@pytest.mark.parametrize(
    ("method", "path", "body", "headers"),
    [
        ("PUT", "/1.0/system/kernel", "[" * 100_000, {}),
        ("PUT", "/1.0/system/kernel", '{"config": {"network": {"x": "\\ud800"}}}', {}),
        ("GET", f"/1.0/debug/log?entries={'9' * 5000}", None, {}),
        ("PUT", "/1.0/system/kernel", None, {"Content-Length": "9" * 5000}),
        ("PUT", "/1.0/system/kernel", None, {"Content-Length": "\u00b2".encode("latin-1")}),
    ],
)
def test_it_is_answered_in_the_envelope(
    served: Ground, method: str, path: str, body: str | None, headers: dict[str, str | bytes]
) -> None:
    asking = line(served)
    asking.request(method, path, body, headers)
    answer = asking.getresponse()
    said = json.loads(answer.read())
    assert (said["type"], said["error_code"]) == ("error", answer.status)
    assert answer.status >= 400
    asking.close()
    after = line(served)
    after.request("GET", "/1.0")
    assert after.getresponse().status == 200
    after.close()
