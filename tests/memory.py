"""Stores in memory, as new ones are, without making every table each time."""

import sqlite3
from functools import cache

from sqlalchemy import Connection

from muster.base.clock import Clock, SystemClock
from muster.store import schema
from muster.store.signals import LocalSignal
from muster.store.sqlite import SqliteStore, engine
from muster.store.urls import SqliteFile
from muster.store.writer import dbapi

_HERE = SqliteFile(None)


async def in_memory(signal: LocalSignal, clock: Clock | None = None) -> SqliteStore:
    """Return an empty store, equal to what `connect` opens."""
    store = SqliteStore(_HERE, signal, clock or SystemClock())
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
