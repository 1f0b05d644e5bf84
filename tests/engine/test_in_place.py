"""Updates that keep every node and change its server."""

import builders
from engine.asked import a_calm_cluster, children, update
from engine.world import a_scene
from muster.model.action import ActionStatus as S
from muster.model.action import Verb
from muster.model.capacity import Amount
from muster.model.cluster import ClusterStatus
from muster.model.node import NodeStatus as N
from muster.model.rollout import RolloutState


async def test_an_update_in_place_keeps_every_node_and_changes_its_server():
    async with a_scene() as scene:
        web = await a_calm_cluster(scene, 3)
        before = await scene.nodes(web)
        wish = await update(scene, web)
        await scene.with_ticks(10)

        after = await scene.nodes(web)
        assert await scene.ended(wish) is S.SUCCEEDED
        assert [(each.id, each.index, each.name) for each in after] == [
            (each.id, each.index, each.name) for each in before
        ]
        assert {(each.profile_id, each.incarnation) for each in after} == {(builders.NEW, 2)}
        assert {(each.status, each.reason) for each in after} == {(N.ACTIVE, "Update succeeded")}
        assert (await scene.cluster(web)).profile_id == builders.NEW
        assert {each.verb for each in await children(scene, wish)} >= {Verb.NODE_UPDATE}
        assert {each.status for each in await children(scene, wish)} == {S.SUCCEEDED}
        assert len(await scene.servers()) == 3


async def test_batches_follow_each_other_after_their_pause():
    async with a_scene() as scene:
        web = await a_calm_cluster(scene, 5)
        wish = await update(scene, web, max_unavailable=Amount(2), pause_s=20)
        done = []
        for _ in range(3):
            await scene.with_ticks(12)
            done.append(sum(each.profile_id == builders.NEW for each in await scene.nodes(web)))
            await scene.with_ticks(10)

        assert done == [2, 4, 5]
        assert await scene.ended(wish) is S.SUCCEEDED


async def test_a_bad_revision_reaches_one_batch_and_the_old_one_stays_in_force():
    async with a_scene() as scene:
        web = await a_calm_cluster(scene, 4)
        scene.world.fail("create_server", "permanent")
        wish = await update(scene, web, max_unavailable=Amount(1))
        await scene.with_ticks(15)

        cluster = await scene.cluster(web)
        assert (await scene.ended(wish), cluster.rollout.state) == (S.FAILED, RolloutState.FAILED)
        assert cluster.profile_id == builders.OLD
        assert sorted(each.status for each in await scene.nodes(web)) == [N.ACTIVE] * 3 + [N.ERROR]
        updates = [e for e in await children(scene, wish) if e.verb is Verb.NODE_UPDATE]
        assert [each.status for each in updates] == [S.FAILED]


async def test_an_update_ends_when_a_node_breaks_after_it_and_nothing_mends_nodes():
    async with a_scene() as scene:
        web = await a_calm_cluster(scene, 4)
        wish = await update(scene, web, max_unavailable=Amount(1), pause_s=20)
        await scene.with_ticks(5)
        (first,) = [e for e in await scene.nodes(web) if e.profile_id == builders.NEW]
        scene.world.break_server(first.ref)
        await scene.with_ticks(5)

        cluster = await scene.cluster(web)
        assert (await scene.ended(wish), cluster.rollout.state) == (S.FAILED, RolloutState.FAILED)
        assert first.name in cluster.rollout.reason
        assert sorted(each.status for each in await scene.nodes(web)) == [N.ACTIVE] * 3 + [N.ERROR]


async def test_a_way_back_leaves_what_broke_before_as_it_is():
    async with a_scene() as scene:
        web = await a_calm_cluster(scene, 4)
        wish = await update(scene, web, max_unavailable=Amount(1), pause_s=20, auto_rollback=True)
        await scene.with_ticks(5)
        first, other, *_ = sorted(await scene.nodes(web), key=lambda e: e.profile_id, reverse=True)
        scene.world.break_server(other.ref)
        scene.world.break_server(first.ref)
        await scene.with_ticks(60)

        cluster = await scene.cluster(web)
        assert await scene.ended(wish) is S.FAILED
        assert cluster.rollout.state is RolloutState.ROLLED_BACK
        assert {each.profile_id for each in await scene.nodes(web)} == {builders.OLD}


async def test_a_bad_revision_is_rolled_back_in_place_where_that_is_wanted():
    async with a_scene(boot_s=1) as scene:
        web = await a_calm_cluster(scene, 3, service=builders.a_service(address=""))
        await scene.with_ticks(5)
        bad = builders.a_spec(metadata={"simulated_fault": "boot"})
        strategy = {"max_unavailable": Amount(1), "auto_rollback": True}
        wish = await update(scene, web, **strategy)
        await scene.add_profile(builders.a_profile(builders.NEW, server=bad))
        await scene.with_ticks(60)

        cluster = await scene.cluster(web)
        assert cluster.rollout.state is RolloutState.ROLLED_BACK
        assert await scene.ended(wish) is S.FAILED
        assert {each.profile_id for each in await scene.nodes(web)} == {builders.OLD}
        assert cluster.status is ClusterStatus.ACTIVE


async def test_a_cluster_that_serves_is_updated_in_place_without_a_request_lost():
    async with a_scene(boot_s=1) as scene:
        web = await a_calm_cluster(scene, 4, service=builders.a_service(address="", drain_s=3))
        await scene.with_ticks(5)
        scene.world.set_load(web, 20)
        wish = await update(scene, web)
        await scene.with_ticks(60)

        assert await scene.ended(wish) is S.SUCCEEDED
        assert (await scene.cloud.balancer.pool(web)).errors == 0
        assert {each.profile_id for each in await scene.nodes(web)} == {builders.NEW}
