"""A member that tells what it is told to tell, to whoever listens."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from websockets.asyncio.server import ServerConnection, unix_serve

OURS = "web-001"
DEADLINE_S = 30.0


class Teller:
    def __init__(self, door: Path) -> None:
        self.door = door
        self.asked: list[str] = []
        self.listeners: set[ServerConnection] = set()
        self.somebody = asyncio.Event()

    async def serve(self, socket: ServerConnection) -> None:
        assert socket.request
        self.asked.append(socket.request.path)
        self.listeners.add(socket)
        self.somebody.set()
        await socket.wait_closed()
        self.listeners.discard(socket)

    async def heard(self) -> None:
        with anyio.fail_after(DEADLINE_S):
            await self.somebody.wait()

    async def tell(self, action: str, name: str = OURS) -> None:
        said = {"action": action, "name": name, "source": f"/1.0/instances/{name}"}
        await self.say({"type": "lifecycle", "metadata": said})

    async def say(self, said: Any) -> None:
        for each in list(self.listeners):
            await each.send(json.dumps(said))

    async def hang_up(self) -> None:
        self.somebody.clear()
        for each in list(self.listeners):
            await each.close()


@asynccontextmanager
async def telling(door: Path) -> AsyncIterator[Teller]:
    made = Teller(door)
    async with unix_serve(made.serve, str(made.door)):
        yield made
