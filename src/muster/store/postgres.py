"""The store on PostgreSQL: a pool of connections, and works that run again if they lose."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection, NullPool, event, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from muster.base.clock import Clock
from muster.base.errors import Unavailable
from muster.ports.store import Transaction
from muster.store import sealing
from muster.store.failures import TROUBLE, again, broken, forgotten, meaning
from muster.store.listening import PostgresSignal
from muster.store.positions import Ledger, Places, Rows, taken, write
from muster.store.resealing import resealed
from muster.store.sealing import Seal
from muster.store.signals import LocalSignal
from muster.store.transaction import SqlTransaction
from muster.store.urls import PostgresServer

T = TypeVar("T")

_TRIES = 12
_TURN = text("SELECT pg_advisory_xact_lock(5059, 2)")
_ARGUMENTS = {
    "timeout": 10,
    "command_timeout": 120,
    "server_settings": {"application_name": "muster", "jit": "off"},
}


def engine(place: PostgresServer) -> AsyncEngine:
    return create_async_engine(
        place.url,
        isolation_level="REPEATABLE READ",
        pool_size=8,
        max_overflow=8,
        connect_args=_ARGUMENTS,
    )


def one_off(place: PostgresServer) -> AsyncEngine:
    """Return an engine each of whose statements sees all that was committed before it."""
    return create_async_engine(
        place.url, isolation_level="READ COMMITTED", poolclass=NullPool, connect_args=_ARGUMENTS
    )


# Note [Losing and trying again]
# Works run under snapshot isolation: of two that change the same row the later one is
# told so, and runs again on what it then sees. A work that has lost once takes its turn
# among all that have lost, in every process, so that a crowd that wants one row gets
# through one by one instead of losing to each other for ever. The lock for that is on a
# connection of its own: taken on the work's, it would come with an older view. A
# connection that breaks before the commit was sent is tried again too: nothing has
# happened. After that nobody knows, and the caller is told instead.
class PostgresStore:
    """See Note [Losing and trying again]."""

    def __init__(
        self, place: PostgresServer, signal: LocalSignal, clock: Clock, seal: Seal | None = None
    ) -> None:
        self.signal = PostgresSignal(signal, place.arguments)
        self._clock = clock
        self._place, self._seal = place, seal or Seal()
        self._writing = engine(place)
        event.listen(self._writing.sync_engine, "connect", self._seal.lent)
        self._reading = self._writing.execution_options(postgresql_readonly=True)
        self._apart = self._writing.execution_options(isolation_level="AUTOCOMMIT")
        self._ledger = Ledger(self._write_pages, clock)
        self._in_turn = asyncio.Lock()

    async def write(self, work: Callable[[Transaction], T]) -> T:
        def whole(conn: Connection) -> tuple[T, frozenset[str]]:
            tx = SqlTransaction(conn, self._clock)
            return work(tx), tx.finish()

        result, topics = await self._tried(self._writing, whole)
        for topic in topics:
            self.signal.wake(topic)
        return result

    async def read(self, work: Callable[[Transaction], T]) -> T:
        def whole(conn: Connection) -> tuple[T, Mapping[str, Places]]:
            return work(SqlTransaction(conn, self._clock)), taken(conn)

        answer, pages = await self._tried(self._reading, whole)
        if pages:
            await self._ledger.keep(pages)
        return answer

    async def _write_pages(self, rows: Rows, before: int | None) -> None:
        async with self._apart.connect() as conn:
            await conn.run_sync(write, rows, before)

    async def change_key(self, *, forget: bool) -> tuple[int, int]:
        """See Note [While keys are changed]."""
        path = self._seal.path
        if path is None:
            return 0, 0
        apart = one_off(self._place)
        event.listen(apart.sync_engine, "connect", self._seal.lent)
        try:
            async with sealing.in_turn(path), apart.connect() as conn:
                await conn.execute(sealing.ALONE)
                sealing.rotated(path)
                rows = await conn.run_sync(resealed)
                await conn.commit()
                return rows, sealing.forgotten(path) if forget else 0
        except TROUBLE as error:
            raise (meaning(error) or error) from error

    async def close(self) -> None:
        await self.signal.close()
        await self._writing.dispose()

    async def _tried(self, on: AsyncEngine, work: Callable[[Connection], T]) -> T:
        attempt = 0
        while True:
            attempt += 1
            try:
                async with self._turn(attempt), on.connect() as conn:
                    answer = await conn.run_sync(work)
                    await _told_plainly(conn.commit())
                    return answer
            except Unavailable as error:
                if not forgotten(error) or attempt > 1:
                    raise
            except TROUBLE as error:
                if again(error) and attempt < _TRIES:
                    continue
                if broken(error) and attempt == 1:
                    continue
                raise (meaning(error) or error) from error

    @asynccontextmanager
    async def _turn(self, attempt: int) -> AsyncIterator[None]:
        """Hold the lock of those who have lost, from the second attempt on."""
        if attempt == 1:
            yield
            return
        async with self._in_turn, self._writing.connect() as keeper:
            await keeper.execute(_TURN)
            yield


async def _told_plainly(commit: Awaitable[Any]) -> None:
    """Commit, and name what goes wrong so that it is not tried again."""
    try:
        await commit
    except TROUBLE as error:
        raise (meaning(error) or error) from error
