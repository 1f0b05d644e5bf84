"""Where a simulated world puts machines: groups kept together or apart, zones by any name."""

from dataclasses import replace
from uuid import uuid4

import pytest

from drivers.simulated.worlds import a_scene, an_order
from muster.base.errors import Transient
from muster.model.placement import Affinity, Group
from muster.model.step import ServerOrder


def ordered(affinity: Affinity, count: int) -> list[ServerOrder]:
    cluster, group = uuid4(), Group(id=uuid4(), name="us", affinity=affinity)
    return [replace(an_order(cluster, index), group=group) for index in range(count)]


async def test_two_that_are_to_be_apart_never_share_a_host_however_few_there_are() -> None:
    scene = await a_scene(zones=["a"], hosts=2)
    compute = scene.cloud.compute
    one, two, three = ordered(Affinity.ANTI_AFFINITY, 3)
    first = await compute.create_server(one)
    await scene.create(uuid4())  # somebody else's, which takes the next host's turn
    second = await compute.create_server(two)
    assert first.host != second.host
    with pytest.raises(Transient, match="group us"):
        await compute.create_server(three)
    await compute.delete_server(first.ref)
    assert (await compute.create_server(three)).host == first.host


async def test_those_who_had_rather_be_apart_share_where_every_host_has_one() -> None:
    scene = await a_scene(zones=["a"], hosts=2)
    orders = ordered(Affinity.SOFT_ANTI_AFFINITY, 4)
    hosts = [(await scene.cloud.compute.create_server(each)).host for each in orders]
    assert sorted(hosts[:2]) == sorted(hosts[2:]) == ["a-h1", "a-h2"]


async def test_those_who_are_to_be_together_wait_where_their_host_is_full() -> None:
    scene = await a_scene(zones=["a"], hosts=2, slots=2)
    orders = ordered(Affinity.AFFINITY, 3)
    hosts = {(await scene.cloud.compute.create_server(each)).host for each in orders[:2]}
    assert len(hosts) == 1
    with pytest.raises(Transient):
        await scene.cloud.compute.create_server(orders[2])
    rather = [replace(e, group=replace(e.group, affinity=Affinity.SOFT_AFFINITY)) for e in orders]
    assert (await scene.cloud.compute.create_server(rather[2])).host not in hosts


async def test_a_group_is_known_again_after_a_restart(tmp_path) -> None:
    file = str(tmp_path / "world")
    scene = await a_scene(world="file", file=file, zones=["a"], hosts=2)
    one, two = ordered(Affinity.ANTI_AFFINITY, 2)
    first = await scene.cloud.compute.create_server(one)
    await scene.cloud.close()
    again = await a_scene(world="file", file=file, zones=["a"], hosts=2)
    await again.create(uuid4())
    assert (await again.cloud.compute.create_server(two)).host != first.host
    await again.cloud.close()


async def test_a_zone_of_any_name_will_do_where_names_are_not_looked_up() -> None:
    scene = await a_scene(accept_any=True, zones=["a"], hosts=2)
    order = replace(an_order(uuid4()), zone="ZONE1")
    server = await scene.cloud.compute.create_server(order)
    assert (server.zone, server.host) == ("ZONE1", "ZONE1-h2")
    assert [each.zone for each in await scene.listed()] == ["ZONE1"]
