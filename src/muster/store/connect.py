"""Opening the store that a URL names, with its schema brought up to date."""

import asyncio
from typing import TYPE_CHECKING

from muster.base.clock import Clock, SystemClock
from muster.store import schema
from muster.store.signals import LocalSignal
from muster.store.sqlite import SqliteStore
from muster.store.urls import SqliteFile, parsed

if TYPE_CHECKING:
    from muster.store.postgres import PostgresStore


async def connect(
    url: str, signal: LocalSignal, clock: Clock | None = None
) -> "SqliteStore | PostgresStore":
    """Return the store, ready; its `signal` is the one to wait on.

    A new or older database is brought to our schema. Raises `Invalid` for a URL that is
    none, `SchemaMismatch` for a newer database, `Unavailable` for one that does not answer.
    `clock` says when a cluster was marked, for the lag; nothing else depends on it.
    """
    place = parsed(url)
    if isinstance(place, SqliteFile):
        store = SqliteStore(place, signal, clock or SystemClock())
        await store.open(lambda conn: schema.prepared(conn, place))
        return store
    if (await asyncio.to_thread(schema.check, url)).condition is not schema.Condition.CURRENT:
        await asyncio.to_thread(schema.upgrade, url)
    # See Note [Imported when needed].
    from muster.store.postgres import PostgresStore

    return PostgresStore(place, signal, clock or SystemClock())
