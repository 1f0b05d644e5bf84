"""Nodes that belong to no cluster, and those that join one or leave one with their servers."""

import builders
from engine.world import SIM, a_scene
from muster.model.action import ActionStatus, Verb
from muster.model.cluster import Healing
from muster.model.node import NodeStatus

S = ActionStatus
CALM = Healing(enabled=False, max_tries=3)


async def alone(scene, name="one", **but):
    node_id = await scene.create_alone(name, **but)
    await scene.with_ticks(3)
    assert (await scene.node(node_id)).status is NodeStatus.ACTIVE
    return node_id


async def a_plain_cluster(scene, size, **but):
    web = await scene.create(size, healing=CALM, **but)
    await scene.with_ticks(3)
    return web


async def test_a_node_alone_is_made_and_its_wish_ends():
    async with a_scene() as scene:
        one = await alone(scene)

        node = await scene.node(one)
        assert (node.cluster_id, node.index, node.ready_at is not None) == (None, -1, True)
        (server,) = await scene.servers()
        assert (server.node_id, server.cluster_id) == (one, one)
        assert not await scene.due()
        assert await scene.events("server.stray") == []
        assert {each.cluster_id for each in await scene.events("node")} == {None}


async def test_nothing_is_left_of_a_deleted_node_alone():
    async with a_scene() as scene:
        one = await alone(scene)
        await scene.ask(one, Verb.NODE_DELETE, leaving=True)
        await scene.with_ticks(5)

        assert await scene.servers() == []
        left = await scene.store.read(lambda tx: (tx.nodes.get(one), tx.solos.get(one)))
        assert left == (None, None)
        profile = await scene.store.read(lambda tx: tx.profiles.get(builders.OLD))
        assert profile is None


async def test_a_profile_that_somebody_made_by_itself_stays():
    async with a_scene() as scene:
        one = await alone(scene)
        await scene.add_profile(builders.a_profile(kept=True))
        await scene.ask(one, Verb.NODE_DELETE, leaving=True)
        await scene.with_ticks(5)

        assert await scene.store.read(lambda tx: tx.nodes.get(one)) is None
        assert await scene.store.read(lambda tx: tx.profiles.get(builders.OLD)) is not None


async def test_a_node_alone_whose_server_died_is_in_error_and_not_replaced():
    async with a_scene() as scene:
        one = await alone(scene)
        await scene.cloud.compute.delete_server((await scene.node(one)).ref)
        await scene.with_ticks(8)

        node = await scene.node(one)
        assert (node.status, node.incarnation) == (NodeStatus.ERROR, 1)
        assert await scene.servers() == []


async def test_a_member_that_leaves_keeps_its_server_and_is_nobodys_stray():
    async with a_scene() as scene:
        web = await a_plain_cluster(scene, 3)
        first, *_ = await scene.nodes(web)
        await scene.part(first.id)
        await scene.with_ticks(30)

        node = await scene.node(first.id)
        assert (node.status, node.home, node.ref) == (NodeStatus.ACTIVE, web, first.ref)
        assert len(await scene.servers()) == 3
        assert len(await scene.nodes(web)) == 2
        assert await scene.events("server") == []
        assert not await scene.due()


async def test_what_becomes_of_the_cluster_it_left_is_nothing_to_the_leaver():
    async with a_scene() as scene:
        web = await a_plain_cluster(scene, 2)
        first, _ = await scene.nodes(web)
        await scene.part(first.id)
        await scene.delete(web)
        await scene.with_ticks(30)

        assert not await scene.exists(web)
        assert [each.ref for each in await scene.servers()] == [first.ref]
        assert (await scene.node(first.id)).status is NodeStatus.ACTIVE
        assert await scene.events("server") == []

        await scene.ask(first.id, Verb.NODE_DELETE, leaving=True)
        await scene.with_ticks(5)
        assert await scene.servers() == []


async def test_a_leaver_whose_server_dies_is_noticed_by_its_old_tag():
    async with a_scene() as scene:
        web = await a_plain_cluster(scene, 2)
        first, _ = await scene.nodes(web)
        await scene.part(first.id)
        await scene.with_ticks(10)
        await scene.cloud.compute.delete_server(first.ref)
        await scene.with_ticks(10)

        assert (await scene.node(first.id)).status is NodeStatus.ERROR
        assert (await scene.cluster(web)).status == "ACTIVE"


async def test_a_node_that_joins_serves_with_the_server_it_brought():
    async with a_scene() as scene:
        web = await scene.create(1, service=builders.a_service(address=""))
        one = await alone(scene)
        await scene.join(one, web)
        await scene.with_ticks(10)

        node = await scene.node(one)
        assert (node.cluster_id, node.index, node.incarnation, node.home) == (web, 2, 1, one)
        assert len(await scene.servers()) == 2
        assert one in (await scene.cloud.balancer.pool(web)).members
        assert await scene.events("server") == []

        scene.world.make_sick(node.ref)
        await scene.with_ticks(20)
        node = await scene.node(one)
        assert (node.incarnation, node.home, node.status) == (2, None, NodeStatus.ACTIVE)
        assert {each.cluster_id for each in await scene.servers()} == {web}


async def test_many_that_join_are_looked_up_in_one_listing():
    async with a_scene() as scene:
        web = await a_plain_cluster(scene, 1)
        many = [await scene.create_alone(f"n{place}") for place in range(8)]
        await scene.with_ticks(3)
        for each in many:
            await scene.join(each, web)
        await scene.with_ticks(3)
        assert {node.status for node in await scene.nodes(web)} == {NodeStatus.ACTIVE}
        before = scene.world.calls["list_servers"]
        scene.clock.advance(60)
        await scene.mark(web)
        await scene.engine.settle()

        assert scene.world.calls["list_servers"] - before == 2
        await scene.delete(web)
        await scene.with_ticks(5)
        assert await scene.servers() == []


async def test_a_node_that_left_and_was_made_anew_has_its_own_tag_and_leaves_nothing_behind():
    async with a_scene() as scene:
        web = await a_plain_cluster(scene, 2)
        first, _ = await scene.nodes(web)
        await scene.part(first.id)
        await scene.with_ticks(2)
        await scene.ask(first.id, Verb.NODE_RECOVER)
        await scene.with_ticks(20)

        node = await scene.node(first.id)
        assert (node.incarnation, node.home) == (2, None)
        tags = {each.node_id: each.cluster_id for each in await scene.servers()}
        assert (len(tags), tags[first.id]) == (2, first.id)


async def test_an_engine_that_starts_looks_at_nodes_alone_too():
    async with a_scene() as scene:
        one = await alone(scene)
        await scene.cloud.compute.delete_server((await scene.node(one)).ref)
        scene.restart()
        scene.clock.advance(60)
        await scene.engine.ticks.look(SIM)
        await scene.engine.settle()

        assert (await scene.node(one)).status is NodeStatus.ERROR


async def test_a_node_that_was_made_anew_again_and_again_joins_at_once():
    """Each of its former servers goes as soon as it is known, in no more than moments."""
    async with a_scene() as scene:
        web = await scene.create(1)
        await scene.with_ticks(3)
        one = await scene.create_alone()
        await scene.with_ticks(2)
        for _ in range(3):
            await scene.ask(one, Verb.NODE_RECOVER, operation="RECREATE")
            await scene.go_on()
        await scene.join(one, web)
        await scene.go_on()
        assert len(await scene.servers()) == 2
        assert (await scene.node(one)).incarnation == 4
        assert (await scene.cluster(web)).settled_generation == (
            await scene.cluster(web)
        ).generation
