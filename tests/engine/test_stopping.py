"""Servers that are stopped before they are deleted, where their cluster says so."""

import pytest

import builders
from engine.world import a_scene
from muster.decide.departures import STOP_FIRST, STOP_TIMEOUT
from muster.model.action import ActionStatus, Verb
from muster.model.cluster import ClusterStatus, Healing
from muster.model.rollout import Rollout, RolloutState, Strategy, UpdateKind

CALM = Healing(enabled=False, max_tries=3)
IN_PLACE = Strategy(kind=UpdateKind.IN_PLACE, auto_rollback=False)


async def shrunk(scene, **config):
    """Take one of three nodes away; return the wish."""
    web = await scene.create(3, healing=CALM, config=config)
    await scene.with_ticks(4)
    wish = await scene.wish(web, Verb.CLUSTER_SCALE_IN, desired=2)
    await scene.with_ticks(5)
    assert await scene.ended(wish) is ActionStatus.SUCCEEDED
    assert len(await scene.servers()) == 2
    assert (await scene.cluster(web)).status is ClusterStatus.ACTIVE
    return wish


async def test_a_server_stops_before_it_goes():
    async with a_scene() as scene:
        wish = await shrunk(scene, **{STOP_FIRST: True})
        (stop,) = await scene.actions(Verb.NODE_OPERATION)
        assert (stop.status, stop.parent) == (ActionStatus.SUCCEEDED, wish.id)
        assert stop.name.startswith("node_stop_")
        assert stop.inputs == {"operation": "stop", "update_parent_status": False}
        (gone,) = await scene.actions(Verb.NODE_DELETE)
        assert gone.target == stop.target
        assert gone.started_at >= stop.ended_at


@pytest.mark.parametrize("error", ["transient", "permanent"])
async def test_one_that_cannot_stop_goes_all_the_same(error):
    async with a_scene() as scene:
        scene.world.fail("operate_server", error)
        await shrunk(scene, **{STOP_FIRST: True})
        (stop,) = await scene.actions(Verb.NODE_OPERATION)
        assert stop.status is not ActionStatus.SUCCEEDED
        assert stop.ended


async def test_nobody_is_stopped_unless_the_cluster_says_so():
    async with a_scene() as scene:
        await shrunk(scene)
        assert await scene.actions(Verb.NODE_OPERATION) == []


# -- before an update in place


async def begun(scene, **config):
    """Begin to bring two nodes to another profile in their places; return cluster and wish."""
    web = await scene.create(2, healing=CALM, config=config, strategy=IN_PLACE)
    await scene.with_ticks(4)
    await scene.add_profile(builders.a_profile(builders.NEW))
    now = scene.clock.now()
    rollout = Rollout(
        id=builders.uuid5(web, str(now)),
        from_profile=builders.OLD,
        to_profile=builders.NEW,
        strategy=IN_PLACE,
        started_at=now,
        progress_at=now,
    )
    return web, await scene.wish(web, Verb.CLUSTER_UPDATE, rollout=rollout)


async def is_updated(scene, web, wish):
    assert await scene.ended(wish) is ActionStatus.SUCCEEDED
    nodes = await scene.nodes(web)
    assert {(each.profile_id, each.incarnation) for each in nodes} == {(builders.NEW, 2)}
    assert {(each.status, each.parked, each.stopping_until) for each in nodes} == {
        ("ACTIVE", "", None)
    }
    assert len(await scene.servers()) == 2
    assert {each.ended for each in await scene.actions()} == {True}


async def test_a_server_stops_before_its_next_one_is_made():
    async with a_scene() as scene:
        web, wish = await begun(scene, **{STOP_TIMEOUT: 30})
        await scene.with_ticks(10)
        await is_updated(scene, web, wish)
        stops = await scene.actions(Verb.NODE_OPERATION)
        assert {(each.status, each.parent) for each in stops} == {(ActionStatus.SUCCEEDED, wish.id)}
        assert len(stops) == 2
        assert await scene.events("node.sick") == []


@pytest.mark.slow
@pytest.mark.parametrize("error", ["transient", "permanent", "lost"])
async def test_one_that_cannot_stop_is_updated_all_the_same(error):
    async with a_scene() as scene:
        scene.world.fail("operate_server", error)
        web, wish = await begun(scene, **{STOP_TIMEOUT: "30"})
        await scene.with_ticks(40)
        await is_updated(scene, web, wish)


@pytest.mark.slow
async def test_what_was_stopped_for_an_update_gets_its_next_server_whatever_becomes_of_it():
    """Turned back while they stop, the nodes are not left without a server that runs."""
    async with a_scene() as scene:
        web, wish = await begun(scene, **{STOP_TIMEOUT: 60})
        scene.world.fail("create_server", "transient", times=4)
        await scene.go_on()
        cluster = await scene.cluster(web)
        back = cluster.rollout.turned(RolloutState.ROLLING_BACK, scene.clock.now(), "not so")
        await scene.wish(web, Verb.CLUSTER_UPDATE, rollout=back)
        await scene.with_ticks(80)
        nodes = await scene.nodes(web)
        assert {(each.profile_id, each.status, each.parked) for each in nodes} == {
            (builders.OLD, "ACTIVE", "")
        }
        assert len(await scene.servers()) == 2
        assert await scene.ended(wish) is ActionStatus.FAILED


async def test_a_server_is_not_stopped_before_an_update_unless_its_cluster_says_so():
    async with a_scene() as scene:
        web, wish = await begun(scene)
        await scene.with_ticks(10)
        await is_updated(scene, web, wish)
        assert await scene.actions(Verb.NODE_OPERATION) == []
