"""A program in an instance at a terminal of its own, by the two websockets of its operation."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from muster.base.errors import DriverError, Transient
from muster.model.command import Screen

GRACE_S = 2.0  # from hanging up until what still goes on is killed
HANG_UP, KILL = 1, 9
NO_MORE = ""  # a text: without ours, too, the operation goes on when its program has ended
LOST = 255  # how a program ended that nobody can be asked about any more


class IncusTerminal:
    """What it shows and what is typed go by the one, size and signals by the other."""

    def __init__(
        self,
        lines: AsyncExitStack,
        face: ClientConnection,
        control: ClientConnection,
        code: Callable[[], Awaitable[int]],
    ) -> None:
        self._lines = lines
        self._face = face
        self._control = control
        self._code = code
        self._over = asyncio.Event()

    async def printed(self) -> bytes:
        try:
            while not self._over.is_set():
                more = await self._face.recv()
                if isinstance(more, str):
                    break
                if more:
                    return more
        except ConnectionClosed:
            pass
        self._over.set()
        return b""

    async def type(self, keys: bytes) -> None:
        with suppress(ConnectionClosed):
            await self._face.send(keys)

    async def resize(self, screen: Screen) -> None:
        size = {"width": str(screen.columns), "height": str(screen.rows)}
        await self._say(command="window-resize", args=size)

    async def signal(self, number: int) -> None:
        await self._say(command="signal", signal=number)

    async def hang_up(self) -> int:
        try:
            for number in () if self._over.is_set() else (HANG_UP, KILL):
                await self.signal(number)
                if await self._ends():
                    break
            with suppress(ConnectionClosed):
                await self._face.send(NO_MORE)
            return await self._code()
        except DriverError:
            return LOST
        finally:
            with suppress(Transient):
                await self._lines.aclose()

    async def _ends(self) -> bool:
        """Return whether it is over a little later, whatever it shows until then."""
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE_S):
                while await self.printed():
                    pass
        return self._over.is_set()

    async def _say(self, **order: Any) -> None:
        with suppress(ConnectionClosed):
            await self._control.send(json.dumps(order))
