"""Fixtures that several parts share."""

from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import pytest

import patience
import postgres
from muster.store.connect import connect
from muster.store.postgres import PostgresStore
from muster.store.signals import LocalSignal
from muster.store.sqlite import SqliteStore

patience.load()

Opened = SqliteStore | PostgresStore

STORES = [
    "sqlite-file",
    "sqlite-memory",
    pytest.param("postgresql", marks=pytest.mark.postgresql),
]

_databases = count(1)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    """Run one PostgreSQL for all tests, or skip naming what to install."""
    with postgres.running() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: postgres.Server) -> str:
    """Return the URL of an empty database of this test's own."""
    return postgres_server.new_database(f"test{next(_databases)}")


@pytest.fixture(params=STORES)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty database, of every kind in turn."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return "sqlite:///:memory:" if "memory" in request.param else f"sqlite:///{tmp_path}/muster.db"


@pytest.fixture
async def any_store(store_url: str) -> AsyncIterator[Opened]:
    """Return an empty store, of every kind in turn."""
    opened = await connect(store_url, LocalSignal())
    yield opened
    await opened.close()
