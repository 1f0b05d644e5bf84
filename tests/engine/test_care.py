"""Looking after what is there: repair, storms, updates, drains, strays, autoscaling."""

from dataclasses import replace
from datetime import timedelta
from uuid import NAMESPACE_OID, uuid5

import pytest

import builders
from engine.fate import Once, fated
from engine.standing import (
    Counting,
    a_scaling_cluster,
    a_standing_cluster,
    an_update,
    in_service,
    serving,
)
from engine.world import SIM, Scene, a_scene
from muster.engine.gauges import PASSES
from muster.model.action import ActionStatus, Verb
from muster.model.capacity import Amount
from muster.model.cluster import ClusterStatus, Healing
from muster.model.pool import PoolWanted
from muster.model.rollout import RolloutState
from muster.ports.store import Query, Token


async def test_a_dead_server_is_replaced_in_its_place():
    async with a_scene(boot_s=1) as scene:
        web = await a_standing_cluster(scene, 3)
        before = await scene.nodes(web)
        scene.world.break_server(before[0].ref)
        await scene.with_ticks(15)

        after = await scene.nodes(web)
        assert [node.id for node in after] == [node.id for node in before]
        assert [node.incarnation for node in after] == [2, 1, 1]
        assert len(await scene.servers()) == 3
        assert (await scene.cluster(web)).status is ClusterStatus.ACTIVE
        repairs = [each for each in await scene.actions() if each.cause == "Repair"]
        assert {each.status for each in repairs} == {ActionStatus.SUCCEEDED}


async def test_a_sick_application_is_replaced_and_a_slow_one_is_not():
    async with a_scene(boot_s=1) as scene:
        web = await a_standing_cluster(scene, 3)
        slow, sick, _ = await scene.nodes(web)
        scene.world.make_sick(slow.ref)
        await scene.with_ticks(2)  # two bad answers are one too few
        scene.world.heal(slow.ref)
        await scene.with_ticks(3)
        scene.world.make_sick(sick.ref)
        await scene.with_ticks(15)

        assert [node.incarnation for node in await scene.nodes(web)] == [1, 2, 1]
        assert (await scene.cluster(web)).status is ClusterStatus.ACTIVE


async def test_a_start_that_takes_its_time_is_not_held_against_a_node():
    async with a_scene(boot_s=30) as scene:
        web = await scene.create(2, service=serving())
        await scene.with_ticks(20)
        assert await scene.store.read(lambda tx: tx.probes.find(Query())) == []
        await scene.with_ticks(15)
        assert (await scene.cluster(web)).status is ClusterStatus.ACTIVE
        assert {node.incarnation for node in await scene.nodes(web)} == {1}


@pytest.mark.slow
async def test_many_deaths_at_once_are_a_storm_and_nothing_is_replaced_at_first():
    async with a_scene(boot_s=1) as scene:
        web = await a_standing_cluster(scene, 10, healing=Healing(storm_rest_s=30))
        nodes = await scene.nodes(web)
        for node in nodes[:4]:
            scene.world.break_server(node.ref)
        await scene.with_ticks(10)
        cluster = await scene.cluster(web)
        assert cluster.storm is not None
        assert {node.incarnation for node in await scene.nodes(web)} == {1}
        assert await scene.events("storm.began")

        await scene.with_ticks(120)
        cluster = await scene.cluster(web)
        assert cluster.storm is None
        assert cluster.status is ClusterStatus.ACTIVE
        assert sum(node.incarnation == 2 for node in await scene.nodes(web)) == 4


async def test_scaling_in_drains_before_it_removes():
    async with a_scene(drain_s=2) as scene:
        web = await a_standing_cluster(scene, 2)
        scene.world.set_load(web, 20)
        await scene.with_ticks(2)
        await scene.resize(web, 1)
        await scene.go_on(0.2, steps=0.1)
        pool = await scene.cloud.balancer.pool(web)
        assert len(pool.members) == 2
        assert len(await scene.servers()) == 2
        await scene.go_on(10, steps=0.5)
        assert len(await scene.servers()) == 1
        assert len(await in_service(scene, web)) == 1


async def test_scaling_out_takes_draining_members_back_first():
    async with a_scene(drain_s=20) as scene:
        web = await a_standing_cluster(scene, 4)
        scene.world.set_load(web, 100)
        await scene.with_ticks(1)
        before = {server.server_id for server in await scene.servers()}
        for node in await scene.nodes(web):
            scene.world.hold(web, node.id, 5, 60)
        await scene.resize(web, 2)
        await scene.go_on(1, steps=0.5)
        assert sum(node.leaving is not None for node in await scene.nodes(web)) == 2
        await scene.resize(web, 5)
        await scene.go_on(5, steps=0.5)

        servers = {server.server_id for server in await scene.servers()}
        assert before <= servers
        assert len(servers) == 5
        assert len(await scene.events("node.taken_back")) == 2


async def rolled(scene: Scene, web, least: int, most: int, seconds: int = 60) -> None:
    """Let an update go on, and see that there are never too few or too many in service."""
    for _ in range(seconds):
        await scene.with_ticks(1)
        assert len(await in_service(scene, web)) >= least
        assert len(await scene.servers()) <= most


async def test_an_update_replaces_all_without_ever_having_too_few():
    async with a_scene(boot_s=2) as scene:
        web = await a_standing_cluster(scene, 4)
        await scene.add_profile(builders.a_profile(builders.NEW))
        wish = await scene.wish(web, Verb.CLUSTER_UPDATE, **an_update(scene))
        await rolled(scene, web, least=4, most=6)

        cluster = await scene.cluster(web)
        assert cluster.profile_id == builders.NEW
        assert cluster.rollout.state is RolloutState.DONE
        assert {node.profile_id for node in await scene.nodes(web)} == {builders.NEW}
        assert len(await scene.servers()) == 4
        assert await scene.ended(wish) is ActionStatus.SUCCEEDED


@pytest.mark.slow
async def test_a_paused_update_stands_still_and_goes_on_when_resumed():
    async with a_scene(boot_s=2) as scene:
        web = await a_standing_cluster(scene, 4)
        await scene.add_profile(builders.a_profile(builders.NEW))
        await scene.wish(web, Verb.CLUSTER_UPDATE, **an_update(scene, max_surge=Amount(1)))
        await scene.with_ticks(6)
        rollout = (await scene.cluster(web)).rollout
        paused = rollout.turned(RolloutState.PAUSED, scene.clock.now(), "look first")
        await scene.wish(web, Verb.CLUSTER_UPDATE, rollout=paused)
        await scene.with_ticks(10)
        seen = {node.id: node.profile_id for node in await scene.nodes(web)}
        assert set(seen.values()) == {builders.OLD, builders.NEW}
        await scene.with_ticks(20)
        assert {node.id: node.profile_id for node in await scene.nodes(web)} == seen

        rollout = (await scene.cluster(web)).rollout
        resumed = rollout.turned(RolloutState.ROLLING, scene.clock.now(), "")
        await scene.wish(web, Verb.CLUSTER_UPDATE, rollout=resumed)
        await rolled(scene, web, least=4, most=5)
        assert (await scene.cluster(web)).profile_id == builders.NEW


@pytest.mark.slow
async def test_an_update_that_never_gets_healthy_goes_back_by_itself():
    async with a_scene(boot_s=1) as scene:
        healing = Healing(start_timeout_s=5, max_tries=2)
        web = await a_standing_cluster(scene, 3, healing=healing)
        sick = builders.a_spec(metadata={"simulated_fault": "sick"})
        await scene.add_profile(builders.a_profile(builders.NEW, server=sick))
        update = an_update(scene, progress_deadline_s=20)
        wish = await scene.wish(web, Verb.CLUSTER_UPDATE, **update)
        await rolled(scene, web, least=3, most=5, seconds=90)

        cluster = await scene.cluster(web)
        assert cluster.profile_id == builders.OLD
        assert cluster.rollout.state is RolloutState.ROLLED_BACK
        assert {node.profile_id for node in await scene.nodes(web)} == {builders.OLD}
        assert cluster.status is ClusterStatus.ACTIVE
        assert await scene.ended(wish) is ActionStatus.FAILED


async def test_a_settled_cluster_costs_no_call():
    """Twenty of them: looking costs one listing, and passes none at all."""
    async with a_scene() as scene:
        for index in range(20):
            id = builders.node_id(builders.WEB, index)
            await scene.create(2, id=id, name=f"c{index}", profile_id=id)
        await scene.with_ticks(3)
        calls = Counting(scene.cloud.compute)
        scene.engines["one"] = scene.engine_on(replace(scene.cloud, compute=calls))
        await scene.with_ticks(5, steps=5)
        calls.made.clear()
        before = passes()
        await scene.engine.ticks.sweep()
        await scene.with_ticks(150, steps=5)
        assert passes() - before == 20
        assert calls.made == ["list_servers"] * 30


def passes() -> float:
    return PASSES.labels("rest")._value.get()


async def test_a_cloud_that_is_away_is_said_once_and_its_return_too():
    async with a_scene() as scene:
        web = await a_standing_cluster(scene, 1)
        scene.world.fail("list_servers")
        await scene.with_ticks(10)
        scene.world.lift()
        await scene.with_ticks(3)
        assert len(await scene.events("cloud.unreachable")) == 1
        assert len(await scene.events("cloud.back")) == 1
        assert (await scene.cluster(web)).status is ClusterStatus.ACTIVE


async def test_pools_and_names_of_no_cluster_are_swept_away():
    async with a_scene() as scene:
        web = await a_standing_cluster(scene, 1)
        pool = await scene.cloud.balancer.pool(web)
        stranger = builders.node_id(builders.WEB, 77)
        front = builders.a_front(builders.a_cluster(id=stranger, service=serving(port=9999)))
        await scene.cloud.balancer.put_pool(PoolWanted(front=front))
        await scene.cloud.dns.put_record("old.example.org", pool.address, stranger)
        await scene.engine.ticks.sweep()
        assert await scene.cloud.balancer.list_pools() == [web]
        assert await scene.cloud.dns.list_records() == []


async def test_what_happened_while_no_engine_ran_is_seen_at_the_next_start():
    async with a_scene() as scene:
        web = await a_standing_cluster(scene, 3)
        (node, *_) = await scene.nodes(web)
        scene.world.break_server(node.ref)
        scene.clock.advance(60)
        scene.restart()
        await scene.with_ticks(10)
        assert [each.incarnation for each in await scene.nodes(web)] == [2, 1, 1]


async def test_servers_that_all_vanished_while_no_engine_ran_are_missed():
    """A cloud that lists nothing at all of a cluster has nothing to compare."""
    async with a_scene() as scene:
        web = await a_standing_cluster(scene, 1)
        for server in await scene.servers():
            await scene.cloud.compute.delete_server(server.ref)
        scene.clock.advance(60)
        scene.restart()
        await scene.with_ticks(10)
        assert len(await scene.servers()) == 1
        assert [each.incarnation for each in await scene.nodes(web)] == [2]


async def test_a_server_listed_just_before_its_cluster_went_is_no_stray():
    async with a_scene() as scene:
        web = await a_standing_cluster(scene, 1)
        going = Once("after", "list_servers", lambda: gone(scene, web))
        other = scene.engine_on(fated(scene.cloud, going), "looker")
        scene.clock.advance(60)
        await other.ticks.look(SIM)
        assert not await scene.exists(web)
        assert await scene.events("server.stray") == []


async def gone(scene: Scene, cluster_id) -> None:
    await scene.delete(cluster_id)
    await scene.go_on(10)


async def test_the_past_goes_away_after_its_days():
    async with a_scene() as scene:
        await a_scaling_cluster(scene)
        assert await scene.events()
        await scene.engine.ticks.trim()
        assert await scene.events()
        scene.clock.advance(timedelta(days=31).total_seconds())
        assert await scene.engine.ticks.trim() > 0
        assert await scene.events() == []
        assert await scene.actions() == []


async def test_tokens_that_have_expired_are_not_kept():
    async with a_scene() as scene:
        now = scene.clock.now()
        ends = {"soon": now + timedelta(hours=1), "later": now + timedelta(hours=3), "never": None}
        for note, end in ends.items():
            token = a_token(note, now, end)
            await scene.store.write(lambda tx, token=token: tx.tokens.put(token))
        scene.clock.advance(timedelta(hours=2).total_seconds())

        assert await scene.engine.ticks.trim() == 1

        left = await scene.store.read(lambda tx: tx.tokens.find(Query()))
        assert {each.note for each in left} == {"later", "never"}


def a_token(note, made, end) -> Token:
    return Token(
        id=uuid5(NAMESPACE_OID, note),
        project="demo",
        user="ann",
        roles=("member",),
        digest=note,
        created_at=made,
        expires_at=end,
        note=note,
    )
