"""One transaction with a database of OVN, by the protocol that it speaks (RFC 7047)."""

import asyncio
import json
import ssl
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from muster.base.errors import Invalid, Transient

DEADLINE_S = 3.0
CHUNK = 1 << 16
KINDS = ("tcp", "ssl", "unix")

Operation = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Remote:
    """Where a database listens: at a host and port, or at the path of a socket."""

    kind: str
    host: str
    port: int = 0


def remotes(said: str) -> tuple[Remote, ...]:
    """Return the addresses of one database as OVN writes them; raises `Invalid`."""
    return tuple(_remote(each.strip()) for each in said.split(",") if each.strip())


def _remote(said: str) -> Remote:
    kind, _, where = said.partition(":")
    host, _, port = where.rpartition(":")
    if kind == "unix" and where.startswith("/"):
        return Remote(kind, where)
    if kind not in KINDS or not host or not port.isdigit():
        raise Invalid(f"{said!r} is not tcp:host:port, ssl:host:port or unix:/path")
    return Remote(kind, host.strip("[]"), int(port))


async def transact(
    remote: Remote, keys: ssl.SSLContext | None, database: str, operations: Sequence[Operation]
) -> Sequence[Mapping[str, Any]]:
    """Return what each operation has to say; all of them take place, or `Transient` is raised."""
    asked = {"method": "transact", "params": [database, *operations], "id": 0}
    try:
        async with asyncio.timeout(DEADLINE_S):
            reader, writer = await _connected(remote, keys)
            try:
                writer.write(json.dumps(asked).encode())
                said = await _answer(reader)
            finally:
                writer.close()
    except (OSError, ValueError) as error:  # a timeout and what TLS says are of the first
        text = str(error) or "no answer in time"
        raise Transient(f"{database} at {remote.host}: {text}") from None
    results: list[Any] = said.get("result") or []
    wrong = [said.get("error"), *((each or {}).get("error") for each in results)]
    if said_why := next((each for each in wrong if each), None):
        raise Transient(f"{database} at {remote.host}: {said_why}")
    return results


async def _connected(
    remote: Remote, keys: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if remote.kind == "unix":
        return await asyncio.open_unix_connection(remote.host)
    ours = keys if remote.kind == "ssl" else None
    return await asyncio.open_connection(remote.host, remote.port, ssl=ours)


async def _answer(reader: asyncio.StreamReader) -> Mapping[str, Any]:
    """Return the answer to what was asked, past whatever else the server has to say."""
    heard = b""
    while chunk := await reader.read(CHUNK):
        heard += chunk
        if not chunk.endswith(b"}"):
            continue
        for said in _whole(heard.decode(errors="replace")):
            if said.get("id") == 0 and "result" in said:
                return said
    raise ConnectionError("it hung up")


def _whole(text: str) -> Iterable[Mapping[str, Any]]:
    """Yield the messages of which all has come; they follow each other with nothing between."""
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        try:
            said, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError:
            return
        yield said


def pairs(values: Mapping[str, str]) -> Sequence[Any]:
    """Return a map as this protocol has it."""
    return ["map", [[key, value] for key, value in values.items()]]


def mapped(value: Sequence[Any]) -> dict[str, str]:
    """Return the map that this is, as this protocol has it."""
    return dict(value[1])


def several(value: Any) -> Sequence[Any]:
    """Return the members of a set, which this protocol writes without it where there is one."""
    return value[1] if isinstance(value, list) and value[:1] == ["set"] else [value]
