"""Calls of one member's API over its socket, which works whatever its network does."""

import http.client
import json
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PATIENCE_S = 120
HANDOVER_S = 60.0
_LINE_S = PATIENCE_S + 30  # Incus is asked to wait for less than that
_FOR_NOW = (500, 503)


class _OverSocket(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("incus", timeout=_LINE_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_LINE_S)
        self.sock.connect(str(self._path))


# Note [A new leader]
# While the members agree on who leads their database, because the one that did lost its power say,
# each of them answers that it cannot read it. That is over in seconds, and says nothing about what
# was asked for: so a question is put again, for as long as no leader could reasonably take.
def call(path: Path, method: str, where: str, body: Any = None, *, wait: bool = True) -> Any:
    """Return the metadata of the answer, or the operation once it has ended well.

    See Note [A new leader].
    """
    content = json.dumps(body).encode() if body is not None else None
    headers = {"Content-Type": "application/json"}
    deadline = time.monotonic() + HANDOVER_S
    answer = _asked(path, method, where, content, headers)
    while method == "GET" and _cannot_say(answer) and time.monotonic() < deadline:
        time.sleep(0.1)
        answer = _asked(path, method, where, content, headers)
    return _ended(path, f"{method} {where}", answer, wait)


def _cannot_say(answer: Any) -> bool:
    return answer["type"] == "error" and answer["error_code"] in _FOR_NOW


def send(path: Path, where: str, content: bytes, headers: Mapping[str, str]) -> Any:
    """Upload something and return the operation once it has ended well."""
    return _ended(path, f"POST {where}", _asked(path, "POST", where, content, headers), True)


def _asked(
    path: Path, method: str, where: str, content: bytes | None, headers: Mapping[str, str]
) -> Any:
    connection = _OverSocket(path)
    connection.request(method, where, content, dict(headers))
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def _ended(path: Path, what: str, answer: Any, wait: bool) -> Any:
    if answer["type"] == "error":
        raise RuntimeError(f"{what}: {answer['error']} ({answer['error_code']})")
    if answer["type"] != "async" or not wait:
        return answer["metadata"]
    ended = call(path, "GET", f"{answer['operation'].partition('?')[0]}/wait?timeout={PATIENCE_S}")
    if ended["status_code"] != 200:
        raise RuntimeError(f"{what}: {ended['err']}")
    return ended


def answers(path: Path) -> bool:
    try:
        return bool(_asked(path, "GET", "/1.0", None, {})["type"] != "error")
    except (OSError, ValueError, http.client.HTTPException):
        return False


def await_answer(path: Path, patience_s: float = 120) -> None:
    deadline = time.monotonic() + patience_s
    while not answers(path):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{path}: incusd is not ready after {patience_s:g} s")
        time.sleep(0.03)
