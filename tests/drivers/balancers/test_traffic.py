"""What clients notice of changes: nothing."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest

import traffic
from drivers.balancers.beds import Bed, member, shown
from muster.model.pool import MemberState, PoolWanted

ENOUGH = 5000
CLIENTS = 20


@pytest.mark.slow
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_storm_of_changes_loses_no_request_and_no_connection(bed: Bed, method: str) -> None:
    apps = [await bed.app() for _ in range(6)]
    pool = await bed.good(*apps)
    crowd = traffic.Crowd(pool.address, pool.port, method)
    changes = 0
    async with crowd.asking(CLIENTS):
        while crowd.answered < ENOUGH or changes <= 5:
            serving = apps[changes % 3 : changes % 3 + 3]
            await bed.put(*serving)
            changes += 1
            await asyncio.sleep(0.1)
    assert not crowd.failed
    assert crowd.connected == CLIENTS


async def test_another_pool_that_comes_and_goes_is_not_noticed(bed: Bed) -> None:
    one = await bed.app()
    pool = await bed.good(one)
    crowd = traffic.Crowd(pool.address, pool.port)
    async with crowd.asking(CLIENTS):
        for _ in range(5):
            other = replace(bed.front, cluster_id=uuid4())
            await bed.balancer.put_pool(PoolWanted(front=other, members=(member(one),)))
            await bed.balancer.remove_pool(other.cluster_id)
    assert not crowd.failed
    assert crowd.connected == CLIENTS


async def test_a_draining_member_finishes_what_it_has_and_gets_nothing_new(bed: Bed) -> None:
    going, staying = await bed.app(), await bed.app()
    await bed.good(going, staying)
    held = [asyncio.create_task(bed.ask(f"/hold?on={going.address}")) for _ in range(8)]
    await traffic.until(lambda: _arrived(going, staying, requests=8))
    had = going.requests
    pool = await bed.put(staying, drain=(going,))
    assert shown(pool, going).state is MemberState.DRAIN
    assert shown(pool, going).open_requests > 0
    answers = [await bed.ask() for _ in range(20)]
    assert {answer.body.decode() for answer in answers} == {staying.name}
    assert going.requests == had
    going.release.set()
    assert {answer.status for answer in await asyncio.gather(*held)} == {200}

    async def run_out() -> bool:
        return shown(await bed.seen(), going).open_requests == 0

    await traffic.until(run_out)


async def _arrived(*apps: traffic.App, requests: int) -> bool:
    return sum(app.requests for app in apps) == requests


async def test_who_is_taken_back_while_draining_serves_again(bed: Bed) -> None:
    one, two = await bed.app(), await bed.app()
    await bed.good(one, two)
    await bed.put(two, drain=(one,))
    await bed.good(one, two)
    had = one.requests

    async def asked_again() -> bool:
        await bed.ask()
        return one.requests > had

    await traffic.until(asked_again)


async def test_a_long_answer_survives_changes_and_the_removal_of_its_member(bed: Bed) -> None:
    going, staying = await bed.app(), await bed.app()
    pool = await bed.good(going)
    reader, writer = await asyncio.open_connection(pool.address, pool.port)
    writer.write(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(b"tick\n")
    await bed.put(staying, drain=(going,))
    await bed.put(staying)
    await reader.readuntil(b"tick\n")
    going.release.set()
    assert await reader.readuntil(b"end\n")
    writer.close()


async def test_an_upgraded_connection_survives_changes_and_counts_as_open(bed: Bed) -> None:
    going, staying = await bed.app(), await bed.app()
    pool = await bed.good(going)
    reader, writer = await asyncio.open_connection(pool.address, pool.port)
    writer.write(b"GET /echo HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
    assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
    pool = await bed.put(staying, drain=(going,))
    assert shown(pool, going).open_requests == 1
    writer.write(b"still there\n")
    assert await reader.readline() == b"still there\n"
    writer.close()


async def test_a_newcomer_gets_nothing_before_it_is_well(bed: Bed) -> None:
    old, new = await bed.app(), await bed.app()
    await bed.good(old)
    new.sick = True
    await bed.put(old, new)
    assert {(await bed.ask()).status for _ in range(30)} == {200}
    assert new.requests == 0
    new.sick = False

    async def asked() -> bool:
        await bed.ask()
        return new.requests > 0

    await traffic.until(asked)


async def test_a_member_that_died_costs_no_request(bed: Bed) -> None:
    dying, staying = await bed.app(), await bed.app()
    await bed.good(dying, staying)
    dying.close()
    assert {(await bed.ask()).status for _ in range(20)} == {200}
