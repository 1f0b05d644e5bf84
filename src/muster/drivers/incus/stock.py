"""All that an Incus cloud has, of all projects, and the events of it."""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from muster.drivers.incus.lines import Lines
from muster.drivers.incus.rest import Call, Rest
from muster.ports.stock import News

READ_ALL_S = 20.0  # a list of thousands takes its time
MOST = 10_000


class IncusStock:
    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._lines = Lines(rest, {"type": "lifecycle", "all-projects": "true", "project": ""})
        self._lines.tell(self)
        self._events: list[Mapping[str, Any]] = []
        self._missed = False
        self._stir = asyncio.Event()

    async def read(self, path: str) -> Any:
        said = urlsplit(path)
        # Nobody's project: with that of this cloud, Incus would not tell of all.
        params = {"project": "", **dict(parse_qsl(said.query))}
        call = Call(method="GET", path=said.path, params=params, deadline_s=READ_ALL_S)
        return await self._rest.answer(call)

    async def heard(self) -> News:
        self._lines.begin()
        await self._stir.wait()
        self._stir.clear()
        events, self._events = self._events, []
        missed, self._missed = self._missed, False
        return News(events, missed)

    def hear(self, said: Mapping[str, Any]) -> None:
        if len(self._events) >= MOST:
            self._events, self._missed = [], True
        self._events.append(said)
        self._stir.set()

    def miss(self) -> None:
        self._missed = True
        self._stir.set()

    async def close(self) -> None:
        await self._lines.close()
