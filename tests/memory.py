"""Stores in memory, as new ones are, without making every table each time."""

import asyncio
import sqlite3
from collections.abc import Callable
from functools import cache
from typing import Any

from sqlalchemy import Connection, Engine

from muster.base.clock import Clock, SystemClock
from muster.base.errors import Unavailable
from muster.ports.store import Transaction
from muster.store import schema
from muster.store.bare import dbapi
from muster.store.positions import Recent
from muster.store.signals import LocalSignal
from muster.store.sqlite import SqliteStore, engine
from muster.store.urls import SqliteFile
from muster.store.writer import Answer, Writer, _Job

_HERE = SqliteFile(None)


# Note [At once]
# A database in memory has nothing to wait for, and handing each work to a thread costs more than
# most works do. Here a work is done by whoever asks, after others had their turn. Everything else
# of the writer stays: savepoints, what fails alone, reading without writing. The contracts and
# the tests of the store run over the thread.
class _AtOnce(Writer):
    """A writer without a thread. See Note [At once]."""

    def __init__(self, clock: Clock, recent: Recent) -> None:
        super().__init__(_engine(), clock)
        self._recent = recent

    async def start(self, prepare: Callable[[Connection], object]) -> None:
        self._conn = self._engine.connect()
        self._recent.lent(None, self._conn)
        prepare(self._conn)

    def copied(self) -> sqlite3.Connection:
        """Return a database that holds what this one does now."""
        copy = sqlite3.connect(":memory:", check_same_thread=False)
        dbapi(self._conn).backup(copy)
        return copy

    async def run(self, work: Callable[[Transaction], Any], *, reads: bool = False) -> Answer:
        await asyncio.sleep(0)
        if self._closed:
            raise Unavailable("the store is closed")
        job = self._job(work)
        job.reads = reads
        self._commit([job])
        job.settle()
        return await job.future

    def _attempt(self, job: _Job) -> None:
        if not job.reads:
            super()._attempt(job)
            return
        with job.trial:  # nothing can have been written that would be undone
            job.answer = self._worked(job)

    def _sync(self, waits: bool) -> None:
        """There is no disk to wait for."""

    async def stop(self) -> None:
        if not self._closed:
            self._closed = True
            self._conn.close()


class _Store(SqliteStore):
    def __init__(self, signal: LocalSignal, clock: Clock) -> None:
        super().__init__(_HERE, signal, clock)
        self._writer = self._alone = _AtOnce(clock, self._recent)

    def _engine(self, place: SqliteFile, begin: str = "") -> Engine:
        return _engine()

    def copied(self) -> sqlite3.Connection:
        return self._alone.copied()


async def in_memory(
    signal: LocalSignal, clock: Clock | None = None, like: sqlite3.Connection | None = None
) -> _Store:
    """Return a store equal to what `connect` opens: an empty one, or a copy of `like`."""
    store = _Store(signal, clock or SystemClock())
    start = like or _prepared()
    await store.open(lambda conn: start.backup(dbapi(conn)))
    return store


@cache
def _engine() -> Engine:
    """Return the one engine of all stores: each of its connections is a database of its own."""
    return engine(_HERE)


@cache
def _prepared() -> sqlite3.Connection:
    with _engine().connect() as conn:
        schema.prepared(conn, _HERE)
        copy = sqlite3.connect(":memory:", check_same_thread=False)
        dbapi(conn).backup(copy)
    return copy
