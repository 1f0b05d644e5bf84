"""The engine as a process: woken by wishes, idle otherwise, polite when told to stop."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

import builders
from engine.fate import Fated
from engine.world import SIM, Scene, a_scene
from muster.base.clock import SystemClock
from muster.base.errors import Unavailable
from muster.engine.pace import EnginePace
from muster.engine.worker import Engine
from muster.model.cluster import ClusterStatus
from muster.ports.store import Query

DEADLINE = 20.0


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(DEADLINE):
        while True:
            if await condition():
                return
            await asyncio.sleep(0.01)


@asynccontextmanager
async def running(scene: Scene, store=None, **pace):
    """An engine that runs for real: its clock is the machine's."""
    said = EnginePace(**{"owner": "runner", "lease_s": 1.0, "stop_s": 5.0} | pace)
    engine = Engine(store or scene.store, {SIM: scene.cloud}, scene.clock, scene.signal, said)
    stop = asyncio.Event()
    task = asyncio.create_task(engine.run(stop))
    try:
        yield engine
    finally:
        stop.set()
        async with asyncio.timeout(DEADLINE):
            await task


@asynccontextmanager
async def a_real_scene(**options):
    async with a_scene(clock=SystemClock(), **options) as scene:
        yield scene


async def active(scene: Scene, cluster_id) -> bool:
    return (await scene.cluster(cluster_id)).status is ClusterStatus.ACTIVE


async def test_a_wish_wakes_the_engine():
    async with a_real_scene(create_s=0.3, boot_s=0.3) as scene, running(scene):
        await asyncio.sleep(0)
        web = await scene.create(3, service=builders.a_service(address=""))
        await until(lambda: active(scene, web))
        await scene.delete(web)

        async def gone() -> bool:
            return not await scene.exists(web)

        await until(gone)
        assert await scene.servers() == []


async def test_many_clusters_are_worked_on_at_once():
    async with a_real_scene(create_s=0.3) as scene, running(scene, passes_at_once=3):
        ids = [builders.node_id(builders.WEB, index) for index in range(12)]
        for id in ids:
            await scene.create(2, id=id, name=f"c{id.hex[:6]}", profile_id=id)
        for id in ids:
            await until(lambda id=id: active(scene, id))


async def test_an_engine_told_to_stop_finishes_what_it_has_begun():
    async with a_real_scene() as scene:
        async with running(scene):
            web = await scene.create(50)
            await until(lambda: _begun(scene))
        open_ones = [each for each in await scene.actions() if each.owner and not each.ended]
        assert all(each.verb.startswith("CLUSTER_") for each in open_ones)
        claims = await scene.store.write(
            lambda tx: tx.marks.claim("next", scene.clock.now(), scene.clock.now(), 10)
        )
        settled = await active(scene, web)
        assert settled or [claim.cluster_id for claim in claims] == [web]


async def _begun(scene: Scene) -> bool:
    return bool(await scene.servers())


async def test_a_long_pass_keeps_its_lease():
    async with a_real_scene() as scene:
        thefts: list = []

        async def slowly(when: str, name: str) -> None:
            if (when, name) == ("before", "create_server"):
                await asyncio.sleep(0.9)  # three leases long
                thefts.append(await stolen(scene))

        compute = Fated(scene.cloud.compute, slowly)
        scene.cloud = replace(scene.cloud, compute=compute)
        async with running(scene, lease_s=0.3, passes_at_once=1):
            web = await scene.create(1)
            await until(lambda: active(scene, web))
        assert thefts == [[]]
        (made,) = [each for each in await scene.actions() if each.verb == "NODE_CREATE"]
        assert made.attempts == 1


async def stolen(scene: Scene) -> list:
    """Return what another engine could claim now."""
    now = scene.clock.now()
    until = now + timedelta(seconds=5)
    return await scene.store.write(lambda tx: tx.marks.claim("thief", now, until, 10))


async def test_an_engine_outlives_a_store_that_is_away_for_a_while():
    async with a_real_scene() as scene:
        away = Away(scene.store)
        async with running(scene, store=away):
            away.away = True
            web = await scene.create(1)
            await asyncio.sleep(0)
            away.away = False
            await until(lambda: active(scene, web))


class Away:
    def __init__(self, store) -> None:
        self._store = store
        self.away = False

    async def read(self, work):
        return await self._answer(self._store.read, work)

    async def write(self, work):
        return await self._answer(self._store.write, work)

    async def _answer(self, call, work):
        if self.away:
            raise Unavailable("the database does not answer")
        return await call(work)


async def test_an_idle_engine_hardly_looks():
    async with a_real_scene() as scene:
        reads: list[str] = []

        async def count(when: str, name: str) -> None:
            reads.append(name)

        async with running(scene, store=Fated(scene.store, count), lease_s=10.0):
            await until(lambda: _looked(reads))
            before = len(reads)
            await asyncio.sleep(0.5)
            assert len(reads) - before <= 20


async def _looked(reads: list[str]) -> bool:
    return len(reads) > 10


@pytest.mark.postgresql
async def test_two_engines_share_one_postgresql(postgres_url):
    """Each cluster is brought about by one of them, and woken by wishes made elsewhere."""
    async with a_real_scene(url=postgres_url) as scene:
        scarce = {"passes_at_once": 2, "passes_in_a_row": 1, "lease_s": 20.0}
        async with running(scene, owner="a", **scarce), running(scene, owner="b", **scarce):
            ids = [builders.node_id(builders.WEB, index) for index in range(10)]
            for id in ids:
                await scene.create(3, id=id, name=f"c{id.hex[:6]}", profile_id=id)
            for id in ids:
                await until(lambda id=id: active(scene, id))
            for id in ids:
                await scene.delete(id)
            await until(lambda: _nothing_left(scene))
        made = [each for each in await scene.actions() if each.verb == "NODE_CREATE"]
        assert len(made) == 30
        assert {each.attempts for each in made} == {1}
        assert {each.owner for each in made} == {"a", "b"}


async def _nothing_left(scene: Scene) -> bool:
    return not await scene.store.read(lambda tx: tx.clusters.count(Query()))
