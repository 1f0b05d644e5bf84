"""Clusters that size themselves: seen, decided, recorded, done."""

from dataclasses import replace
from uuid import UUID

import pytest

from engine.standing import Counting, a_scaling_cluster, in_service
from engine.world import SIM, Scene, a_scene
from muster.model.action import ActionStatus, Verb
from muster.model.placement import Placement
from muster.model.scaling import LoadDay, Metric, Mode, Pushed, Verdict
from muster.ports.store import Query


async def test_load_adds_members_and_its_end_removes_them():
    async with a_scene(boot_s=1) as scene:
        web = await a_scaling_cluster(scene)
        scene.world.set_load(web, 100)
        await scene.with_ticks(20)
        grown = await scene.cluster(web)
        assert grown.desired > 2
        assert len(await in_service(scene, web)) == grown.desired
        wishes = await scene.actions(Verb.CLUSTER_SCALE_OUT)
        assert wishes
        assert {each.cause for each in wishes} == {"Autoscaler"}
        assert {each.status for each in wishes} == {ActionStatus.SUCCEEDED}
        assert await scene.events("scaling.decided")

        scene.world.set_load(web, 0)
        await scene.with_ticks(60)
        assert (await scene.cluster(web)).desired == 1
        assert len(await scene.servers()) == 1


async def test_load_adds_no_more_than_the_region_takes():
    async with a_scene(boot_s=1) as scene:
        web = await a_scaling_cluster(scene, placement=Placement(cap=3))
        scene.world.set_load(web, 100)
        await scene.with_ticks(20)
        assert (await scene.cluster(web)).desired == 3


@pytest.mark.slow
async def test_every_evaluation_is_kept_and_equal_holds_are_one():
    async with a_scene() as scene:
        web = await a_scaling_cluster(scene, in_window_s=300)
        scene.world.set_load(web, 20)
        await scene.with_ticks(60)
        ours = Query(where={"cluster_id": (web,)})
        records = await scene.store.read(lambda tx: tx.decisions.find(ours))
        assert sum(each.times for each in records) >= 50
        assert len(records) < 10
        assert {each.decision.verdict for each in records} == {Verdict.HOLD}


@pytest.mark.slow
@pytest.mark.parametrize("mode", [Mode.SHADOW, Mode.OUT_ONLY])
async def test_modes_decide_and_record_but_do_only_what_they_may(mode):
    async with a_scene() as scene:
        web = await a_scaling_cluster(scene, mode=mode)
        scene.world.set_load(web, 100)
        await scene.with_ticks(20)
        size = (await scene.cluster(web)).desired
        assert (size > 2) is (mode is Mode.OUT_ONLY)
        scene.world.set_load(web, 0)
        await scene.with_ticks(40)
        assert (await scene.cluster(web)).desired == size


async def test_a_decision_on_a_cluster_changed_meanwhile_is_dropped():
    async with a_scene() as scene:
        web = await a_scaling_cluster(scene)
        scene.world.set_load(web, 100)
        ticks = scene.engine.ticks
        await ticks.sample(SIM)
        scene.clock.advance(1)
        real = scene.cloud.compute

        class Wishing(Counting):
            async def usage(self, cluster_id=None):
                await scene.resize(web, 3)
                return await real.usage(cluster_id)

        reach = scene.engine.site.clouds[SIM]
        reach.cloud = replace(reach.cloud, compute=Wishing(real))
        (decision,) = await ticks.sample(SIM)
        assert decision.verdict is Verdict.OUT
        assert (await scene.cluster(web)).desired == 3
        assert await scene.actions(Verb.CLUSTER_SCALE_OUT) == []


async def test_only_one_engine_at_a_time_looks_after_a_cloud():
    async with a_scene() as scene:
        web = await a_scaling_cluster(scene)
        other = scene.another("other")
        assert await other.ticks.sample(SIM) == []
        scene.clock.advance(60)  # the first one has died
        assert len(await other.ticks.sample(SIM)) == 1
        assert await scene.engine.ticks.sample(SIM) == []
        assert await scene.exists(web)


async def test_what_was_known_of_a_clusters_load_goes_with_it():
    async with a_scene() as scene:
        web, now = await a_scaling_cluster(scene), scene.clock.now()
        told = Pushed(cluster_id=web, project="demo", at=now, mean=0.5)
        day = LoadDay(
            id=UUID(int=9),
            cluster_id=web,
            project="demo",
            metric=Metric.CPU,
            at=now,
            loads=(0.5,) * 288,
        )
        await scene.store.write(lambda tx: (tx.pushed.put(told), tx.loads.put(day)))
        await scene.engine.ticks.sample(SIM)
        assert len(await known(scene)) >= 3

        await scene.delete(web)
        await scene.with_ticks(10)
        assert not await scene.exists(web)
        assert await known(scene) == []


async def known(scene: Scene) -> list:
    """Return all that is kept of anybody's load, but for what was told."""

    def work(tx):
        tables = (tx.pushed, tx.loads, tx.decisions)
        return [row for table in tables for row in table.find(Query())]

    return await scene.store.read(work)
