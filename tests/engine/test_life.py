"""From a wish to a cluster that stands, and back to nothing, with nothing going wrong."""

import builders
from engine.world import a_scene
from muster.model.action import ActionStatus, Verb
from muster.model.cluster import ClusterStatus
from muster.model.node import NodeStatus


async def test_a_wished_cluster_becomes_active():
    async with a_scene() as scene:
        web = await scene.create(3)
        await scene.go_on(2)

        assert (await scene.cluster(web)).status is ClusterStatus.ACTIVE
        nodes = await scene.nodes(web)
        assert [node.status for node in nodes] == [NodeStatus.ACTIVE] * 3
        assert {node.ref for node in nodes} == {server.ref for server in await scene.servers()}
        assert not await scene.due()


async def test_every_action_ends():
    async with a_scene() as scene:
        await scene.create(3)
        await scene.go_on(2)

        actions = await scene.actions()
        assert {action.status for action in actions} == {ActionStatus.SUCCEEDED}
        wish = next(each for each in actions if each.verb is Verb.CLUSTER_CREATE)
        made = [each for each in actions if each.verb is Verb.NODE_CREATE]
        assert [each.parent for each in made] == [wish.id] * 3


async def test_a_cluster_that_serves_gets_a_pool_of_ready_members():
    async with a_scene(create_s=2, boot_s=1) as scene:
        web = await scene.create(2, service=builders.a_service(address=""))
        await scene.go_on(10)

        cluster = await scene.cluster(web)
        assert cluster.status is ClusterStatus.ACTIVE
        assert cluster.service.address
        pool = await scene.cloud.balancer.pool(web)
        assert set(pool.members) == {node.id for node in await scene.nodes(web)}


async def test_resizing_adds_and_removes_servers():
    async with a_scene() as scene:
        web = await scene.create(2)
        await scene.go_on(2)
        for size in (5, 1, 0, 3):
            wish = await scene.resize(web, size)
            await scene.go_on(2)
            assert len(await scene.servers()) == len(await scene.nodes(web)) == size
            assert await scene.ended(wish) is ActionStatus.SUCCEEDED


async def test_deleting_leaves_nothing_behind():
    async with a_scene(boot_s=1) as scene:
        service = builders.a_service(address="", dns_name="web.example.org")
        web = await scene.create(3, service=service)
        await scene.go_on(5)
        assert await scene.cloud.dns.list_records()
        wish = await scene.delete(web)
        await scene.go_on(40)

        assert not await scene.exists(web)
        assert await scene.nodes(web) == []
        assert await scene.servers() == []
        assert await scene.cloud.balancer.list_pools() == []
        assert await scene.cloud.dns.list_records() == []
        assert await scene.ended(wish) is ActionStatus.SUCCEEDED
        assert not await scene.due()
