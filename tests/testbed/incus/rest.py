"""Calls of one member's API over its socket, which works whatever its network does."""

import http.client
import json
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PATIENCE_S = 120


class _OverSocket(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("incus", timeout=PATIENCE_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE_S)
        self.sock.connect(str(self._path))


def call(path: Path, method: str, where: str, body: Any = None, *, wait: bool = True) -> Any:
    """Return the metadata of the answer, or the operation once it has ended well."""
    content = json.dumps(body).encode() if body is not None else None
    headers = {"Content-Type": "application/json"}
    return _ended(path, f"{method} {where}", _asked(path, method, where, content, headers), wait)


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
        call(path, "GET", "/1.0")
    except (OSError, RuntimeError, http.client.HTTPException):
        return False
    return True


def await_answer(path: Path, patience_s: float = 30) -> None:
    deadline = time.monotonic() + patience_s
    while not answers(path):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{path}: incusd is not ready after {patience_s:g} s")
        time.sleep(0.03)
