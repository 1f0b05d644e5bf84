"""Incus on this machine: asked over its own socket, and what trusted clients ask of it."""

import http.client
import json
import select
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from muster.agent.envelope import Answer
from muster.agent.failures import Undone
from muster.agent.machine import Machine
from muster.base.errors import NotFound

SOCKET = "/var/lib/incus/unix.socket"
WITHIN_S, LONGEST_S = 3.0, 3600.0  # whoever asks us has some seconds himself
PIECE = 64 * 1024
_KEPT = ("Content-Type", "If-Match")


@dataclass(frozen=True, slots=True)
class Passed:
    """A request as it came."""

    method: str
    target: str  # path and query
    headers: Mapping[str, str]  # by their names as titles
    body: bytes = b""


class _Line(http.client.HTTPConnection):
    def __init__(self, place: Path, timeout_s: float) -> None:
        super().__init__("incus", timeout=timeout_s)
        self._place = place

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._place))


def is_here(machine: Machine) -> bool:
    return machine.there(SOCKET)


# Note [One address for a machine]
# Whoever looks after machines knows one address of each, and asks there for the system (`/os`) and
# for Incus alike, as IncusOS has it behind Incus's own port. Here it is the agent's. What does
# not begin with /os goes to Incus's socket, where it is root's: whom the agent trusts could have
# that by the agent anyway.
def passed_on(machine: Machine, said: Passed) -> Answer:
    """Return what Incus answers. See Note [One address for a machine]."""
    _hold_here(machine, said)
    line = _Line(machine.place(SOCKET), LONGEST_S)
    headers = {name: said.headers[name] for name in _KEPT if said.headers.get(name)}
    try:
        line.request(said.method, said.target, said.body, headers)
        answer = line.getresponse()
        kind = answer.getheader("Content-Type", "application/json")
        kept = {name: answer.getheader(name, "") for name in ("Location", "ETag")}
        return Answer(answer.status, answer.read(), kind, {k: v for k, v in kept.items() if v})
    except (OSError, http.client.HTTPException) as error:
        raise Undone(f"Incus does not answer: {error or type(error).__name__}") from error
    finally:
        line.close()


def _hold_here(machine: Machine, said: Passed) -> None:
    if not is_here(machine):
        raise NotFound(f"there is no Incus to ask for {said.target}; the system's is below /os")


# Note [One thread for both ways]
# Two threads on one connection of TLS wait for each other now and then. So one copies what comes
# from either side, and never waits for one of them alone: what looks like something to read may
# be TLS's own.
def tunnel(machine: Machine, said: Passed, client: ssl.SSLSocket) -> None:
    """Have a connection be Incus's from now on, until either side ends it.

    See Note [One thread for both ways].
    """
    _hold_here(machine, said)
    with socket.socket(socket.AF_UNIX) as own:
        try:
            own.connect(str(machine.place(SOCKET)))
        except OSError as error:
            raise Undone(f"Incus does not answer: {error}") from error
        lines = [f"{said.method} {said.target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in said.headers.items()]
        own.sendall("\r\n".join([*lines, "", ""]).encode())
        client.setblocking(False)
        while _copied(client, own):
            pass


def _copied(client: ssl.SSLSocket, own: socket.socket) -> bool:
    """Copy what is there; return whether both sides are."""
    ready = [client] if client.pending() else select.select([client, own], [], [])[0]
    if client in ready:
        try:
            piece = client.recv(PIECE)
        except ssl.SSLWantReadError:
            piece = None
        if piece is not None:
            own.sendall(piece)
            if not piece:
                return False
    if own in ready:
        piece = own.recv(PIECE)
        _send(client, piece)
        return bool(piece)
    return True


def _send(client: ssl.SSLSocket, piece: bytes) -> None:
    while piece:
        try:
            piece = piece[client.send(piece) :]
        except ssl.SSLWantWriteError:
            select.select([], [client], [])
        except ssl.SSLWantReadError:
            select.select([client], [], [])


def told(machine: Machine, path: str) -> Any:
    """Return what Incus has at a path; None where there is no Incus, or it says no."""
    if not is_here(machine):
        return None
    line = _Line(machine.place(SOCKET), WITHIN_S)
    try:
        line.request("GET", path)
        said = json.loads(line.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        line.close()
    return said.get("metadata") if isinstance(said, dict) and said.get("type") == "sync" else None
