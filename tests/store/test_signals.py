"""Wakes reach whoever waits, in this process and in others."""

import asyncio

import pytest

from builders import WEB
from muster.ports.signal import EVENTS, MARKS
from muster.store.connect import connect
from muster.store.signals import LocalSignal


async def woken(signal, topic, timeout_s=0.0):
    return await signal.wait(topic, timeout_s)


async def test_a_wake_before_is_remembered_once():
    signal = LocalSignal()
    signal.wake(MARKS)
    signal.wake(MARKS)
    assert await woken(signal, MARKS)
    assert not await woken(signal, MARKS)


async def test_topics_do_not_wake_each_other():
    signal = LocalSignal()
    signal.wake(EVENTS)
    assert not await woken(signal, MARKS)


async def test_everybody_who_waits_is_woken():
    signal = LocalSignal()
    waiting = [asyncio.create_task(woken(signal, EVENTS, 5)) for _ in range(3)]
    await asyncio.sleep(0)
    signal.wake(EVENTS)
    assert await asyncio.gather(*waiting) == [True, True, True]


async def test_whoever_was_busy_does_not_miss_what_another_was_woken_for():
    signal, busy, go_on = LocalSignal(), asyncio.Event(), asyncio.Event()

    async def slow():
        first = await woken(signal, EVENTS, 5)
        busy.set()
        await go_on.wait()
        return first, await woken(signal, EVENTS)

    async def quick():
        return [await woken(signal, EVENTS, 5) for _ in range(2)]

    tasks = asyncio.create_task(slow()), asyncio.create_task(quick())
    await asyncio.sleep(0)
    signal.wake(EVENTS)
    await busy.wait()
    signal.wake(EVENTS)
    assert await tasks[1] == [True, True]
    go_on.set()
    assert await tasks[0] == (True, True)


async def test_waiting_ends_with_its_time_and_leaves_nothing_behind():
    signal = LocalSignal()
    assert not await woken(signal, MARKS, 0.01)
    assert not signal._topics[MARKS].waiting


@pytest.mark.postgresql
async def test_a_write_in_one_process_wakes_another(postgres_url):
    """Two stores over one database stand for two processes."""
    here, there = (
        await connect(postgres_url, LocalSignal()),
        await connect(postgres_url, LocalSignal()),
    )
    try:
        async with asyncio.timeout(10):
            while not await there.signal.wait(MARKS, 0.05):
                here.signal.wake(MARKS)  # until both listen
        while await there.signal.wait(MARKS, 0.1):
            pass
        await here.write(lambda tx: tx.marks.mark(WEB))
        assert await there.signal.wait(MARKS, 5)
    finally:
        await here.close()
        await there.close()


@pytest.mark.postgresql
async def test_a_broken_line_is_taken_up_again(postgres_url):
    here, there = (
        await connect(postgres_url, LocalSignal()),
        await connect(postgres_url, LocalSignal()),
    )
    cut = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE pid <> pg_backend_pid() AND datname = current_database()"
    )
    try:
        async with asyncio.timeout(20):
            await there.signal.wait(MARKS, 5)  # woken in case, once it listens
            await here.write(lambda tx: tx._conn.exec_driver_sql(cut).all())
            while not await there.signal.wait(EVENTS, 0.05):
                here.signal.wake(EVENTS)
            assert await there.write(lambda tx: tx.marks.mark(WEB)) is None
    finally:
        await here.close()
        await there.close()
