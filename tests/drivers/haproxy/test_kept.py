"""Plain TCP, and clients that are kept with a member."""

import asyncio
import os
import re
import signal
from dataclasses import replace

import pytest

import traffic
from drivers.balancers.beds import Bed, shown
from drivers.haproxy.workers import workers
from muster.model.pool import Condition, MemberState, Persistence, Traffic


async def said(bed: Bed) -> str:
    """Return who answers over a connection that ends when the client hangs up; "" if nobody."""
    kept = bed.folder.kept()
    assert kept
    reader, writer = await asyncio.open_connection(kept.address, kept.port)
    try:
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        return (await reader.readexactly(length)).decode()
    except (OSError, asyncio.IncompleteReadError):
        return ""
    finally:
        writer.close()


async def test_tcp_goes_through_as_it_is_and_is_counted(bed: Bed) -> None:
    bed.front = replace(bed.front, traffic=Traffic.TCP)
    one, two = await bed.app(), await bed.app()
    before = await bed.good(one, two)
    for _ in range(10):
        assert await said(bed)
    after = await bed.seen()
    assert after.requests - before.requests == 10
    assert shown(after, one).requests + shown(after, two).requests >= 10
    assert after.errors == before.errors


async def test_a_tcp_member_that_does_not_listen_is_sick_and_gets_nothing(bed: Bed) -> None:
    bed.front = replace(bed.front, traffic=Traffic.TCP)
    one, two = await bed.app(), await bed.app()
    await bed.good(one, two)
    two.close()
    await bed.condition(Condition.BAD, two)
    assert {await said(bed) for _ in range(6)} == {one.name}


async def test_a_tcp_connection_outlives_changes_of_members_and_of_the_front(bed: Bed) -> None:
    bed.front = replace(bed.front, traffic=Traffic.TCP)
    one, two, three = await bed.app(), await bed.app(), await bed.app()
    pool = await bed.good(one)
    reader, writer = await asyncio.open_connection(pool.address, pool.port)
    writer.write(b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    await bed.put(two, three, drain=(one,))
    bed.front = replace(bed.front, method="round_robin")
    pool = await bed.put(two, three, drain=(one,))
    assert shown(pool, one).state is MemberState.DRAIN
    assert shown(pool, one).open_requests == 1  # of the worker before
    await bed.balancer.close()
    bed.balancer = await bed.another()
    assert shown(await bed.seen(), one).open_requests == 1
    await bed.put(two, three)
    writer.write(b"still there\n")
    assert await reader.readline() == b"still there\n"
    writer.close()

    async def one_worker() -> bool:
        return len(await workers(bed)) == 1

    await traffic.until(one_worker)


async def test_no_members_means_a_closed_connection_and_an_error(bed: Bed) -> None:
    bed.front = replace(bed.front, traffic=Traffic.TCP)
    await bed.put()
    assert await said(bed) == ""
    pool = await bed.seen()
    assert (pool.requests, pool.errors) == (1, 1)


async def asked(bed: Bed, cookie: str = "", reply: str = "") -> tuple[str, str]:
    """Return who has answered, and what cookie came with it."""
    kept = bed.folder.kept()
    assert kept
    reader, writer = await asyncio.open_connection(kept.address, kept.port)
    head = f"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{cookie}\r\n"
    writer.write(head.encode())
    answer = (await reader.read()).decode()
    writer.close()
    given = re.search(r"(?im)^set-cookie: ([^;\r]+)", answer)
    return answer.partition("\r\n\r\n")[2], given[1] if given else ""


async def test_a_cookie_of_ours_keeps_a_client_with_his_member(bed: Bed) -> None:
    bed.front = replace(bed.front, persistence=Persistence.HTTP_COOKIE, cookie="who")
    apps = [await bed.app() for _ in range(4)]
    await bed.good(*apps)
    for _ in range(3):
        member, given = await asked(bed)
        assert given.startswith("who=")
        told = {await asked(bed, f"Cookie: {given}\r\n") for _ in range(6)}
        assert told == {(member, "")}


async def test_who_is_kept_stays_through_a_reload_and_moves_when_his_member_drains(
    bed: Bed,
) -> None:
    bed.front = replace(bed.front, persistence=Persistence.HTTP_COOKIE)
    apps = [await bed.app() for _ in range(3)]
    await bed.good(*apps)
    member, given = await asked(bed)
    line = f"Cookie: {given}\r\n"
    [before] = await workers(bed)
    os.kill(bed.pid, signal.SIGUSR2)

    async def reloaded() -> bool:
        return (await workers(bed))[0] != before

    await traffic.until(reloaded)
    assert {(await asked(bed, line))[0] for _ in range(6)} == {member}
    going = next(app for app in apps if app.name == member)
    staying = [app for app in apps if app is not going]
    had = going.requests
    await bed.put(*staying, drain=(going,))
    [moved] = {(await asked(bed, line))[0] for _ in range(6)}
    assert moved != member
    assert going.requests == had


async def test_an_address_keeps_a_client_with_his_member(bed: Bed) -> None:
    bed.front = replace(bed.front, persistence=Persistence.SOURCE_IP, traffic=Traffic.TCP)
    apps = [await bed.app() for _ in range(4)]
    await bed.good(*apps)
    assert len({await said(bed) for _ in range(8)}) == 1


@pytest.mark.parametrize("method", ["least_conn", "round_robin", "source_ip"])
async def test_each_method_spreads_as_it_says(bed: Bed, method: str) -> None:
    bed.front = replace(bed.front, method=method)
    apps = [await bed.app() for _ in range(3)]
    await bed.good(*apps)
    told = {(await bed.ask()).body for _ in range(12)}
    assert len(told) == (1 if method == "source_ip" else 3)
