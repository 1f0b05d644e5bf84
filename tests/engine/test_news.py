"""News of a cloud is looked at when it comes; clouds come and go while the engine works."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from contracts.clouds import config
from muster.base.clock import SystemClock
from muster.drivers.simulated.cloud import open_cloud, world_of
from muster.engine.pace import EnginePace
from muster.engine.worker import Engine
from muster.ports.cloud import Cloud
from muster.store.connect import connect
from muster.store.signals import LocalSignal

DEADLINE_S = 30.0
SELDOM = {name: 3600.0 for name in ("look_every_s", "probe_every_s", "sample_every_s")}
OFTEN = {**SELDOM, "look_every_s": 0.2}


class Teller:
    """A cloud's news, told by a test."""

    def __init__(self) -> None:
        self.news = asyncio.Event()

    async def stirred(self) -> None:
        await self.news.wait()
        self.news.clear()


async def a_cloud(home: Path, options: dict[str, float], stirs: Teller | None = None) -> Cloud:
    cloud = await open_cloud(config(home, SystemClock(), options))
    return replace(cloud, stirs=stirs)


def looks(cloud: Cloud) -> int:
    return world_of(cloud).calls["list_servers"]


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@asynccontextmanager
async def working(*clouds: Cloud) -> AsyncIterator[Engine]:
    clock, signal = SystemClock(), LocalSignal()
    store = await connect("sqlite:///:memory:", signal, clock)
    known = {cloud.about.name: cloud for cloud in clouds}
    engine = Engine(store, known, clock, signal, EnginePace(owner="here"))
    stop = asyncio.Event()
    task = asyncio.create_task(engine.run(stop))
    yield engine
    stop.set()
    await task
    await store.close()


async def test_news_is_looked_at_when_it_comes(tmp_path: Path) -> None:
    told = Teller()
    cloud = await a_cloud(tmp_path, SELDOM, told)
    async with working(cloud):
        await until(lambda: looks(cloud) >= 1)
        for more in (2, 3):
            told.news.set()
            await until(lambda more=more: looks(cloud) >= more)  # type: ignore[misc]


async def test_where_nothing_is_told_it_is_looked_all_the_same(tmp_path: Path) -> None:
    cloud = await a_cloud(tmp_path, OFTEN, Teller())
    async with working(cloud):
        await until(lambda: looks(cloud) >= 3)


@pytest.mark.parametrize("stirs", [True, False])
async def test_a_cloud_is_looked_after_from_its_admission_until_its_dismissal(
    tmp_path: Path, stirs: bool
) -> None:
    first = await a_cloud(tmp_path, SELDOM)
    other = await a_cloud(tmp_path / "other", OFTEN, Teller() if stirs else None)
    other = replace(other, about=replace(other.about, name="other"))
    async with working(first) as engine:
        engine.admit(other)
        await until(lambda: looks(other) >= 2)
        await engine.dismiss("other")
        assert "other" not in engine.site.clouds
        seen = looks(other)
        await asyncio.sleep(0)
        assert looks(other) == seen
        assert looks(first) == 1
