"""Hosts are lost and come back: who is replaced elsewhere, who is waited for, and who goes."""

import pytest

import builders
from engine.world import Scene, a_scene
from muster.model.cluster import ClusterStatus, Healing
from muster.model.node import NodeStatus
from muster.model.observed import Seen

SERVICE = builders.a_service(address="", dns_name="", drain_s=1)
THREE = {"zones": ["z1", "z2", "z3"], "hosts": 3, "offline_s": 12, "create_s": 1, "boot_s": 1}
GIVEN_UP_S = 25  # by then what is on a dead host was replaced


async def spread(scene: Scene, size: int = 3, **but):
    """Return a cluster in service over three hosts, and the host that is about to be lost."""
    web = await scene.create(size, service=SERVICE, **but)
    await scene.with_ticks(10)
    await scene.go_on(2)
    nodes = await scene.nodes(web)
    assert {node.status for node in nodes} == {NodeStatus.ACTIVE}
    assert len({node.host for node in nodes}) == min(size, 3)
    return web, nodes[0].host


async def one_server_each(scene: Scene, web) -> None:
    nodes, servers = await scene.nodes(web), await scene.servers()
    assert sorted(each.server_id for each in servers) == sorted(n.server_id for n in nodes)
    assert {each.seen for each in servers} == {Seen.RUNNING}
    assert (await scene.cluster(web)).status is ClusterStatus.ACTIVE
    pool = await scene.cloud.balancer.pool(web)
    assert {each.address for each in pool.members.values()} == {each.address for each in servers}
    assert not await scene.due()


def incarnations(nodes):
    return [node.incarnation for node in nodes]


@pytest.mark.parametrize("fate", ["lose", "cut_off"])
@pytest.mark.parametrize("size", [1, 3, 9])
async def test_what_was_on_a_dead_host_is_served_elsewhere_and_none_twice(fate, size):
    async with a_scene(**THREE) as scene:
        web, host = await spread(scene, size)
        there = {node.id for node in await scene.nodes(web) if node.host == host}
        getattr(scene.world, fate)(host)
        await scene.with_ticks(GIVEN_UP_S)
        await scene.go_on(3)
        nodes = await scene.nodes(web)
        assert {node.id for node in nodes if node.incarnation == 2} == there
        assert host not in {node.host for node in nodes}
        assert {node.status for node in nodes} == {NodeStatus.ACTIVE}
        assert not await scene.due(), "nobody waits for the host"
        assert await scene.events("storm") == []

        scene.world.power_back(host)
        await scene.with_ticks(10)
        assert incarnations(await scene.nodes(web)) == incarnations(nodes)
        await one_server_each(scene, web)


@pytest.mark.slow
async def test_who_still_answers_is_never_replaced():
    async with a_scene(**THREE) as scene:
        web, host = await spread(scene)
        scene.world.silence(host)
        await scene.with_ticks(300, steps=5)
        assert incarnations(await scene.nodes(web)) == [1, 1, 1]
        assert {node.reason for node in await scene.nodes(web) if node.host == host} == {
            "its host does not answer, but it does itself"
        }
        scene.world.power_back(host)
        await scene.with_ticks(5)
        await one_server_each(scene, web)


@pytest.mark.slow
@pytest.mark.parametrize("away_s", [1, 5, 11])
async def test_a_host_back_in_time_keeps_what_it_had(away_s):
    async with a_scene(**{**THREE, "create_s": 6, "boot_s": 40}) as scene:
        web = await scene.create(3, service=SERVICE)
        await scene.with_ticks(60)
        host = (await scene.nodes(web))[0].host
        scene.world.lose(host)
        await scene.with_ticks(away_s)
        scene.world.power_back(host)
        await scene.with_ticks(60)
        assert incarnations(await scene.nodes(web)) == [1, 1, 1]
        await one_server_each(scene, web)


@pytest.mark.slow
async def test_what_does_not_come_into_service_with_its_host_is_replaced():
    async with a_scene(**THREE) as scene:
        web, host = await spread(scene, healing=Healing(start_timeout_s=30))
        [ref] = [node.ref for node in await scene.nodes(web) if node.host == host]
        scene.world.lose(host)
        await scene.with_ticks(5)
        scene.world.make_sick(ref)
        scene.world.power_back(host)
        await scene.with_ticks(25)
        assert incarnations(await scene.nodes(web)) == [1, 1, 1]
        await scene.with_ticks(20)
        assert sorted(incarnations(await scene.nodes(web))) == [1, 1, 2]
        await one_server_each(scene, web)


@pytest.mark.slow
async def test_while_most_hosts_are_silent_nothing_is_replaced():
    async with a_scene(**THREE) as scene:
        web, _ = await spread(scene, 9)
        hosts = sorted({node.host for node in await scene.nodes(web)})[:2]
        for host in hosts:
            scene.world.lose(host)
        await scene.with_ticks(200, steps=2)
        assert set(incarnations(await scene.nodes(web))) == {1}
        assert (await scene.cluster(web)).status is ClusterStatus.WARNING
        for host in hosts:
            scene.world.power_back(host)
        await scene.with_ticks(15)
        assert set(incarnations(await scene.nodes(web))) == {1}
        await one_server_each(scene, web)


@pytest.mark.slow
async def test_several_dead_hosts_are_a_storm_that_is_tried_again_with_care():
    async with a_scene(**{**THREE, "hosts": 9}) as scene:
        web = await scene.create(9, service=SERVICE)
        await scene.with_ticks(10)
        hosts = sorted({node.host for node in await scene.nodes(web)})
        assert len(hosts) == 9
        for host in hosts[:4]:
            scene.world.lose(host)
        await scene.with_ticks(GIVEN_UP_S)
        assert set(incarnations(await scene.nodes(web))) == {1}
        assert len(await scene.events("storm.began")) == 1
        await scene.with_ticks(120)
        assert sorted(incarnations(await scene.nodes(web))) == [1] * 5 + [2] * 4


@pytest.mark.slow
async def test_without_an_application_to_ask_only_fenced_hosts_lose_what_they_had():
    for fencing, expected in ((False, [1, 1, 1]), (True, [1, 1, 2])):
        async with a_scene(**THREE) as scene:
            web = await scene.create(3, healing=Healing(fencing=fencing))
            await scene.with_ticks(10)
            scene.world.lose((await scene.nodes(web))[0].host)
            await scene.with_ticks(60)
            assert sorted(incarnations(await scene.nodes(web))) == expected


@pytest.mark.slow
async def test_a_place_that_was_being_filled_when_its_host_died_is_filled_elsewhere():
    async with a_scene(**{**THREE, "boot_s": 30}) as scene:
        web = await scene.create(3, service=SERVICE)
        await scene.with_ticks(5)
        host = (await scene.nodes(web))[0].host
        scene.world.lose(host)
        await scene.with_ticks(80)
        nodes = await scene.nodes(web)
        assert host not in {node.host for node in nodes}
        assert {node.status for node in nodes} == {NodeStatus.ACTIVE}


async def test_an_engine_that_starts_meanwhile_knows_since_when_a_host_is_away():
    async with a_scene(**THREE) as scene:
        web, host = await spread(scene)
        scene.world.lose(host)
        await scene.with_ticks(12)
        scene.restart()
        await scene.with_ticks(16)
        assert sorted(incarnations(await scene.nodes(web))) == [1, 1, 2]
        scene.world.power_back(host)
        scene.restart()
        await scene.with_ticks(10)
        await one_server_each(scene, web)


async def test_wishes_come_true_while_a_host_is_dead_and_what_was_left_there_goes_with_it():
    async with a_scene(**THREE) as scene:
        web, host = await spread(scene)
        scene.world.lose(host)
        await scene.with_ticks(GIVEN_UP_S)
        grown = await scene.resize(web, 4)
        await scene.with_ticks(10)
        assert (await scene.ended(grown)).value == "SUCCEEDED"
        await scene.delete(web)
        await scene.with_ticks(20)
        assert not await scene.exists(web)
        await returned(scene, host)


async def returned(scene: Scene, host: str, left=()) -> None:
    """A host is back, and what was let go with it goes at once, however long a stray has."""
    assert {each.host for each in await scene.servers() if each.ref not in left} == {host}
    scene.world.power_back(host)
    await scene.with_ticks(10)
    assert [each.ref for each in await scene.servers() if each.ref not in left] == []
    kinds = {each.kind for each in await scene.events("server")}
    assert "server.left_behind" in kinds
    assert "server.stray" not in kinds


async def test_a_deletion_does_not_wait_for_a_dead_host():
    async with a_scene(**THREE) as scene:
        web, host = await spread(scene)
        scene.world.lose(host)
        gone = await scene.delete(web)
        await scene.with_ticks(10)
        assert await scene.exists(web), "the host may be back in a moment"
        await scene.with_ticks(GIVEN_UP_S)
        assert not await scene.exists(web)
        assert (await scene.ended(gone)).value == "SUCCEEDED"
        await returned(scene, host)


async def test_a_place_that_is_too_many_goes_with_its_dead_host():
    async with a_scene(**THREE) as scene:
        web, host = await spread(scene)
        scene.world.lose(host)
        await scene.go_on(1)
        smaller = await scene.resize(web, 2)
        await scene.with_ticks(GIVEN_UP_S)
        assert (await scene.ended(smaller)).value == "SUCCEEDED"
        nodes = await scene.nodes(web)
        assert {node.status for node in nodes} == {NodeStatus.ACTIVE}
        assert len(nodes) == 2
        assert not await scene.due(), "nobody waits for the host"
        await returned(scene, host, left={node.ref for node in nodes})
        assert (await scene.cluster(web)).remains == ()


async def test_who_still_answers_keeps_a_deletion_waiting_unless_somebody_insists():
    async with a_scene(**THREE) as scene:
        web, host = await spread(scene)
        scene.world.silence(host)
        await scene.delete(web)
        await scene.with_ticks(60)
        assert await scene.exists(web)
        await scene.insist(web)
        await scene.with_ticks(5)
        assert not await scene.exists(web)
        await returned(scene, host)


async def test_an_engine_that_starts_anew_knows_what_was_let_go():
    async with a_scene(**THREE) as scene:
        web, host = await spread(scene)
        scene.world.lose(host)
        await scene.with_ticks(12)
        await scene.delete(web)
        await scene.with_ticks(GIVEN_UP_S)
        assert not await scene.exists(web)
        scene.restart()
        await scene.with_ticks(5)
        await returned(scene, host)
