"""A real server on a loopback port, for what an in-process client cannot show."""

import asyncio
import socket as sockets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import uvicorn
import websockets
from litestar import Litestar
from websockets.exceptions import InvalidStatus


class Wire:
    """Connections to a server."""

    def __init__(self, url: str) -> None:
        self.url = url

    @asynccontextmanager
    async def stream(
        self, path: str, headers: Mapping[str, str]
    ) -> AsyncIterator[AsyncIterator[str]]:
        """Yield the blocks of an event stream that has begun."""
        async with (
            httpx2.AsyncClient(base_url=self.url, timeout=10, verify=False) as client,
            client.stream("GET", path, headers=dict(headers)) as answer,
        ):
            assert answer.status_code == 200, await answer.aread()
            blocks = _blocks(answer.aiter_text())
            await anext(blocks)  # the greeting: from here on nothing is missed
            yield blocks

    @asynccontextmanager
    async def socket(self, path: str, headers: Mapping[str, str]) -> AsyncIterator[Any]:
        where = self.url.replace("http", "ws") + path
        async with websockets.connect(where, additional_headers=dict(headers)) as opened:
            yield opened

    async def refused(self, path: str, headers: Mapping[str, str]) -> bool:
        try:
            async with self.socket(path, headers):
                return False
        except InvalidStatus:
            return True


async def _blocks(text: AsyncIterator[str]) -> AsyncIterator[str]:
    held = ""
    async for part in text:
        held += part
        while "\n\n" in held:
            block, held = held.split("\n\n", 1)
            yield block


@asynccontextmanager
async def served(app: Litestar) -> AsyncIterator[Wire]:
    """Serve the application on a port of its own until the block ends."""
    with sockets.create_server(("127.0.0.1", 0)) as door:
        config = uvicorn.Config(app, lifespan="off", log_level="error", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[door]))
        try:
            yield Wire(f"http://127.0.0.1:{door.getsockname()[1]}")
        finally:
            server.should_exit = True
            await serving
