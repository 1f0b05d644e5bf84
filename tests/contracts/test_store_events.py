"""What every store promises about events: nothing is skipped, whoever commits first."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from builders import NOW, WEB
from muster.base.clock import SystemClock
from muster.base.ids import new_id
from muster.model.event import About, Event, Level
from muster.ports.signal import EVENTS, MARKS
from muster.ports.store import Query
from muster.store.connect import connect
from muster.store.postgres import PostgresStore, engine
from muster.store.signals import LocalSignal
from muster.store.transaction import SqlTransaction
from muster.store.urls import parsed


@pytest.fixture
def store(any_store):
    return any_store


def an_event(**but):
    plain = {
        "id": new_id(),
        "at": NOW,
        "kind": "cluster.created",
        "otype": About.CLUSTER,
        "oid": WEB,
        "oname": "web",
        "cluster_id": WEB,
        "project": "demo",
    }
    return Event(**plain | but)


def append(store, *events):
    return store.write(lambda tx: tx.events.append(*events))


def after(store, seq, limit=100, project=None):
    return store.read(lambda tx: tx.events.after(seq, limit, project))


async def test_events_are_read_in_the_order_they_were_appended(store):
    events = [an_event(done=i, total=500) for i in range(500)]
    await append(store, *events[:300])
    await append(store, *events[300:])
    got = await after(store, 0, 1000)
    assert [each.id for each in got] == [each.id for each in events]
    assert [each.seq for each in got] == sorted({each.seq for each in got})
    assert await store.read(lambda tx: tx.events.newest()) == got[-1].seq
    assert await after(store, got[-1].seq) == []
    assert [each.done for each in await after(store, got[9].seq, 2)] == [10, 11]


async def test_a_project_sees_its_own_events_only(store):
    mine, theirs = an_event(project="mine"), an_event(project="theirs")
    await append(store, theirs, mine, theirs)
    assert [each.id for each in await after(store, 0, 10, "mine")] == [mine.id]


async def test_an_event_appended_twice_is_there_once(store):
    event = an_event()
    await append(store, event)
    await append(store, event)
    assert len(await after(store, 0)) == 1


async def test_events_of_a_work_are_seen_by_it(store):
    event = an_event()

    def work(tx):
        tx.events.append(event)
        return tx.events.newest(), tx.events.get(event.id), tx.events.count(Query())

    newest, found, count = await store.write(work)
    assert (found.id, found.seq, count) == (event.id, newest, 1)


async def test_events_are_searched_by_what_they_are_about(store):
    levels = [Level.ERROR, Level.DEBUG, Level.WARN, Level.CRITICAL, Level.INFO]
    events = [an_event(id=UUID(int=i), level=level, oname=level) for i, level in enumerate(levels)]
    await append(store, *events)

    async def found(**query):
        return [each.level for each in await store.read(lambda tx: tx.events.find(Query(**query)))]

    by_weight = await found(sort=(("level", False),))
    assert by_weight == [Level.DEBUG, Level.INFO, Level.WARN, Level.ERROR, Level.CRITICAL]
    heavier = await found(sort=(("level", True),), marker=UUID(int=0))
    assert heavier == [Level.WARN, Level.INFO, Level.DEBUG]
    assert await found(where={"level": ("WARN",)}) == [Level.WARN]
    assert await found(where={"otype": ("NODE",)}) == []
    assert await found(where={"cluster_id": (WEB,), "oname": ("INFO",)}) == [Level.INFO]
    assert await found(id_prefix="00000000-0000-0000-0000-000000000003") == [Level.CRITICAL]
    ids = await store.read(lambda tx: tx.events.find(Query(sort=(("timestamp", False),), limit=2)))
    assert [each.id.int for each in ids] == [0, 1]


async def test_trimming_takes_the_old_ones_and_their_numbers_are_not_given_again(store):
    old, new = an_event(at=NOW - timedelta(days=2)), an_event()
    await append(store, new)
    await append(store, old)
    last = await store.read(lambda tx: tx.events.newest())
    assert await store.write(lambda tx: tx.events.trim(NOW)) == 1
    assert [each.id for each in await after(store, 0)] == [new.id]
    await append(store, an_event())
    assert await store.read(lambda tx: tx.events.newest()) > last


async def test_an_event_that_was_undone_is_never_seen(store):
    def work(tx):
        tx.events.append(an_event())
        tx.events.newest()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.write(work)
    assert await after(store, 0) == []


async def test_followers_of_many_writers_see_every_event_once_and_in_order(store):
    writers, each = 8, 12

    async def write(i):
        for k in range(each):
            await append(store, an_event(done=k, total=i), an_event(done=k, total=i))

    async def follow():
        seen = []
        while len(seen) < 2 * writers * each:
            seen += await after(store, seen[-1].seq if seen else 0, 7)
            await asyncio.sleep(0)
        return seen

    async with asyncio.timeout(30):
        seen, *_ = await asyncio.gather(follow(), *(write(i) for i in range(writers)))
    assert len({event.id for event in seen}) == 2 * writers * each
    for i in range(writers):
        own = [event.done for event in seen if event.total == i]
        assert own == sorted(own)


@pytest.mark.postgresql
@pytest.mark.parametrize("ends", ["commit", "rollback"])
async def test_a_later_event_waits_until_the_earlier_one_is_decided(postgres_url, ends):
    """The earlier transaction has its number and commits, or not, when it likes."""
    store = await connect(postgres_url, LocalSignal())
    apart = engine(parsed(postgres_url))
    try:
        async with apart.connect() as slow:
            first, second = an_event(), an_event()

            def begin(conn):
                tx = SqlTransaction(conn, SystemClock())
                tx.events.append(first)
                tx.finish()

            await slow.run_sync(begin)
            later = asyncio.create_task(append(store, second))
            async with asyncio.timeout(10):
                while not await waiting_for_a_lock(apart):
                    assert not later.done()
            assert await after(store, 0) == []
            await getattr(slow, ends)()
            await later
        expected = [first.id, second.id] if ends == "commit" else [second.id]
        assert [event.id for event in await after(store, 0)] == expected
    finally:
        await apart.dispose()
        await store.close()


async def waiting_for_a_lock(apart):
    query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    async with create_async_engine(apart.url).connect() as conn:
        return (await conn.exec_driver_sql(query)).scalar()


async def test_a_write_wakes_for_what_it_wrote_and_for_nothing_else(store):
    async def woken(topic):
        return await store.signal.wait(topic, 0)

    if isinstance(store, PostgresStore):
        await store.signal.wait(EVENTS, 10)  # in case, once it listens
        await woken(MARKS)
    await store.write(lambda tx: tx.settings.put("a", "b"))
    assert (await woken(MARKS), await woken(EVENTS)) == (False, False)
    await store.write(lambda tx: tx.marks.mark(WEB))
    assert (await woken(MARKS), await woken(EVENTS)) == (True, False)
    await append(store, an_event())
    assert (await woken(MARKS), await woken(EVENTS)) == (False, True)
