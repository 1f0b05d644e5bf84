"""The power goes in the middle of requests, updates in place and departures: all of it heals."""

from dataclasses import replace

import pytest

import builders
from engine.asked import CALM, IN_PLACE, Letters, operation_on_all, update
from engine.cuts import EVERY, engine_meeting, until_cut
from engine.fate import CutAt
from engine.world import Scene, a_scene
from muster.decide.departures import STOP_TIMEOUT
from muster.decide.requests import is_request
from muster.model.action import ActionStatus, Verb
from muster.model.capacity import Amount
from muster.model.cluster import ClusterStatus
from muster.model.node import NodeStatus
from muster.model.removal import Hook, Removal
from muster.ports.store import Query

S = ActionStatus


async def recovered(scene: Scene) -> None:
    first, *_ = await scene.nodes(builders.WEB)
    await scene.cloud.compute.delete_server(first.ref)
    await scene.wish(builders.WEB, Verb.CLUSTER_RECOVER)


async def rebooted(scene: Scene) -> None:
    first, *_ = await scene.nodes(builders.WEB)
    await scene.ask(first.id, Verb.NODE_RECOVER, operation="REBOOT")


async def paused(scene: Scene) -> None:
    await operation_on_all(scene, builders.WEB, "pause")


async def updated(scene: Scene) -> None:
    await update(scene, builders.WEB, max_unavailable=Amount(1))


async def stopped_and_updated(scene: Scene) -> None:
    cluster = await scene.cluster(builders.WEB)
    stops = replace(cluster, config={STOP_TIMEOUT: 5})
    await scene.store.write(lambda tx: tx.clusters.put(stops))
    await updated(scene)


async def let_go(scene: Scene, **removal) -> None:
    cluster = await scene.cluster(builders.WEB)
    kept = replace(cluster, removal=Removal(**removal))
    await scene.store.write(lambda tx: tx.clusters.put(kept))
    await scene.wish(builders.WEB, Verb.CLUSTER_SCALE_IN, desired=1)


async def left(scene: Scene) -> None:
    await let_go(scene, destroy=False)


async def asked_about(scene: Scene) -> None:
    await let_go(scene, hook=Hook(queue="going", timeout_s=3))


async def cut(scene: Scene, act, meets) -> bool:
    """Do it on a cluster of two at rest, cut short where fate says; return whether it was."""
    await scene.create(2, healing=CALM, strategy=IN_PLACE)
    await scene.with_ticks(4)
    await act(scene)
    engine = engine_meeting(scene, meets)
    engine.ask_by(Letters())
    return await until_cut(engine, scene)


async def is_whole(scene: Scene) -> None:
    """After a restart everything comes to its end, and to no more than that."""
    scene.restart()
    scene.engine.ask_by(Letters())
    await scene.with_ticks(40)
    nodes = await scene.store.read(lambda tx: tx.nodes.find(Query()))
    assert {node.status for node in nodes} == {NodeStatus.ACTIVE}
    assert {each.ref for each in await scene.servers()} == {node.ref for node in nodes}
    assert (await scene.cluster(builders.WEB)).status is ClusterStatus.ACTIVE
    actions = await scene.actions()
    assert [each for each in actions if not each.ended] == []
    told = [each for each in actions if "update_parent_status" not in each.inputs]
    assert {each.status for each in told} == {S.SUCCEEDED}
    asked = [each for each in actions if is_request(each)]
    assert len({each.id for each in asked}) == len(asked)
    assert max(node.incarnation for node in nodes) <= 2
    assert await scene.events("server") == []
    assert not await scene.due()


@EVERY
@pytest.mark.parametrize(
    "act",
    [recovered, rebooted, paused, updated, stopped_and_updated, left, asked_about],
    ids=lambda act: act.__name__,
)
async def test_a_power_cut_at_any_moment_heals(act, every):
    async with a_scene() as scene:
        uncut = CutAt()
        assert not await cut(scene, act, uncut)
        await is_whole(scene)
    assert len(uncut.moments) > 6
    for nth in range(0, len(uncut.moments), every):
        async with a_scene() as scene:
            assert await cut(scene, act, CutAt(nth)), nth
            await is_whole(scene)
