"""Websockets of Incus's API: to a member, with deadlines on everything that may hang."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode, urlsplit

from websockets.asyncio.client import ClientConnection, connect, unix_connect
from websockets.exceptions import WebSocketException

from muster.base.errors import Transient
from muster.drivers.incus.rest import CONNECT_S, READ_S, Rest

PING_S = 4.0  # a link that is cut says nothing: who does not answer a ping so long is gone
LARGEST = 1 << 20  # bytes of one message


@asynccontextmanager
async def wire(rest: Rest, url: str, where: str, **params: str) -> AsyncIterator[ClientConnection]:
    """Yield a websocket to the member at `url`; raises `Transient` where it breaks."""
    query = f"?{urlencode({'project': rest.project, **params})}"
    said = urlsplit(url)
    alike: dict[str, Any] = {
        "open_timeout": CONNECT_S + READ_S,
        "ping_interval": PING_S,
        "ping_timeout": PING_S,
        "close_timeout": CONNECT_S,
        "max_size": LARGEST,
        "compression": None,
    }
    if said.scheme == "unix":
        opening = unix_connect(said.path, f"ws://incus{where}{query}", **alike)
    else:
        there = f"wss://{said.netloc}{where}{query}"
        opening = connect(there, ssl=rest.tls, proxy=None, **alike)
    try:
        async with opening as socket:
            yield socket
    except (OSError, TimeoutError, WebSocketException) as error:
        raise Transient(f"{url}{where}: {error or type(error).__name__}") from None
