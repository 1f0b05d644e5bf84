"""The stock of a cluster of machines: read and heard by whichever of them answers."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from muster.base.backoff import delay
from muster.base.enduring import enduring
from muster.base.errors import DriverError, Permanent, Transient
from muster.ports.agent import Agents, Line, Order
from muster.ports.stock import News

EVENTS = "/1.0/events?type=lifecycle&all-projects=true"
WITHIN_S = 20.0
MOST = 10_000  # events that nobody asked for; with more, all is read again
_FORBIDDEN = 403  # what a machine says that is no longer of the cluster


# Note [Any member will do]
# Each member tells of all. So one is asked until it does not answer, and then the next; the one
# that answered last comes first. What was told while none was heard is lost: it is said that
# something was missed, and all is read again.
class MachineStock:
    """See Note [Any member will do]."""

    def __init__(self, agents: Agents, lines: Mapping[str, Line]) -> None:
        self._agents = agents
        self._lines = dict(lines)
        self._listening: asyncio.Task[None] | None = None
        self._events: list[Any] = []
        self._missed = False
        self._stir = asyncio.Event()

    def meet(self, lines: Mapping[str, Line]) -> None:
        """Know the members as they are now, those that answered first as before."""
        kept = {name: lines[name] for name in self._lines if name in lines}
        self._lines = {**kept, **lines}

    async def read(self, path: str) -> Any:
        errors = []
        for name, line in list(self._lines.items()):
            try:
                said = await self._agents.call(line, Order(path=path, within_s=WITHIN_S))
            except Transient as error:
                errors.append(error.text)
                continue
            except Permanent as error:
                if error.details.get("status") != _FORBIDDEN:
                    raise
                errors.append(error.text)
                continue
            self._prefer(name)
            return said
        raise Transient("; ".join(errors) or "it has no server that could be asked")

    async def heard(self) -> News:
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen())
        await self._stir.wait()
        self._stir.clear()
        events, self._events = self._events, []
        missed, self._missed = self._missed, False
        return News(events, missed)

    async def close(self) -> None:
        if self._listening:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)

    def _prefer(self, name: str) -> None:
        if name in self._lines:
            self._lines = {name: self._lines[name], **self._lines}

    async def _listen(self) -> None:
        failures = 0
        while True:
            for name, line in list(self._lines.items()):
                with enduring(f"stock/{name}"), suppress(DriverError):
                    async for said in self._agents.listen(line, EVENTS):
                        failures = 0
                        self._hear(said)
                self._miss()
                if self._lines.get(name) == line:  # whoever broke off is asked last
                    self._lines = {**self._without(name), name: line}
            failures += 1
            await asyncio.sleep(delay("stock", failures).total_seconds())

    def _without(self, name: str) -> dict[str, Line]:
        return {each: line for each, line in self._lines.items() if each != name}

    def _hear(self, said: Any) -> None:
        if len(self._events) >= MOST:
            self._events, self._missed = [], True
        self._events.append(said)
        self._stir.set()

    def _miss(self) -> None:
        self._missed = True
        self._stir.set()
