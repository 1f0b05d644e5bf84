"""Bastions: made once, healed where people find them, and gone before their cluster is."""

from dataclasses import replace
from uuid import UUID

import pytest

import builders
from engine.cuts import engine_meeting, until_cut
from engine.fate import CutAt
from engine.world import a_scene
from muster.engine.sweep import tidy
from muster.model.cloud import Ability, Gate
from muster.model.node import NodeStatus, bastion_id
from muster.model.pool import Traffic
from muster.ports.store import Query

GUARD = UUID(int=501)
BASTION = bastion_id(builders.WEB)
SOME = pytest.mark.parametrize("every", [pytest.param(5, marks=pytest.mark.slow), 97])


def lets_in(scene):
    """Have the cloud of a scene build bastions."""
    about = scene.cloud.about
    cannot = {k: v for k, v in about.cannot.items() if k is not Ability.BASTION}
    about = replace(about, cannot=cannot, gate=Gate(port=2022))
    scene.cloud = replace(scene.cloud, about=about)


async def wished(scene):
    lets_in(scene)
    await scene.add_profile(builders.a_profile(GUARD))
    service = builders.a_service(address="", drain_s=1)
    return await scene.create(2, service=service, create_bastion=True, bastion=GUARD)


async def nodes_of(scene):
    return await scene.store.read(lambda tx: tx.nodes.find(Query()))


async def test_a_bastion_comes_with_its_cluster_and_is_no_member_of_it():
    async with a_scene() as scene:
        await wished(scene)
        await scene.with_ticks(6)

        node = await scene.node(BASTION)
        assert (node.status, node.cluster_id, node.name) == (NodeStatus.ACTIVE, None, "web-bastion")
        assert len(await scene.nodes(builders.WEB)) == 2
        assert len(await scene.servers()) == 3
        pool = await scene.cloud.balancer.pool(BASTION)
        assert (pool.port, [each.port for each in pool.members.values()]) == (2022, [22])
        keeper = await scene.store.read(lambda tx: tx.solos.get(BASTION))
        assert (keeper.service.traffic, keeper.service.address) == (Traffic.TCP, pool.address)
        assert await scene.events("server.stray") == []
        assert not await scene.due()


async def test_a_bastion_that_dies_is_made_anew_behind_the_same_address():
    async with a_scene() as scene:
        await wished(scene)
        await scene.with_ticks(6)
        before, pool = await scene.node(BASTION), await scene.cloud.balancer.pool(BASTION)
        scene.world.break_server(before.ref)
        await scene.with_ticks(20)

        node = await scene.node(BASTION)
        assert (node.status, node.incarnation) == (NodeStatus.ACTIVE, 2)
        again = await scene.cloud.balancer.pool(BASTION)
        assert again.address == pool.address
        assert [each.address for each in again.members.values()] == [node.address]
        assert len(await scene.servers()) == 3


async def test_a_bastion_that_runs_and_lets_nobody_in_is_made_anew():
    async with a_scene() as scene:
        await wished(scene)
        await scene.with_ticks(6)
        before = await scene.node(BASTION)
        scene.world.make_sick(before.ref)
        await scene.with_ticks(40)

        node = await scene.node(BASTION)
        assert (node.status, node.incarnation) == (NodeStatus.ACTIVE, 2)
        assert len(await scene.servers()) == 3
        assert not await scene.due()


async def test_its_pool_is_not_taken_for_one_that_nobody_has():
    async with a_scene() as scene:
        await wished(scene)
        await scene.with_ticks(6)
        engine = scene.engine
        for reach in engine.site.clouds.values():
            await tidy(engine.site, reach)

        assert await scene.cloud.balancer.pool(BASTION) is not None


async def gone(scene, moment=""):
    assert not await scene.exists(builders.WEB), moment
    assert await scene.servers() == [], moment
    assert await scene.cloud.balancer.list_pools() == [], moment
    assert await nodes_of(scene) == [], moment
    left = await scene.store.read(lambda tx: tx.solos.find(Query()) + tx.profiles.find(Query()))
    assert left == [], moment


async def test_a_cluster_is_not_gone_before_its_bastion():
    async with a_scene(delete_s=3) as scene:
        await wished(scene)
        await scene.with_ticks(6)
        await scene.delete(builders.WEB)
        await scene.with_ticks(2)
        assert await scene.exists(builders.WEB)
        await scene.with_ticks(15)
        await gone(scene)


@SOME
async def test_a_power_cut_at_any_moment_leaves_one_bastion(every):
    async def made(scene, meets):
        await wished(scene)
        return await until_cut(engine_meeting(scene, meets), scene)

    async with a_scene() as scene:
        uncut = CutAt()
        assert not await made(scene, uncut)
    for nth, moment in list(enumerate(uncut.moments))[::every]:
        async with a_scene() as scene:
            assert await made(scene, CutAt(nth)), moment
            scene.restart()
            await scene.with_ticks(25)
            assert len(await scene.servers()) == 3, moment
            assert {each.status for each in await nodes_of(scene)} == {NodeStatus.ACTIVE}, moment
            assert await scene.events("server.stray") == [], moment


@SOME
async def test_a_power_cut_while_deleting_leaves_no_bastion(every):
    async def deleted(scene, meets):
        await wished(scene)
        await scene.with_ticks(6)
        await scene.delete(builders.WEB)
        return await until_cut(engine_meeting(scene, meets), scene)

    async with a_scene(delete_s=0.5) as scene:
        uncut = CutAt()
        assert not await deleted(scene, uncut)
    for nth, moment in list(enumerate(uncut.moments))[::every]:
        async with a_scene(delete_s=0.5) as scene:
            assert await deleted(scene, CutAt(nth)), moment
            scene.restart()
            await scene.with_ticks(30)
            await gone(scene, moment)
