"""Asking a running Caddy: its administration, over a socket in the pool's folder."""

import asyncio
import os
import socket
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from muster.base.errors import Transient

_DEADLINE_S = 3.0
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid


class _Upstream(msgspec.Struct):
    address: str
    num_requests: int = 0


_UPSTREAMS = msgspec.json.Decoder(list[_Upstream])


async def open_requests(socket_path: Path) -> Mapping[str, int]:
    """Return how many requests are under way per member, as `address:port`.

    Members that are in no slot any more are counted as long as they have any.
    """
    seen = _UPSTREAMS.decode(await _get(socket_path, "/reverse_proxy/upstreams"))
    return {each.address: each.num_requests for each in seen if each.num_requests}


async def answers(socket_path: Path) -> bool:
    """Return True if a Caddy is there and its configuration is in force."""
    try:
        return b"front" in await _get(socket_path, "/config/apps/http/servers")
    except Transient:
        return False


async def _get(socket_path: Path, path: str) -> bytes:
    asked = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    try:
        async with asyncio.timeout(_DEADLINE_S):
            with _short(socket_path) as short:
                reader, writer = await asyncio.open_unix_connection(short)
            try:
                writer.write(asked.encode())
                return _body(await reader.read())
            finally:
                writer.close()
    except (OSError, TimeoutError) as error:
        raise Transient(f"Caddy does not answer: {error or 'too slow'}") from None


def _body(answer: bytes) -> bytes:
    head, _, body = answer.partition(b"\r\n\r\n")
    status, _, fields = head.partition(b"\r\n")
    if b" 200 " not in status:
        raise Transient(f"Caddy answered {status.decode(errors='replace')}")
    return _joined(body) if b"transfer-encoding: chunked" in fields.lower() else body


def _joined(body: bytes) -> bytes:
    parts = []
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            break
        parts.append(rest[:length])
        body = rest[length + 2 :]
    return b"".join(parts)


def peer(socket_path: Path) -> int | None:
    """Return the process at the other end, or None if nobody is there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(_DEADLINE_S)
        try:
            with _short(socket_path) as short:
                sock.connect(short)
        except OSError:
            return None
        said = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid: int = _CREDENTIALS.unpack(said)[0]
    return pid


@contextmanager
def _short(socket_path: Path) -> Iterator[str]:
    """Name the socket so that a deep home does not exceed the 107 bytes a name may have."""
    folder = os.open(socket_path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{socket_path.name}"
    finally:
        os.close(folder)
