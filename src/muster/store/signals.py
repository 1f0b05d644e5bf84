"""Waking whoever waits: within this process, and through PostgreSQL in every process."""

import asyncio
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import asyncpg

from muster.base.backoff import delay
from muster.base.log import log
from muster.ports.signal import EVENTS, MARKS
from muster.store.failures import TROUBLE

_CHANNEL = "muster"


@dataclass(slots=True)
class _Topic:
    """How often it was woken, and how much of that whoever waits has seen."""

    wakes: int = 0
    seen: int = 0  # by tasks that wait for the first time
    seen_by: WeakKeyDictionary[Any, int] = field(default_factory=WeakKeyDictionary)
    waiting: set[asyncio.Future[None]] = field(default_factory=set)


class LocalSignal:
    """Remembers for each task that has waited before what it has seen, so that one
    that was busy when the wake came does not miss it because another was quicker."""

    def __init__(self) -> None:
        self._topics: dict[str, _Topic] = defaultdict(_Topic)

    def wake(self, topic: str) -> None:
        about = self._topics[topic]
        about.wakes += 1
        for waiter in about.waiting:
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self, topic: str, timeout_s: float) -> bool:
        about, task = self._topics[topic], asyncio.current_task()
        seen = about.seen_by.get(task, about.seen)
        if about.wakes == seen:
            await _woken(about, timeout_s)
        if task not in about.seen_by:
            about.seen = about.wakes
        about.seen_by[task] = about.wakes
        return about.wakes != seen


async def _woken(about: _Topic, timeout_s: float) -> None:
    waiter = asyncio.get_running_loop().create_future()
    about.waiting.add(waiter)
    try:
        with suppress(TimeoutError):
            await asyncio.wait_for(waiter, timeout_s)
    finally:
        about.waiting.discard(waiter)


class PostgresSignal:
    """A local signal that also hears and tells the other processes of the same database."""

    def __init__(self, local: LocalSignal, arguments: dict[str, Any]) -> None:
        self._local = local
        self._arguments = arguments
        self._to_tell: set[str] = set()
        self._stir = asyncio.Event()  # something to tell, or the connection broke
        self._task = asyncio.create_task(self._keep_listening())

    def wake(self, topic: str) -> None:
        self._local.wake(topic)
        self._to_tell.add(topic)
        self._stir.set()

    async def wait(self, topic: str, timeout_s: float) -> bool:
        return await self._local.wait(topic, timeout_s)

    async def close(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _keep_listening(self) -> None:
        failures = 0
        while True:
            try:
                conn = await asyncpg.connect(**self._arguments)
                try:
                    failures = 0
                    await self._listen(conn)
                finally:
                    conn.terminate()
            except (*TROUBLE, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                failures += 1
                log().warning("store.signal_lost", error=str(error), tries=failures)
            await asyncio.sleep(delay(_CHANNEL, failures).total_seconds())

    async def _listen(self, conn: Any) -> None:
        """Hear and tell until the connection ends; what came before is woken for in case."""
        own = conn.get_server_pid()

        def heard(_: Any, pid: int, __: str, topic: str) -> None:
            if pid != own:
                self._local.wake(topic)

        conn.add_termination_listener(lambda _: self._stir.set())
        await conn.add_listener(_CHANNEL, heard)
        for topic in (MARKS, EVENTS):
            self._local.wake(topic)
        while not conn.is_closed():
            await self._stir.wait()
            self._stir.clear()
            topics, self._to_tell = sorted(self._to_tell), set()
            if topics and not conn.is_closed():
                await conn.execute(
                    "SELECT pg_notify($1, topic) FROM unnest($2::text[]) AS topic", _CHANNEL, topics
                )
