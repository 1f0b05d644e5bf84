"""Readings by queries to a Prometheus server, or to whatever answers like one."""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import msgspec

from muster.base.errors import Invalid, Permanent, Transient
from muster.drivers.options import options

_LARGEST = 1 << 20  # of an answer; one number takes a hundred bytes
_LATER = frozenset({408, 425, 429})
_FAULT = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The cloud option `prometheus`, a table."""

    url: str = ""  # where /api/v1/query is beneath
    timeout_s: float = 2.0
    token_file: str = ""  # sent as a bearer token; read at every query
    ca: str = ""  # PEM file that the server's certificate is verified with


class _Data(msgspec.Struct, frozen=True):
    kind: str = msgspec.field(name="resultType", default="")
    result: Any = None


class _Answer(msgspec.Struct, frozen=True):
    status: str = ""
    data: _Data = _Data()
    error: str = ""


class Prometheus:
    """Each query within `timeout_s`, whatever the server does."""

    def __init__(self, said: Options) -> None:
        self._said = said
        verify: ssl.SSLContext | bool = _trusting(said.ca) if said.ca else True
        self._http = httpx2.AsyncClient(timeout=said.timeout_s, verify=verify)

    async def value(self, query: str) -> float | None:
        try:
            async with asyncio.timeout(self._said.timeout_s):
                status, body = await self._asked(query)
        except (TimeoutError, httpx2.TimeoutException):
            raise Transient(
                f"{self._where} does not answer in {self._said.timeout_s:g} s"
            ) from None
        except (httpx2.HTTPError, OSError) as error:
            raise Transient(f"{self._where} does not answer: {error}") from None
        return _number(self._read(status, body))

    async def close(self) -> None:
        await self._http.aclose()

    async def _asked(self, query: str) -> tuple[int, bytes]:
        url = f"{self._said.url.rstrip('/')}/api/v1/query"
        body = b""
        said = {"query": query, "timeout": f"{self._said.timeout_s:g}s"}
        async with self._http.stream("POST", url, data=said, headers=self._headers()) as answer:
            async for part in answer.aiter_bytes():
                body += part
                if len(body) > _LARGEST:
                    raise Permanent("the query gives far more than one number: aggregate it")
            return answer.status_code, body

    def _headers(self) -> dict[str, str]:
        if not self._said.token_file:
            return {}
        token = Path(self._said.token_file).expanduser().read_text().strip()
        return {"Authorization": f"Bearer {token}"}

    def _read(self, status: int, body: bytes) -> _Data:
        """Return what was found; a no is raised, with the server's own words."""
        try:
            answer = msgspec.json.decode(body, type=_Answer)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            answer = _Answer(error=f"{self._where} answers {status}, and not like Prometheus")
        if answer.status == "success":
            return answer.data
        if _FAULT <= status < 500 and status not in _LATER:
            raise Permanent(f"Prometheus refuses the query ({status}): {answer.error}")
        raise Transient(f"Prometheus cannot answer now ({status}): {answer.error}")

    @property
    def _where(self) -> str:
        return self._said.url


def _number(data: _Data) -> float | None:
    """Return the only number there is: NaN and infinity are none."""
    try:
        if data.kind == "scalar":
            return _finite(data.result)
        if data.kind == "vector" and len(data.result) <= 1:
            return _finite(data.result[0]["value"]) if data.result else None
    except (TypeError, LookupError, ValueError):
        raise Transient("Prometheus answers with what cannot be understood") from None
    many = f"{len(data.result)} numbers" if data.kind == "vector" else f"a {data.kind}"
    raise Permanent(f"the query gives {many}: it must give one, by avg(...) for example")


def _finite(pair: Any) -> float | None:
    value = float(pair[1])
    return value if isfinite(value) else None


def _trusting(ca: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(Path(ca).expanduser()))
    except OSError as error:
        raise Invalid(f"prometheus.ca: {error}", field="prometheus.ca") from None


def parsed(said: Mapping[str, Any]) -> Options:
    """Return what the cloud option `prometheus` says; raises `Invalid` naming what is at fault."""
    read = options(Options, said, "prometheus")
    parts = urlsplit(read.url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        text = f"prometheus.url must be such as http://host:9090, not {read.url!r}"
        raise Invalid(text, field="prometheus.url")
    return read
