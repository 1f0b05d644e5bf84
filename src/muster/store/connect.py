"""Opening the store that a URL names, with its schema brought up to date."""

import asyncio
from typing import TYPE_CHECKING, TypeVar

from muster.base.clock import Clock, SystemClock
from muster.base.errors import MusterError
from muster.ports.store import Store
from muster.store import schema
from muster.store.sealing import Seal
from muster.store.signals import LocalSignal
from muster.store.sqlite import SqliteStore
from muster.store.urls import SqliteFile, parsed

if TYPE_CHECKING:
    from muster.store.postgres import PostgresStore

Opened = TypeVar("Opened", bound=Store)


async def connect(
    url: str, signal: LocalSignal, clock: Clock | None = None, seal: Seal | None = None
) -> "SqliteStore | PostgresStore":
    """Return the store, ready; its `signal` is the one to wait on.

    A new or older database is brought to our schema. Raises `Invalid` for a URL that is
    none, `SchemaMismatch` for a newer database, `Unavailable` for one that does not answer.
    `clock` says when a cluster was marked, for the lag; nothing else depends on it. What is
    secret is sealed by `seal`, also what is there and was not; without one it lies in clear.
    """
    place = parsed(url)
    if isinstance(place, SqliteFile):
        store = SqliteStore(place, signal, clock or SystemClock(), seal)
        await store.open(lambda conn: schema.prepared(conn, place))
        return await _sealed(store)
    if (await asyncio.to_thread(schema.check, url)).condition is not schema.Condition.CURRENT:
        await asyncio.to_thread(schema.upgrade, url)
    # See Note [Imported when needed].
    from muster.store.postgres import PostgresStore

    return await _sealed(PostgresStore(place, signal, clock or SystemClock(), seal))


async def _sealed(store: Opened) -> Opened:
    """Return the store once everything in it is sealed that is to be."""
    try:
        await store.write(lambda tx: tx.seal_anew())
    except MusterError:
        await store.close()
        raise
    return store
