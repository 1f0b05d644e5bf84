"""Volumes go along with their nodes: to the next server where they lie, and not elsewhere."""

from uuid import UUID

import pytest

import builders
from engine.world import Scene, a_scene
from muster.engine.lending import lend
from muster.model.volume import VolumeOrder

DATA = UUID(int=900)
SERVICE = builders.a_service(address="", dns_name="", drain_s=1)


async def given(scene: Scene, path: str = "/srv/data"):
    """Return a node of a cluster in service that was given a volume by hand."""
    web = await scene.create(1, service=SERVICE)
    await scene.with_ticks(10)
    await scene.go_on(2)
    [node] = await scene.nodes(web)
    volumes = scene.cloud.volumes
    order = VolumeOrder(volume_id=DATA, name="data", project="demo", size_gib=1, host=node.host)
    await volumes.create_volume(order)
    await volumes.attach_volume(DATA, node.ref, path)
    return node


async def lent(scene: Scene) -> None:
    for reach in scene.engine.site.clouds.values():
        await lend(scene.engine.site, reach)


async def seen(scene: Scene):
    [volume] = await scene.cloud.volumes.list_volumes()
    return volume


@pytest.mark.parametrize("restarted", [False, True])
async def test_the_next_server_of_a_node_gets_its_volume_at_the_same_place(restarted):
    async with a_scene(zones=["z1"], hosts=1) as scene:
        node = await given(scene)
        scene.world.break_server(node.ref)
        await scene.with_ticks(15)
        if restarted:
            scene.restart()
        await lent(scene)
        again, volume = await scene.node(node.id), await seen(scene)
        assert again.incarnation == 2
        assert (volume.server_ref, volume.path) == (again.ref, "/srv/data")
        [event] = await scene.events("volume.followed")
        assert (event.oid, event.data["volume"]) == (node.id, "data")
        await lent(scene)
        assert len(await scene.events("volume")) == 1


async def test_a_volume_that_lies_elsewhere_stays_there_and_that_is_said_once():
    async with a_scene(zones=["z1", "z2"], hosts=2, offline_s=12) as scene:
        node = await given(scene)
        scene.world.lose(node.host)
        await scene.with_ticks(40)
        for _ in range(3):
            await lent(scene)
        again, volume = await scene.node(node.id), await seen(scene)
        assert again.host != node.host
        assert (volume.server_ref, volume.host) == (node.ref, node.host)
        [event] = await scene.events("volume")
        assert event.kind == "volume.left"
        assert f"lies on {node.host}, and {node.name} is on {again.host} now" in event.reason


async def test_what_was_taken_away_by_hand_follows_nobody():
    async with a_scene() as scene:
        node = await given(scene)
        await scene.cloud.volumes.detach_volume(DATA)
        scene.world.break_server(node.ref)
        await scene.with_ticks(15)
        await lent(scene)
        volume = await seen(scene)
        assert (volume.server_ref, volume.node_id) == ("", None)


async def test_a_volume_of_a_node_that_is_gone_is_nobodys():
    async with a_scene() as scene:
        node = await given(scene)
        await scene.delete(node.cluster_id)
        await scene.with_ticks(10)
        await lent(scene)
        assert (await seen(scene)).server_ref == ""
        assert await scene.events("volume") == []
