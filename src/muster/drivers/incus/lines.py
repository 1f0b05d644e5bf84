"""A websocket to every member that can be reached, and whoever listens to what comes."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Protocol

from muster.base.backoff import delay
from muster.base.enduring import enduring
from muster.base.errors import Transient
from muster.base.log import log
from muster.drivers.incus.rest import Rest
from muster.drivers.incus.wires import wire

ROUND_S = 5.0  # how often it is seen whether there are members that nobody listens to
RARELY = 6  # tries grow no rarer than the sixth: one every 3 to 6 s
OURS: Mapping[str, str] = {"type": "lifecycle,operation"}


class Listener(Protocol):
    def hear(self, said: Mapping[str, Any]) -> None:
        """Take one message; the same may come by several lines, and later before earlier."""
        ...

    def miss(self) -> None:
        """Know that something may have been said that nobody heard."""
        ...


# Note [Everybody's news]
# Every member tells what happened on all of them, as far as it hears of it: of one that is cut
# off from the others, nobody but itself. So each is listened to. What comes several times, and
# what we do ourselves, costs nothing, and a line that broke is taken for news: nobody knows what
# was missed meanwhile.
class Lines:
    """See Note [Everybody's news]."""

    def __init__(self, rest: Rest, params: Mapping[str, str] = OURS) -> None:
        self._rest = rest
        self._params = params  # which events are told
        self._listeners: list[Listener] = []
        self._round: asyncio.Task[None] | None = None
        self._lines: dict[str, asyncio.Task[None]] = {}  # by URL
        self._up: set[str] = set()

    def tell(self, listener: Listener) -> None:
        """Have `listener` hear all that comes from now on."""
        self._listeners.append(listener)

    def begin(self) -> None:
        """Listen from now on; once begun, nothing more comes of it."""
        if self._round is None:
            self._round = asyncio.create_task(self._see_to_lines())

    def is_up(self, url: str) -> bool:
        """Return whether the member at `url` is heard just now."""
        return url in self._up

    async def close(self) -> None:
        tasks = [*self._lines.values(), *filter(None, [self._round])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _see_to_lines(self) -> None:
        while True:
            there = self._rest.urls
            for url in set(self._lines) - {*there}:
                self._lines.pop(url).cancel()
            for url in there:
                if url not in self._lines:
                    self._lines[url] = asyncio.create_task(self._listen(url))
                elif self._lines[url].done():
                    with enduring(f"incus/{url}"):
                        self._lines[url].result()
                    self._lines[url] = asyncio.create_task(self._listen(url, failures=1))
            await asyncio.sleep(ROUND_S)

    async def _listen(self, url: str, failures: int = 0) -> None:
        while True:
            try:
                async with wire(self._rest, url, "/1.0/events", **self._params) as socket:
                    self._up.add(url)
                    if failures:
                        self._miss()
                    failures = 0
                    async for message in socket:
                        said = json.loads(message)
                        for each in self._listeners:
                            with enduring(f"incus/{url}"):
                                each.hear(said)
                    failures = 1
            except (Transient, ValueError) as error:
                if not failures:
                    log(url=url).info("incus.line_broke", reason=str(error))
                failures += 1
            finally:
                self._up.discard(url)
            if failures == 1:
                self._miss()
            await asyncio.sleep(delay(url, min(failures, RARELY)).total_seconds())

    def _miss(self) -> None:
        for each in self._listeners:
            each.miss()
