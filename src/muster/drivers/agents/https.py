"""Agents over HTTPS, every machine held to its own certificate, and we known by ours."""

import asyncio
import json
import ssl
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from muster.base.errors import DriverError, Permanent, Transient
from muster.ports.agent import Line, Order

CONNECT_S = 3.0
PORT = 8443
PING_S = 4.0  # a link that is cut says nothing: who does not answer a ping so long is gone
LARGEST = 1 << 20  # bytes of one message


class HttpsAgents:
    """Real calls; connections are kept as long as a machine shows the same certificate."""

    def __init__(self, certificate: str, key: str) -> None:
        self._certificate = certificate
        self._key = key
        self._clients: dict[Line, httpx2.AsyncClient] = {}

    @property
    def certificate(self) -> str:
        return self._certificate

    async def shown(self, url: str) -> str:
        said = urlsplit(url)
        context = _trusting(None)
        try:
            async with asyncio.timeout(CONNECT_S):
                _, writer = await asyncio.open_connection(
                    said.hostname, said.port or PORT, ssl=context
                )
        except (OSError, TimeoutError, ValueError) as error:
            raise Transient(f"{url}: {error or 'no answer'}") from None
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        return ssl.DER_cert_to_PEM_cert(der)

    async def call(self, line: Line, order: Order) -> Any:
        try:
            async with asyncio.timeout(order.within_s):
                client = self._clients.get(line) or self._open(line)
                headers = {"X-IncusOS-Proxy": order.known_as} if order.known_as else {}
                answer = await client.request(
                    order.method, order.path, json=order.body, headers=headers
                )
        except TimeoutError:
            raise Transient(f"{line.url}: no answer within {order.within_s:g} s") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            raise Transient(f"{line.url}: {error or type(error).__name__}") from None
        return _meant(answer, order)

    async def listen(self, line: Line, path: str) -> AsyncIterator[Any]:
        try:
            opening = connect(
                f"wss://{urlsplit(line.url).netloc}{path}",
                ssl=self._known_by_ours(line.certificate),
                proxy=None,
                open_timeout=CONNECT_S,
                ping_interval=PING_S,
                ping_timeout=PING_S,
                close_timeout=CONNECT_S,
                max_size=LARGEST,
                compression=None,
            )
            async with opening as socket:
                async for message in socket:
                    yield json.loads(message)
        except (OSError, TimeoutError, WebSocketException, ValueError) as error:
            raise Transient(f"{line.url}: {error or type(error).__name__}") from None
        raise Transient(f"{line.url}: it tells nothing any more")

    async def close(self) -> None:
        clients, self._clients = self._clients, {}
        for each in clients.values():
            await each.aclose()

    def _known_by_ours(self, certificate: str) -> ssl.SSLContext:
        """Return how one certificate is trusted, and ours is shown."""
        context = _trusting(certificate)
        with tempfile.TemporaryDirectory() as folder:  # where only files can be read from
            pem = Path(folder) / "own.pem"
            pem.touch(0o600)
            pem.write_text(self._certificate + self._key)
            context.load_cert_chain(pem)
        return context

    def _open(self, line: Line) -> httpx2.AsyncClient:
        context = self._known_by_ours(line.certificate)
        client = httpx2.AsyncClient(
            base_url=line.url,
            verify=context,
            timeout=httpx2.Timeout(None, connect=CONNECT_S),
            trust_env=False,
        )
        return self._clients.setdefault(line, client)


def _trusting(certificate: str | None) -> ssl.SSLContext:
    """Return how one certificate is trusted and no other, whatever name is in it; None: each."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    if certificate is None:
        context.verify_mode = ssl.CERT_NONE
        return context
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=certificate)
    return context


def _meant(answer: httpx2.Response, order: Order) -> Any:
    """Return the metadata of an envelope; one of an error is one, whatever its HTTP status."""
    try:
        said = answer.json()
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, Mapping) or "type" not in said:
        text = f"{order.method} {order.path}: no agent answers there ({answer.status_code})"
        raise Permanent(text, status=answer.status_code)
    if said["type"] == "error" or answer.is_error:
        raise _refusal(said, answer.status_code, order)
    return said.get("metadata")


def _refusal(said: Mapping[str, Any], status: int, order: Order) -> DriverError:
    told = said.get("error_code")
    code = told if isinstance(told, int) and told else status
    text = f"{order.method} {order.path}: {said.get('error') or code}"
    return (Transient if code == 503 else Permanent)(text, status=code)
