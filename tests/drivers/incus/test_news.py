"""News of members: heard by whoever can be heard, and never relied upon."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from time import monotonic
from typing import Any

import anyio
import pytest

from drivers.incus.members import Site, kill, opened
from drivers.incus.tellers import DEADLINE_S, OURS, Teller, telling
from muster.drivers.incus.lines import Lines
from muster.drivers.incus.news import TELLING, News
from muster.drivers.incus.options import Options
from muster.drivers.incus.rest import Rest
from muster.model.observed import Seen
from testbed.incus import machine


@pytest.fixture
async def teller(tmp_path: Path) -> AsyncIterator[Teller]:
    async with telling(tmp_path / "socket") as made:
        yield made


@pytest.fixture
async def news(teller: Teller) -> AsyncIterator[News]:
    rest = Rest(Options(url=f"unix:{teller.door}"))
    lines = Lines(rest)
    yield News(lines, lambda name: name == OURS)
    await lines.close()
    await rest.close()


async def listening(news: News, teller: Teller) -> "asyncio.Task[None]":
    waiting = asyncio.create_task(news.stirred())
    await teller.heard()
    return waiting


async def comes(waiting: "asyncio.Task[None]") -> None:
    with anyio.fail_after(DEADLINE_S):
        await waiting


@pytest.mark.parametrize("action", sorted(TELLING))
async def test_what_happens_to_an_instance_of_ours_is_news(news, teller, action) -> None:
    waiting = await listening(news, teller)
    await teller.tell(action)
    await comes(waiting)
    assert teller.asked == ["/1.0/events?project=default&type=lifecycle%2Coperation"]


async def test_it_is_told_again_a_little_later(news, teller) -> None:
    waiting = await listening(news, teller)
    await teller.tell("instance-shutdown")
    await comes(waiting)
    await comes(asyncio.create_task(news.stirred()))


async def test_nobody_is_woken_for_others_or_for_what_changes_nothing(news, teller) -> None:
    waiting = await listening(news, teller)
    await teller.tell("instance-shutdown", "somebody-elses")
    await teller.tell("instance-updated")
    await teller.tell("image-created", OURS)
    assert not (await asyncio.wait([waiting], timeout=0.3))[0]
    await teller.tell("cluster-member-healed", "m2")
    await comes(waiting)


async def test_a_line_that_broke_is_news_and_is_laid_again(news, teller) -> None:
    waiting = await listening(news, teller)
    await teller.hang_up()
    await teller.heard()
    await comes(waiting)
    while True:  # of what the break itself has told, nothing is left
        waiting = asyncio.create_task(news.stirred())
        if not (await asyncio.wait([waiting], timeout=1.0))[0]:
            break
    await teller.tell("instance-stopped")
    await comes(waiting)


async def test_nonsense_breaks_the_line_and_nothing_else(news, teller) -> None:
    waiting = await listening(news, teller)
    teller.somebody.clear()
    for each in list(teller.listeners):
        await each.send("no JSON")
    await comes(waiting)
    await teller.heard()


@pytest.fixture
async def site(incus_testbeds: Callable[[int], Any], tmp_path: Path) -> AsyncIterator[Site]:
    async with opened(incus_testbeds(3), tmp_path) as made:
        yield made


async def _pause(news: Any) -> None:
    """Wait until nothing has been told for a while."""
    with anyio.fail_after(DEADLINE_S):
        while True:
            with anyio.move_on_after(2.0) as quiet:
                await news.stirred()
            if quiet.cancelled_caught:
                return


@pytest.mark.incus
async def test_a_death_is_heard_of_at_once_on_whichever_member(site: Site) -> None:
    news = site.cloud.stirs
    assert news
    servers = await site.running(*(site.order(index) for index in range(3)))
    assert {each.host for each in servers} == set(site.place.members())
    await _pause(news)
    for server in servers:
        pid = site.asked(f"/1.0/instances/{server.ref}/state")["pid"]
        kill(site.place, server.host, pid)
        began = monotonic()
        with anyio.fail_after(DEADLINE_S):
            await news.stirred()
        heard = monotonic() - began
        await site.becomes(server, Seen.STOPPED)
        print(f"{server.host}: heard of {heard:.2f} s after, seen {monotonic() - began:.2f} s")
        await _pause(news)


@pytest.mark.incus
async def test_the_others_are_heard_while_the_first_is_away(site: Site) -> None:
    news = site.cloud.stirs
    assert news
    servers = await site.running(*(site.order(index) for index in range(3)))
    [other] = [each for each in servers if each.host == "m2"]
    await _pause(news)
    pid = site.asked(f"/1.0/instances/{other.ref}/state")["pid"]
    machine.end_daemon(site.place, "m1", signal.SIGTERM)
    try:
        kill(site.place, "m2", pid)
        with anyio.fail_after(DEADLINE_S):
            await news.stirred()
        await site.becomes(other, Seen.STOPPED)
    finally:
        machine.start(site.place, "m1")
        await site.whole()
