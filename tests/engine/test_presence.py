"""Which engines are there: each says so, leaves politely, and is forgotten if it did not."""

import asyncio
from typing import Any

import pytest

from muster.base.clock import ManualClock
from muster.engine.pace import EnginePace
from muster.engine.presence import FORGOTTEN
from muster.engine.worker import Engine
from muster.ports.store import Query
from muster.store.signals import LocalSignal
from traffic import until


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def engine(store: Any, clock: ManualClock, owner: str = "here/1") -> Engine:
    return Engine(store, {}, clock, LocalSignal(), EnginePace(owner=owner))


async def there(store: Any) -> list[Any]:
    found: list[Any] = await store.read(lambda tx: tx.engines.find(Query(sort=(("host", False),))))
    return found


async def test_an_engine_has_one_row_however_often_it_speaks(any_store, clock):
    one = engine(any_store, clock)
    await one.ticks.presence.tell()
    clock.advance(10)
    await one.ticks.presence.tell()
    (seen,) = await there(any_store)
    assert seen.host == "here"
    assert (clock.now() - seen.started_at).total_seconds() == 10
    assert seen.seen_at == clock.now()


async def test_engines_are_told_apart(any_store, clock):
    for owner in ("here/1", "there/1"):
        await engine(any_store, clock, owner).ticks.presence.tell()
    assert [each.host for each in await there(any_store)] == ["here", "there"]


async def test_an_engine_that_runs_is_there_and_one_that_stops_is_not(any_store, clock):
    one, stop = engine(any_store, clock), asyncio.Event()
    running = asyncio.create_task(one.run(stop))
    await until(lambda: there(any_store))
    stop.set()
    await running
    assert await there(any_store) == []


async def test_one_that_died_is_seen_for_a_while_and_then_forgotten(any_store, clock):
    dead, alive = engine(any_store, clock, "a/1"), engine(any_store, clock, "b/1")
    await dead.ticks.presence.tell()
    clock.advance(120)
    await alive.ticks.presence.tell()
    assert [each.host for each in await there(any_store)] == ["a", "b"]
    clock.advance(FORGOTTEN.total_seconds())
    await alive.ticks.presence.tell()
    assert [each.host for each in await there(any_store)] == ["b"]
