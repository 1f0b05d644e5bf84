"""A terminal in an instance, by WebSocket."""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect

from muster.api.call import Word
from muster.api.guard import still_known
from muster.api.reading import (
    Field,
    Fields,
    decoded,
    integer,
    list_of,
    object_of,
    strictly,
    text,
    words_by_name,
)
from muster.base.errors import Forbidden, Invalid, MusterError
from muster.model.command import Command, Screen
from muster.model.who import Right
from muster.ports.commands import Terminal
from muster.service import commands
from muster.service.desk import Desk

PATIENCE_S = 30.0  # until the first message says what to run
SIGNALS = 64
PLAIN, INTERNAL = 1000, 1011
SIZE: Fields = {
    "rows": Field(integer(1, 4096), "of the screen; default: 24"),
    "columns": Field(integer(1, 4096), "of the screen; default: 80"),
}
FIRST: Fields = {
    "command": Field(list_of(text(high=131072, lines=True), 4096), "program", required=True),
    "environment": Field(words_by_name(256), "added to the instance's own, such as TERM"),
    **SIZE,
}
LATER: Fields = {
    "resize": Field(object_of(SIZE), "the screen is of another size now"),
    "signal": Field(integer(1, SIGNALS), "to be sent to what runs in front"),
}
Socket = WebSocket[Any, Any, Any]


# Note [Words of a terminal]
# The first message is a text, an object with what to run (`command`, `environment`, `rows`,
# `columns`). After it, bytes are what is typed and what is shown; texts are objects: `resize` or
# `signal` from the caller, and from us, once at the end, `exit_code`, or `error` with its type and
# message. Whoever closes the socket hangs up, and so does one that answers no pings.
@websocket("/v1/instances/{identity:str}/exec", opt={"right": Right.WRITE})
async def open_terminal(socket: Socket, identity: Word) -> None:
    """Run a program at a terminal in an instance. See Note [Words of a terminal]."""
    await socket.accept()
    desk: Desk = socket.app.state.desk
    try:
        async with asyncio.timeout(PATIENCE_S):
            command, screen = await _asked(socket)
        sat = await commands.sit_down(desk, socket.user, identity, command, screen)
        try:
            await _talk(socket, sat.terminal)
        finally:
            code = await sat.rise()
        await _say(socket, {"exit_code": code})
    except TimeoutError:
        await socket.close(INTERNAL, "nothing was asked for")
    except WebSocketDisconnect:
        return
    except MusterError as error:
        await _say(socket, {"error": {"type": error.code, "message": error.text}})


async def _asked(socket: Socket) -> tuple[Command, Screen]:
    said = strictly(FIRST, decoded(str(await socket.receive_data(mode="text")).encode()))
    if not said["command"]:
        raise Invalid("must name a program", field="command")
    command = Command(words=said["command"], environment=said.get("environment", {}))
    return command, _screen(said)


def _screen(said: Mapping[str, Any]) -> Screen:
    return Screen(**{name: said[name] for name in SIZE if name in said})


async def _talk(socket: Socket, terminal: Terminal) -> None:
    """Hand on what is shown and typed until the program has no more to show.

    Raises `WebSocketDisconnect` when the caller has gone, `Forbidden` once he is not known.
    """
    doing = [
        asyncio.create_task(each)
        for each in (_show(socket, terminal), _obey(socket, terminal), _ask_again(socket))
    ]
    try:
        done, _ = await asyncio.wait(doing, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in doing:
            task.cancel()
        await asyncio.gather(*doing, return_exceptions=True)


async def _ask_again(socket: Socket) -> None:
    """Raise `Forbidden` once the caller is not known any more. See Note [Known all along]."""
    while True:
        await asyncio.sleep(socket.app.state.door.ask_again_s)
        if not await still_known(socket):
            raise Forbidden("the terminal is closed, for you are not known here any more")


async def _show(socket: Socket, terminal: Terminal) -> None:
    while more := await terminal.printed():
        await socket.send_bytes(more)


async def _obey(socket: Socket, terminal: Terminal) -> None:
    while True:
        message = await socket.receive()
        if message["type"] != "websocket.receive":
            raise WebSocketDisconnect(detail="the caller has gone")
        if keys := message.get("bytes"):
            await terminal.type(keys)
        elif words := message.get("text"):
            said = strictly(LATER, decoded(words.encode()))
            if "resize" in said:
                await terminal.resize(_screen(said["resize"]))
            if "signal" in said:
                await terminal.signal(said["signal"])


async def _say(socket: Socket, said: Mapping[str, Any]) -> None:
    """Say the last thing there is to say."""
    await socket.send_data(msgspec.json.encode(said), mode="text", encoding="utf-8")
    await socket.close(PLAIN)


ROUTES = (open_terminal,)
