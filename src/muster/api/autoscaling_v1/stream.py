"""Events as they happen: server-sent events and a WebSocket, both resumable."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec
from litestar import WebSocket, get, websocket
from litestar.connection import ASGIConnection
from litestar.exceptions import WebSocketDisconnect
from litestar.response import Stream

from muster.api.call import Asked, Param
from muster.api.events import EventOut, event
from muster.api.guard import still_known
from muster.base.errors import Invalid
from muster.base.log import log
from muster.model.event import Event
from muster.service import events
from muster.service.desk import Desk

HEARTBEAT_S = 15.0
LATER = 1013
NOT_KNOWN = 4401  # a socket's close code for whom we would answer 401 or 403 by now
FOLLOW: Mapping[str, Param] = {
    "after": Param("begin behind the event of this number", {"type": "integer", "minimum": 0}),
    "cluster": Param("of this cluster only, by name or id"),
}
_ENCODER = msgspec.json.Encoder()


class Heartbeat(msgspec.Struct):
    """Sent when nothing has happened for a while: the line still holds."""

    kind: str = "heartbeat"


def _number(said: str | None) -> int | None:
    """Return the number of the event to begin behind, None for "from now on"."""
    if not said:
        return None
    if not (said.isascii() and said.isdigit() and len(said) < 19):
        raise Invalid(f"must be the number of an event, not '{said}'", field="after")
    return int(said)


@get("/v1/events/stream", opt={"query": FOLLOW}, media_type="text/event-stream")
async def stream_events(call: Asked) -> Stream:
    """Send events as they happen, for ever: id is the number, event the kind, data JSON.

    A client that comes back says the last number it saw, in Last-Event-ID or `after`. Who asks
    for a WebSocket here gets the same as JSON messages, and comes back with `after`.
    """
    said = call.request.headers.get("last-event-id") or call.word("after")
    after = _number(said)
    cluster = call.word("cluster")
    only = await events.watched(call.desk, call.who, cluster) if cluster else None
    start = await events.newest(call.desk) if after is None else after
    pages = events.follow(call.desk, call.who, start, only, HEARTBEAT_S)
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    sent = _sent(_while_known(call.request, pages))
    return Stream(sent, media_type="text/event-stream", headers=headers)


async def _while_known(
    connection: ASGIConnection[Any, Any, Any, Any], pages: AsyncIterator[Sequence[Event]]
) -> AsyncIterator[Sequence[Event]]:
    """Yield the pages as long as who asked for them may have them. See Note [Known all along]."""
    clock, door = connection.app.state.desk.clock, connection.app.state.door
    asked, often = clock.now(), timedelta(seconds=door.ask_again_s)
    async for page in pages:
        if clock.now() - asked >= often:
            if not await still_known(connection):
                return
            asked = clock.now()
        yield page


async def _sent(pages: AsyncIterator[Any]) -> AsyncIterator[bytes]:
    yield b"retry: 1000\n: hello\n\n"
    async for page in pages:
        yield b"".join(map(_block, page)) or b": still here\n\n"


def _block(one: Event) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (
        one.seq,
        one.kind.encode(),
        _ENCODER.encode(event(one)),
    )


@websocket(["/v1/events/stream", "/v1/events/ws"], opt={"query": FOLLOW})
async def socket_events(socket: WebSocket[Any, Any, Any]) -> None:
    """Send events as they happen as JSON messages; `after` and `cluster` as in the stream."""
    desk: Desk = socket.app.state.desk
    after = _number(socket.query_params.get("after"))
    cluster = socket.query_params.get("cluster")
    only = await events.watched(desk, socket.user, cluster) if cluster else None
    start = await events.newest(desk) if after is None else after
    await socket.accept()
    pages = events.follow(desk, socket.user, start, only, HEARTBEAT_S)
    sending = asyncio.create_task(_send_all(socket, _while_known(socket, pages)))
    hearing = asyncio.create_task(_until_closed(socket))
    try:
        await asyncio.wait((sending, hearing), return_when=asyncio.FIRST_COMPLETED)
        if sending.done() and not hearing.done():
            await _hang_up(socket, sending)
    finally:
        sending.cancel()
        hearing.cancel()


async def _hang_up(socket: WebSocket[Any, Any, Any], sending: asyncio.Task[None]) -> None:
    """Close a socket on which nothing more is told; whoever listens comes back with `after`."""
    if failure := sending.exception():
        log().warning("events.broken_off", reason=str(failure))
        await socket.close(LATER, "events cannot be read for now")
    else:
        await socket.close(NOT_KNOWN, "who you are is to be said again")


async def _send_all(socket: WebSocket[Any, Any, Any], pages: AsyncIterator[Any]) -> None:
    async for page in pages:
        told: list[EventOut | Heartbeat] = [event(each) for each in page]
        for each in told or [Heartbeat()]:
            await socket.send_data(_ENCODER.encode(each), mode="text", encoding="utf-8")


async def _until_closed(socket: WebSocket[Any, Any, Any]) -> None:
    """Read and forget what the client says until it goes."""
    try:
        while True:
            await socket.receive_data(mode="text")
    except WebSocketDisconnect:
        return


ROUTES = (stream_events, socket_events)
