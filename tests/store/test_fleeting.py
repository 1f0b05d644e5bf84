"""What need not be on disk before it is told does not wait for the disk; all else does."""

import asyncio
from pathlib import Path

import pytest

from muster.ports.fleeting import Fleeting
from muster.store.connect import connect
from muster.store.signals import LocalSignal

WAITS, DOES_NOT = 2, 1  # as SQLite numbers FULL and NORMAL


def level(tx) -> int:
    """Return whether the transaction that this is part of waits for the disk."""
    [(found,)] = tx.nodes._conn.exec_driver_sql("PRAGMA synchronous").all()
    return found


@pytest.fixture
async def store(tmp_path: Path):
    opened = await connect(f"sqlite:///{tmp_path}/muster.db", LocalSignal())
    yield opened
    await opened.close()


async def test_only_what_may_be_forgotten_does_not_wait_for_the_disk(store) -> None:
    works = (level, Fleeting(level), Fleeting(level), level)
    assert [await store.write(each) for each in works] == [WAITS, DOES_NOT, DOES_NOT, WAITS]


async def test_what_is_committed_with_something_that_lasts_waits_with_it(store) -> None:
    many = [store.write(level if n % 7 == 3 else Fleeting(level)) for n in range(200)]
    found = await asyncio.gather(*many)
    assert all(found[n] == WAITS for n in range(200) if n % 7 == 3)


async def test_it_is_done_all_the_same(store) -> None:
    await store.write(Fleeting(lambda tx: tx.settings.put("who", "me")))
    assert await store.read(lambda tx: tx.settings.get("who")) == "me"
