"""Asking a running Caddy: its administration, over a socket in the pool's folder."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import msgspec

from muster.base.errors import Transient
from muster.drivers.balancers.child import short

_DEADLINE_S = 3.0


class _Upstream(msgspec.Struct):
    address: str
    num_requests: int = 0


_UPSTREAMS = msgspec.json.Decoder(list[_Upstream])


async def open_requests(socket_path: Path) -> Mapping[str, int]:
    """Return how many requests are under way per member, as `address:port`.

    Members that are in no slot any more are counted as long as they have any.
    """
    answer = await _get(socket_path, "/reverse_proxy/upstreams")
    try:
        seen = _UPSTREAMS.decode(answer)
    except msgspec.MsgspecError as error:  # cut off, for it was killed as it answered
        raise Transient(f"Caddy's answer makes no sense: {error}") from None
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
            with short(socket_path) as name:
                reader, writer = await asyncio.open_unix_connection(name)
            try:
                writer.write(asked.encode())
                return _body(await reader.read())
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError) as error:
        raise Transient(f"Caddy does not answer: {error or 'too slow'}") from None


def _body(answer: bytes) -> bytes:
    head, _, body = answer.partition(b"\r\n\r\n")
    status, _, fields = head.partition(b"\r\n")
    if b" 200 " not in status:
        raise Transient(f"Caddy answered {status.decode(errors='replace')}")
    return _joined(body) if b"transfer-encoding: chunked" in fields.lower() else body


def _joined(body: bytes) -> bytes:
    """Return what chunks bring. Raises `ValueError` where they are cut off."""
    parts = []
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            break
        parts.append(rest[:length])
        body = rest[length + 2 :]
    return b"".join(parts)
