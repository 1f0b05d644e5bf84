"""The store on SQLite: one writer thread, and readers beside it."""

import asyncio
import contextlib
import errno
import os
import sqlite3
import threading
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine, NullPool, create_engine, event

from muster.base.clock import Clock
from muster.base.errors import Unavailable
from muster.ports.signal import Signal
from muster.ports.store import Transaction
from muster.store import sealing
from muster.store.bare import dbapi
from muster.store.failures import TROUBLE, forgotten, meaning
from muster.store.positions import Ledger, Places, Recent, Rows
from muster.store.sealing import Seal
from muster.store.transaction import SqlTransaction
from muster.store.urls import SqliteFile
from muster.store.writer import Writer

T = TypeVar("T")

_READERS = 4

_PRAGMAS = (
    "PRAGMA busy_timeout = 10000",
    "PRAGMA foreign_keys = ON",
    "PRAGMA synchronous = FULL",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -16000",
    "PRAGMA journal_size_limit = 67108864",
)
# Pages that a reader does not keep are in the system's cache anyway, once for all of them.
_READ_ONLY = ("PRAGMA query_only = ON", "PRAGMA cache_size = -2000")


def engine(place: SqliteFile, begin: str = "BEGIN IMMEDIATE") -> Engine:
    """Return an engine whose transactions begin as told, and none by itself."""
    made = create_engine("sqlite://", creator=lambda: _opened(place), poolclass=NullPool)
    event.listen(made, "begin", lambda conn: dbapi(conn).execute(begin))
    return made


def _opened(place: SqliteFile) -> sqlite3.Connection:
    if place.path is not None:
        _made(place.path)
    conn = sqlite3.connect(place.name, isolation_level=None, check_same_thread=False)
    for pragma in _PRAGMAS:
        conn.execute(pragma)
    return conn


# Note [Locks of a process]
# A file's locks belong to a process and not to who opened it: whoever closes the file once
# gives up the locks of every connection that this process has to it. The next program that
# looks into the database then takes itself for the last one, and removes the log of writes
# that the connections go on writing to; all of that would be lost with the process. So the
# file of the database is never opened here but by SQLite, once it is there.
def _made(path: Path) -> None:
    """Make the file, for us alone: keys and digests are in it. See Note [Locks of a process]."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not os.access(path, os.R_OK | os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))


class _Readers:
    """A few threads, each with a connection of its own that cannot write."""

    def __init__(self, made: Engine, clock: Clock) -> None:
        self._engine = made
        self._clock = clock
        self._mine = threading.local()
        self._open: list[Connection] = []
        self._pool = ThreadPoolExecutor(_READERS, "muster-reader")
        self._closed = False

    async def run(self, work: Callable[[SqlTransaction], T]) -> T:
        if self._closed:
            raise Unavailable("the store is closed")
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._read, work)

    async def stop(self) -> None:
        self._closed = True
        await asyncio.to_thread(self._pool.shutdown)
        for conn in self._open:
            conn.close()

    def _read(self, work: Callable[[SqlTransaction], T]) -> T:
        conn = self._connection()
        with conn.begin():
            return work(SqlTransaction(conn, self._clock))

    def _connection(self) -> Connection:
        conn: Connection | None = getattr(self._mine, "conn", None)
        if conn is None:
            conn = self._mine.conn = self._engine.connect()
            self._open.append(conn)
            for pragma in _READ_ONLY:
                dbapi(conn).execute(pragma)
        return conn


class SqliteStore:
    def __init__(
        self, place: SqliteFile, signal: Signal, clock: Clock, seal: Seal | None = None
    ) -> None:
        self.signal = signal
        self._seal = seal or Seal()
        self._recent = Recent()
        self._ledger = Ledger(self._write_pages, clock)
        self._keeping: set[asyncio.Task[None]] = set()
        self._writer = Writer(self._engine(place), clock)
        # In memory there is one connection, and so one thread for everything.
        beside = place.path is not None
        self._readers = _Readers(self._engine(place, "BEGIN"), clock) if beside else None

    def _engine(self, place: SqliteFile, begin: str = "BEGIN IMMEDIATE") -> Engine:
        made = engine(place, begin)
        event.listen(made, "connect", self._recent.lent)
        event.listen(made, "connect", self._seal.lent)
        return made

    async def open(self, prepare: Callable[[Connection], object]) -> None:
        await _in_our_words(self._writer.start(prepare))

    async def write(self, work: Callable[[Transaction], T]) -> T:
        result, topics = await _in_our_words(self._writer.run(work))
        for topic in topics:
            self.signal.wake(topic)
        answer: T = result
        return answer

    async def read(self, work: Callable[[Transaction], T]) -> T:
        def whole(tx: SqlTransaction) -> tuple[T, Mapping[str, Places]]:
            return work(tx), tx.pages_ended()

        try:
            answer, pages = await _in_our_words(self._answered(whole))
        except Unavailable as error:
            if not forgotten(error):
                raise
            answer, pages = await _in_our_words(self._answered(whole))
        if pages:
            self._keep(pages)
        return answer

    async def _answered(self, whole: Callable[[SqlTransaction], T]) -> T:
        if self._readers is not None:
            return await self._readers.run(whole)
        result, _ = await self._writer.run(whole, reads=True)
        answer: T = result
        return answer

    def _keep(self, pages: Mapping[str, Places]) -> None:
        """Remember where pages ended, and write it down soon. See Note [Where pages end]."""
        self._recent.keep(pages)
        writing = asyncio.create_task(self._ledger.keep(pages))
        self._keeping.add(writing)
        writing.add_done_callback(self._keeping.discard)

    async def _write_pages(self, rows: Rows, before: int | None) -> None:
        await self._writer.run(lambda tx: tx.keep_pages(rows, before))

    async def change_key(self, *, forget: bool) -> tuple[int, int]:
        """See Note [While keys are changed]."""
        path = self._seal.path
        if path is None:
            return 0, 0

        def work(tx: Transaction) -> int:
            sealing.rotated(path)
            return tx.seal_anew()

        async with sealing.in_turn(path):
            rows = await self.write(work)
            return rows, sealing.forgotten(path) if forget else 0

    async def close(self) -> None:
        if self._readers is not None:
            await self._readers.stop()
        await asyncio.gather(*self._keeping)
        await self._writer.stop()


async def _in_our_words(running: Awaitable[T]) -> T:
    try:
        return await running
    except TROUBLE as error:
        said = meaning(error)
        if said is None:
            raise
        raise said from error
