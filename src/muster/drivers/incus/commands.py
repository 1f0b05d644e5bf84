"""The commands port over Incus: a program in an instance, by the websockets of its operation."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from muster.base.errors import DriverError, Permanent, Transient
from muster.drivers.incus.look import Lookout
from muster.drivers.incus.rest import READ_S, WRITE_S, Call, Rest, path
from muster.drivers.incus.terminal import IncusTerminal
from muster.drivers.incus.wires import wire
from muster.drivers.printed import Printed
from muster.model.command import Command, Ended, Screen
from muster.ports.commands import Terminal

NOT_FOUND = 127
GONE = "instance not found"  # which is no missing program
KILL = json.dumps({"command": "signal", "signal": 9})
DEATH_S = 5.0  # from the signal until it is over


# Note [Streams of a command]
# An operation that runs a command begins when all of its four websockets are open: what it
# reads, what it prints, its errors, and one for signals. Bytes come as binary messages; an empty
# text says that there are no more. At a terminal there are two: what is typed and shown, and one
# for signals and the size.
class IncusCommands:
    """See Note [Streams of a command]."""

    def __init__(self, rest: Rest, lookout: Lookout) -> None:
        self._rest = rest
        self._lookout = lookout

    async def run_command(self, ref: str, command: Command) -> Ended:
        return await self.run_at(ref, command, await self._location(ref))

    async def run_at(self, ref: str, command: Command, location: str) -> Ended:
        """Run it in an instance that is there, whoever's that is."""
        try:
            begun = await self._begun(ref, command, location, interactive=False)
        except DriverError as error:
            if "not found" in error.text and GONE not in error.text.lower():
                return Ended(code=NOT_FOUND, errors=error.text.encode())
            raise
        return await self._followed(begun, command, location)

    async def open_terminal(self, ref: str, command: Command, screen: Screen) -> Terminal:
        location = await self._location(ref)
        words = {"TERM": "xterm", **command.environment}
        size = {"width": screen.columns, "height": screen.rows, "interactive": True}
        begun = await self._begun(ref, replace(command, environment=words), location, **size)
        url, streams = self._rest.url(location), begun["metadata"]["fds"]
        where = path("operations", begun["id"], "websocket")
        async with AsyncExitStack() as lines:
            control, face = [
                await lines.enter_async_context(wire(self._rest, url, where, secret=streams[each]))
                for each in ("control", "0")
            ]
            code = partial(self._code, begun["id"], location)
            return IncusTerminal(lines.pop_all(), face, control, code)

    async def _location(self, ref: str) -> str:
        """Return where the server runs; raises `Permanent` for one that does not."""
        instance = await self._lookout.ours(ref)
        if instance is None:
            raise Permanent(f"there is no server {ref}", ref=ref)
        if instance["status"] != "Running":
            raise Permanent(f"{ref} does not run: it is {instance['status'].lower()}")
        return str(instance["location"])

    async def _begun(
        self, ref: str, command: Command, location: str, **how: int
    ) -> Mapping[str, Any]:
        body = {
            "command": list(command.words),
            "environment": dict(command.environment),
            "wait-for-websocket": True,
            **how,
        }
        where = path("instances", ref, "exec")
        call = Call(method="POST", path=where, body=body, deadline_s=WRITE_S)
        return await self._rest.begin(call, location)

    async def _followed(self, begun: Mapping[str, Any], command: Command, location: str) -> Ended:
        url, streams = self._rest.url(location), begun["metadata"]["fds"]
        where = path("operations", begun["id"], "websocket")
        printed, errors = Printed(), Printed()
        async with (
            wire(self._rest, url, where, secret=streams["control"]) as control,
            wire(self._rest, url, where, secret=streams["0"]) as given,
            wire(self._rest, url, where, secret=streams["1"]) as first,
            wire(self._rest, url, where, secret=streams["2"]) as second,
        ):
            talk = asyncio.gather(
                _give(given, command.given), _read(first, printed), _read(second, errors)
            )
            in_time = await _ends(talk, command.patience_s)
            if not in_time:
                await control.send(KILL)
                await _ends(talk, DEATH_S)
            code = await self._code(begun["id"], location)
        if code == NOT_FOUND and not (printed.kept or errors.kept):
            errors.add(f"{command.words[0]}: not found\n".encode())
        return Ended(
            code=code,
            output=bytes(printed.kept),
            errors=bytes(errors.kept),
            in_time=in_time,
            whole=printed.whole and errors.whole,
        )

    async def _code(self, operation: str, location: str) -> int:
        """Return how the program ended, from the operation that ran it."""
        question = Call(
            method="GET",
            path=path("operations", operation, "wait"),
            params={"timeout": str(int(DEATH_S))},
            deadline_s=DEATH_S + READ_S,
        )
        try:
            said = await self._rest.answer(question, location)
        except DriverError as error:
            if "not found" in error.text.lower():
                return NOT_FOUND
            raise
        code = (said.get("metadata") or {}).get("return")
        if code is None:
            raise Transient(f"how the command ended is not known: {said.get('err') or 'no word'}")
        return int(code)


async def _ends(talk: asyncio.Future[Any], patience_s: float) -> bool:
    """Return whether all was said within that time; it may go on afterwards."""
    done, _ = await asyncio.wait([talk], timeout=patience_s)
    return bool(done)


async def _give(socket: ClientConnection, content: bytes) -> None:
    try:
        if content:
            await socket.send(content)
        await socket.send("")
    except ConnectionClosed:
        return  # it ended without reading everything


async def _read(socket: ClientConnection, printed: Printed) -> None:
    try:
        async for message in socket:
            if isinstance(message, str):
                return
            printed.add(message)
    except ConnectionClosed:
        return
