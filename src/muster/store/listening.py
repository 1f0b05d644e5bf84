"""Waking whoever waits, in every process that works on the same PostgreSQL database."""

import asyncio
from contextlib import suppress
from typing import Any

import asyncpg

from muster.base.backoff import delay
from muster.base.log import log
from muster.ports.signal import EVENTS, JOBS, MARKS
from muster.store.failures import TROUBLE
from muster.store.signals import LocalSignal

_CHANNEL = "muster"


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
        for topic in (MARKS, EVENTS, JOBS):
            self._local.wake(topic)
        while not conn.is_closed():
            await self._stir.wait()
            self._stir.clear()
            topics, self._to_tell = sorted(self._to_tell), set()
            if topics and not conn.is_closed():
                await conn.execute(
                    "SELECT pg_notify($1, topic) FROM unnest($2::text[]) AS topic", _CHANNEL, topics
                )
