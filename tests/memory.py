"""Stores in memory, as new ones are, without making every table each time."""

import asyncio
import sqlite3
from collections.abc import Callable
from functools import cache
from typing import Any

from sqlalchemy import Connection

from muster.base.clock import Clock, SystemClock
from muster.base.errors import Unavailable
from muster.ports.store import Transaction
from muster.store import schema
from muster.store.bare import dbapi
from muster.store.signals import LocalSignal
from muster.store.sqlite import SqliteStore, engine
from muster.store.urls import SqliteFile
from muster.store.writer import Answer, Writer

_HERE = SqliteFile(None)


# Note [At once]
# A database in memory has nothing to wait for, and handing each work to a thread costs more than
# most works do. Here a work is done by whoever asks, after others had their turn. Everything else
# of the writer stays: savepoints, what fails alone, reading without writing. The contracts and
# the tests of the store run over the thread.
class _AtOnce(Writer):
    """A writer without a thread. See Note [At once]."""

    async def start(self, prepare: Callable[[Connection], object]) -> None:
        self._conn = self._engine.connect()
        prepare(self._conn)

    async def run(self, work: Callable[[Transaction], Any], *, reads: bool = False) -> Answer:
        await asyncio.sleep(0)
        if self._closed:
            raise Unavailable("the store is closed")
        job = self._job(work)
        job.reads = reads
        self._commit([job])
        job.settle()
        return await job.future

    async def stop(self) -> None:
        if not self._closed:
            self._closed = True
            self._conn.close()


class _Store(SqliteStore):
    def __init__(self, signal: LocalSignal, clock: Clock) -> None:
        super().__init__(_HERE, signal, clock)
        self._writer = _AtOnce(self._writer._engine, clock)


async def in_memory(signal: LocalSignal, clock: Clock | None = None) -> SqliteStore:
    """Return an empty store, equal to what `connect` opens."""
    store = _Store(signal, clock or SystemClock())
    await store.open(_copied)
    return store


def _copied(conn: Connection) -> None:
    _prepared().backup(dbapi(conn))


@cache
def _prepared() -> sqlite3.Connection:
    with engine(_HERE).connect() as conn:
        schema.prepared(conn, _HERE)
        copy = sqlite3.connect(":memory:", check_same_thread=False)
        dbapi(conn).backup(copy)
    return copy
