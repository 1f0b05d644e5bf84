"""A machine on a loopback port: its answers in their envelope, to whoever it trusts."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import ServerConnection, serve

from drivers.pem.made import NEXT, PEM
from fleet import FakeFleet, FakeMachine
from muster.base.errors import Permanent, Transient
from muster.ports.agent import Line, Order

Asking = Callable[[Order], Awaitable[Any]]
PLAIN = "/plain"  # which answers without an envelope


@asynccontextmanager
async def serving(machine: FakeMachine) -> AsyncIterator[str]:
    """Serve a machine's answers to whoever shows our certificate; yield its address."""
    trusting(context := new_context(), NEXT)
    async with serving_by(context, machine) as url:
        yield url


@asynccontextmanager
async def telling(machine: FakeMachine) -> AsyncIterator[str]:
    """Tell a machine's news by websockets to whoever shows our certificate; yield its address."""
    trusting(context := new_context(), NEXT)

    async def tell(socket: ServerConnection) -> None:
        if not socket.transport.get_extra_info("peercert"):
            return
        while (said := await machine.news.get()) is not None:
            await socket.send(json.dumps(said))

    async with serve(tell, "127.0.0.1", 0, ssl=context) as server:
        yield f"https://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


def new_context() -> ssl.SSLContext:
    """Return how a machine shows its certificate, and trusts nobody yet."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PEM / "web.pem", PEM / "web.key")
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


def trusting(context: ssl.SSLContext, certificate: str) -> None:
    context.load_verify_locations(cadata=certificate)


@asynccontextmanager
async def serving_by(context: ssl.SSLContext, machine: FakeMachine) -> AsyncIterator[str]:
    async def ask(order: Order) -> Any:
        if machine.silent:
            await asyncio.Event().wait()
        fleet = FakeFleet(it=machine)
        return await fleet.call(Line(url="it", certificate=machine.certificate), order)

    async with answering(context, ask) as url:
        yield url


@asynccontextmanager
async def answering(context: ssl.SSLContext, ask: Asking) -> AsyncIterator[str]:
    """Serve on a loopback port what `ask` answers to orders; one that it does not breaks off."""
    calls: set[asyncio.Task[Any] | None] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        calls.add(asyncio.current_task())
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                status, said = await _answered(ask, head, reader, writer)
                body = json.dumps(said).encode()
                line = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
                writer.write(f"{line}Content-Length: {len(body)}\r\n\r\n".encode() + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError, Transient):
            return
        finally:
            calls.discard(asyncio.current_task())
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    try:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for each in calls:
            if each:
                each.cancel()


async def _answered(
    ask: Asking, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> tuple[int, Mapping[str, Any]]:
    lines = head.decode().split("\r\n")
    method, path, _ = lines[0].split(" ")
    fields = {k.lower(): v for k, _, v in (each.partition(": ") for each in lines[1:])}
    body = await reader.readexactly(int(fields.get("content-length", 0)))
    if not writer.get_extra_info("peercert"):
        return 403, {"type": "error", "error": "not authorized", "error_code": 403}
    if path == PLAIN:
        return 200, {"hello": "you"}
    said = json.loads(body) if body else None
    known_as = fields.get("x-incusos-proxy", "")
    order = Order(path=path, method=method, body=said, known_as=known_as)
    try:
        said = await ask(order)
    except Permanent as error:
        # An error is one by its envelope, whatever the status of the answer.
        return 200, {"type": "error", "error": error.text, "error_code": error.details["status"]}
    return 200, {"type": "sync", "metadata": said}
