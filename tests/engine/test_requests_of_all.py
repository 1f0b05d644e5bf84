"""What is asked of every node of a cluster."""

from engine.asked import a_calm_cluster, children, first_of, lose, operation_on_all, shown
from engine.world import a_scene
from muster.model.action import ActionStatus as S
from muster.model.action import Verb
from muster.model.cluster import ClusterStatus
from muster.model.node import NodeStatus as N

# -- many at once


async def test_a_check_of_a_cluster_is_one_of_every_node():
    async with a_scene() as scene:
        web = await a_calm_cluster(scene, 3)
        lost = await first_of(scene, web)
        await lose(scene, lost)
        wish = await scene.wish(web, Verb.CLUSTER_CHECK)
        await scene.go_on(1)

        assert await scene.ended(wish) is S.SUCCEEDED
        assert [each.status for each in await children(scene, wish)] == [S.SUCCEEDED] * 3
        assert {each.cause for each in await children(scene, wish)} == {"Derived Action"}
        statuses = [each.status for each in await scene.nodes(web)]
        assert sorted(statuses) == [N.ACTIVE, N.ACTIVE, N.ERROR]
        cluster = await scene.cluster(web)
        assert cluster.status is ClusterStatus.WARNING
        assert cluster.reason.startswith("CLUSTER_CHECK: number of active nodes is below desired")


async def test_a_recovery_of_a_cluster_mends_those_out_of_order():
    async with a_scene(create_s=2) as scene:
        web = await a_calm_cluster(scene, 3)
        before = await scene.nodes(web)
        for node in before[:2]:
            await lose(scene, node)
        wish = await scene.wish(web, Verb.CLUSTER_RECOVER)
        await scene.go_on(1)
        cluster = await scene.cluster(web)
        assert (cluster.status, cluster.reason) == (
            ClusterStatus.RECOVERING,
            "Recovery in progress",
        )
        await scene.with_ticks(8)

        assert await scene.ended(wish) is S.SUCCEEDED
        assert [each.incarnation for each in await scene.nodes(web)] == [2, 2, 1]
        assert len(await children(scene, wish)) == 2
        assert (await scene.cluster(web)).status is ClusterStatus.ACTIVE


async def test_a_recovery_fails_where_one_node_cannot_be_mended():
    async with a_scene() as scene:
        web = await a_calm_cluster(scene, 2)
        await lose(scene, await first_of(scene, web))
        scene.world.fail("create_server", "permanent")
        wish = await scene.wish(web, Verb.CLUSTER_RECOVER)
        await scene.with_ticks(10)

        assert await scene.ended(wish) is S.FAILED
        assert "node_recover_" in (await shown(scene, wish)).reason
        assert (await scene.cluster(web)).status is ClusterStatus.WARNING


async def test_an_operation_on_a_cluster_is_one_on_each_of_its_nodes():
    async with a_scene() as scene:
        web = await a_calm_cluster(scene, 3)
        wish = await operation_on_all(scene, web, "pause")
        await scene.with_ticks(4)

        assert await scene.ended(wish) is S.SUCCEEDED
        assert {each.parked for each in await scene.nodes(web)} == {"pause"}
        cluster = await scene.cluster(web)
        assert cluster.status is ClusterStatus.ACTIVE
        assert cluster.reason.startswith("pause: number of active nodes is equal or above")
        await scene.with_ticks(4)
        assert (await scene.cluster(web)).reason == cluster.reason


async def test_an_operation_on_a_cluster_survives_that_the_engine_dies_in_between():
    async with a_scene() as scene:
        web = await a_calm_cluster(scene, 3)
        scene.world.fail("operate_server", times=2)
        wish = await operation_on_all(scene, web, "stop")
        await scene.go_on()
        assert (await scene.cluster(web)).status is ClusterStatus.OPERATING
        scene.restart()
        scene.clock.advance(60)
        await scene.with_ticks(20)

        assert await scene.ended(wish) is S.SUCCEEDED
        assert len(await children(scene, wish)) == 3
        assert {each.parked for each in await scene.nodes(web)} == {"stop"}
