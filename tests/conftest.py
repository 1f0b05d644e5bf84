"""Fixtures that several parts share."""

from collections.abc import Iterator
from itertools import count

import pytest

import postgres

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
