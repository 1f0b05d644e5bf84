"""Servers that are stopped before they are deleted, where their cluster says so."""

import pytest

from engine.world import a_scene
from muster.decide.departures import STOP_FIRST
from muster.model.action import ActionStatus, Verb
from muster.model.cluster import ClusterStatus, Healing

CALM = Healing(enabled=False, max_tries=3)


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
