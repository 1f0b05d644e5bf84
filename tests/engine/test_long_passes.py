"""Many servers asked for at once, of a cloud that makes one after another."""

import builders
from engine.fate import CutAfter
from engine.test_trouble import engine_meeting, until_cut
from engine.world import a_scene
from muster.model.cluster import ClusterStatus

TURN_S = 20  # so long does each creation take: the last of twelve waits for four minutes


def slowly(scene, after=None):
    """Return what meets every call: creations take their time."""

    async def meets(when, name):
        if (when, name) == ("before", "create_server"):
            scene.clock.advance(TURN_S)
        if after:
            await after(when, name)

    return meets


async def is_made_once(scene):
    nodes = await scene.nodes(builders.WEB)
    assert {node.incarnation for node in nodes} == {1}
    assert (await scene.cluster(builders.WEB)).status is ClusterStatus.ACTIVE
    assert {each.ref for each in await scene.servers()} == {node.ref for node in nodes}


async def test_waiting_for_a_turn_is_not_held_against_a_start():
    async with a_scene() as scene:
        await scene.create(12, service=builders.a_service(address=""))
        engine = engine_meeting(scene, slowly(scene))
        assert not await until_cut(engine, scene, 10)
        await is_made_once(scene)


async def test_nor_is_it_where_the_power_goes_meanwhile():
    async with a_scene() as scene:
        await scene.create(12, service=builders.a_service(address=""))
        cut = CutAfter("create_server", 10)
        assert await until_cut(engine_meeting(scene, slowly(scene, cut)), scene, 10)
        scene.restart()
        await scene.with_ticks(40)
        await is_made_once(scene)
