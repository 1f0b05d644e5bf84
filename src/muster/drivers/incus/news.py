"""What Incus tells by itself: that something happened to an instance of ours, within moments."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from muster.base.backoff import delay
from muster.base.errors import Transient
from muster.base.log import log
from muster.drivers.incus.rest import Rest
from muster.drivers.incus.wires import wire

ROUND_S = 5.0  # how often it is seen whether there are members that nobody listens to
AGAIN_S = 0.6
RARELY = 6  # tries grow no rarer than the sixth: one every 3 to 6 s
# What may have made an instance another than it was listed as.
TELLING = frozenset(
    {
        "instance-deleted",
        "instance-paused",
        "instance-restarted",
        "instance-resumed",
        "instance-shutdown",
        "instance-started",
        "instance-stopped",
    }
)
_MEMBER = "cluster-member-"


# Note [Everybody's news]
# Every member tells what happened on all of them, as far as it hears of it: of one that is cut
# off from the others, nobody but itself. So each is listened to. What comes several times, and
# what we do ourselves, costs nothing, and a line that broke is taken for news: nobody knows what
# was missed meanwhile.
#
# Note [Told too early]
# The end of an instance is told a moment before it is shown as stopped. So whoever waits is
# woken for the news, and once more a little later.
class News:
    """See Note [Everybody's news] and see Note [Told too early]."""

    def __init__(self, rest: Rest, concerns: Callable[[str], bool]) -> None:
        self._rest = rest
        self._concerns = concerns  # whether what happens to this instance is news to us
        self._stir = asyncio.Event()
        self._round: asyncio.Task[None] | None = None
        self._lines: dict[str, asyncio.Task[None]] = {}  # by URL

    async def stirred(self) -> None:
        """Begins to listen when it is first asked."""
        if self._round is None:
            self._round = asyncio.create_task(self._see_to_lines())
        await self._stir.wait()
        self._stir.clear()

    async def close(self) -> None:
        tasks = [*self._lines.values(), *filter(None, [self._round])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _see_to_lines(self) -> None:
        while True:
            for url in self._rest.urls:
                if url not in self._lines:
                    self._lines[url] = asyncio.create_task(self._listen(url))
            await asyncio.sleep(ROUND_S)

    async def _listen(self, url: str) -> None:
        failures = 0
        while True:
            try:
                async with wire(self._rest, url, "/1.0/events", type="lifecycle") as socket:
                    if failures:
                        self._stir.set()
                    failures = 0
                    async for message in socket:
                        self._hear(json.loads(message))
                    failures = 1
            except (Transient, ValueError) as error:
                if not failures:
                    log(url=url).info("incus.line_broke", reason=str(error))
                    self._stir.set()
                failures += 1
            await asyncio.sleep(delay(url, min(failures, RARELY)).total_seconds())

    def _hear(self, said: dict[str, Any]) -> None:
        told = said.get("metadata") or {}
        action = str(told.get("action") or "")
        name = str(told.get("name") or str(told.get("source") or "").rpartition("/")[2])
        of_ours = action in TELLING and self._concerns(name)
        if of_ours or action.startswith(_MEMBER):
            self._stir.set()
            asyncio.get_running_loop().call_later(AGAIN_S, self._stir.set)
