"""What happens when things go wrong: every row of the table in the architecture, and more."""

from dataclasses import replace

import pytest

import builders
from engine.cuts import EVERY, all_is_as_wished, engine_meeting, until_cut
from engine.fate import CutAfter, CutAt
from engine.world import Scene, a_scene
from muster.model.action import Verb
from muster.model.cluster import ClusterStatus
from muster.model.node import NodeStatus


async def nothing(scene: Scene) -> None:
    return None


async def grow(scene: Scene) -> None:
    await scene.resize(builders.WEB, 3)


async def shrink(scene: Scene) -> None:
    await scene.resize(builders.WEB, 1)


async def life(scene: Scene, meets) -> bool:
    """Create two that serve, grow to three, shrink to one: cut short wherever fate says."""
    service = builders.a_service(address="", dns_name="web.example.org", drain_s=1)
    await scene.create(2, service=service)
    engine = engine_meeting(scene, meets)
    for act in (nothing, grow, shrink):
        await act(scene)
        if await until_cut(engine, scene):
            return True
    return False


@EVERY
async def test_a_power_cut_at_any_moment_heals(every):
    """Before and after every call to cloud and store: the next engine carries on."""
    async with a_scene() as scene:
        uncut = CutAt()
        assert not await life(scene, uncut)
        await all_is_as_wished(scene, builders.WEB, 1)
    for nth, moment in list(enumerate(uncut.moments))[::every]:
        async with a_scene() as scene:
            assert await life(scene, CutAt(nth)), moment
            size = (await scene.cluster(builders.WEB)).desired
            await scene.go_on(20)  # the dead engine's lease has to end first
            await all_is_as_wished(scene, builders.WEB, size)


@EVERY
async def test_a_power_cut_while_deleting_leaves_nothing_behind(every):
    async def deleted(scene: Scene, meets) -> bool:
        service = builders.a_service(address="", dns_name="web.example.org", drain_s=1)
        await scene.create(2, service=service)
        await scene.go_on(4)
        await scene.delete(builders.WEB)
        return await until_cut(engine_meeting(scene, meets), scene)

    async with a_scene(delete_s=0.5) as scene:
        uncut = CutAt()
        assert not await deleted(scene, uncut)
    for nth, moment in list(enumerate(uncut.moments))[::every]:
        async with a_scene(delete_s=0.5) as scene:
            assert await deleted(scene, CutAt(nth)), moment
            await scene.go_on(20)
            assert not await scene.exists(builders.WEB), moment
            assert await scene.servers() == []
            assert await scene.cloud.balancer.list_pools() == []
            assert await scene.cloud.dns.list_records() == []
            assert [each for each in await scene.actions() if not each.ended] == []


@pytest.mark.parametrize("call", ["create_server", "list_servers", "put_pool", "pool", "record"])
@pytest.mark.parametrize("error", ["transient", "lost"])
async def test_a_call_that_fails_once_only_delays(call, error):
    async with a_scene() as scene:
        service = builders.a_service(address="", dns_name="web.example.org")
        scene.world.fail(call, error, times=1)
        web = await scene.create(3, service=service)
        await scene.go_on(10)
        await all_is_as_wished(scene, web, 3)


async def test_what_fails_for_a_while_is_said_once_per_round_and_not_per_node():
    async with a_scene() as scene:
        scene.world.fail("create_server", "transient", times=20)
        web = await scene.create(10)
        await scene.go_on(10)
        await all_is_as_wished(scene, web, 10)
        told = await scene.events("node.failed")
        assert 1 <= len(told) < 20
        assert "10 nodes" in told[0].reason


async def test_what_can_never_work_is_given_up_and_says_why():
    async with a_scene() as scene:
        scene.world.fail("create_server", "permanent")
        web = await scene.create(2, min_size=2)
        await scene.go_on(30)

        cluster = await scene.cluster(web)
        assert cluster.status is ClusterStatus.ERROR
        assert {node.status for node in await scene.nodes(web)} == {NodeStatus.ERROR}
        (wish,) = await scene.actions(Verb.CLUSTER_CREATE)
        assert wish.status == "FAILED"
        assert wish.reason
        assert not await scene.due()


async def test_a_load_balancer_that_cannot_be_had_is_said_once_and_tried_on():
    async with a_scene() as scene:
        scene.world.fail("put_pool", "permanent")
        web = await scene.create(2, service=builders.a_service(address=""))
        await scene.go_on(60)
        cluster = await scene.cluster(web)
        assert cluster.status is ClusterStatus.ERROR
        assert cluster.refused
        assert "load balancer" in cluster.reason
        (wish,) = await scene.actions(Verb.CLUSTER_CREATE)
        assert wish.status == "FAILED"
        assert "load balancer" in wish.reason
        assert len(await scene.events("cluster.degraded")) <= 2

        scene.world.lift()
        await scene.go_on(30)
        assert (await scene.cluster(web)).status is ClusterStatus.ACTIVE
        assert (await scene.cluster(web)).trouble == ""


async def test_a_load_balancer_that_is_busy_does_not_fail_a_creation():
    async with a_scene() as scene:
        scene.world.fail("put_pool", "transient")
        web = await scene.create(2, min_size=2, service=builders.a_service(address=""))
        await scene.go_on(30)
        cluster = await scene.cluster(web)
        assert (cluster.status, cluster.refused) == (ClusterStatus.CREATING, False)
        assert "load balancer" in cluster.reason
        (wish,) = await scene.actions(Verb.CLUSTER_CREATE)
        assert not wish.ended


async def test_a_balancer_that_takes_orders_and_shows_nothing_is_not_hammered():
    async with a_scene() as scene:
        engine = scene.engine_on(replace(scene.cloud, balancer=Blind(scene.cloud.balancer)))
        web = await scene.create(1, service=builders.a_service(address=""))
        assert await engine.settle() < 10
        assert (await scene.cluster(web)).status is ClusterStatus.CREATING


class Blind:
    def __init__(self, balancer) -> None:
        self._balancer = balancer
        self.put_pool = balancer.put_pool

    async def pool(self, cluster_id):
        return None


@pytest.mark.parametrize("lag", [5, 50])
async def test_a_cloud_that_lists_late_gets_no_twins(lag):
    async with a_scene(list_lag_s=lag) as scene:
        web = await scene.create(3)
        await scene.go_on(120)
        await all_is_as_wished(scene, web, 3)
        assert {node.incarnation for node in await scene.nodes(web)} == {1}


async def test_a_server_that_is_listed_after_its_place_is_gone_is_removed():
    """Created, unlisted, unwanted, struck out, and only then listed: it goes at some look."""
    async with a_scene(list_lag_s=100) as scene:
        web = await scene.create(2)
        assert await until_cut(engine_meeting(scene, CutAfter("create_server")), scene)
        await scene.resize(web, 0)
        await scene.go_on(20)
        assert await scene.nodes(web) == []
        await scene.with_ticks(220, steps=10)

        assert await scene.servers() == []
        await all_is_as_wished(scene, web, 0)


async def test_a_server_of_no_cluster_is_reported_and_removed_after_its_grace():
    async with a_scene(list_lag_s=40, stray_grace_s=60) as scene:
        web = await scene.create(1)
        cut = CutAfter("create_server")
        assert await until_cut(engine_meeting(scene, cut), scene, rounds=1)
        await scene.delete(web)
        await scene.go_on(20)
        assert not await scene.exists(web)
        await scene.with_ticks(60, steps=5)
        assert len(await scene.events("server.stray")) == 1
        assert len(await scene.servers()) == 1
        await scene.with_ticks(60, steps=5)
        assert await scene.servers() == []
        assert len(await scene.events("server.stray_removed")) == 1
