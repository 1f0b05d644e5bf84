"""What a real OpenStack does that one would not think of."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import anyio
import pytest
from msgspec import structs

from contracts.clouds import Bed
from contracts.openstack import HUGE, openstack
from muster.base.errors import Permanent, Transient
from muster.drivers.openstack.compute import OpenStackCompute
from muster.drivers.openstack.ports import MARK
from muster.drivers.openstack.rest import Rest
from muster.model.observed import Seen
from muster.model.placement import Affinity, Group
from muster.model.step import Operation, ServerOrder

pytestmark = [pytest.mark.openstack, pytest.mark.slow]


@pytest.fixture
async def bed(openstack_clouds: Path, tmp_path: Path) -> AsyncIterator[Bed]:
    async with openstack(openstack_clouds, "demo", tmp_path) as made:
        yield made


def rest_of(bed: Bed) -> Rest:
    assert isinstance(bed.cloud.compute, OpenStackCompute)
    return bed.cloud.compute.rest


async def ports_of(bed: Bed, order: ServerOrder) -> int:
    name = f"{MARK}{order.server_id}"
    return len(await rest_of(bed).listed("network", "/ports", "ports", name=name))


async def test_a_reboot_is_over_before_the_stop_that_follows_it(bed: Bed) -> None:
    """A client that waits for ACTIVE goes on at once, and is refused with 409."""
    order = bed.order(uuid4())
    server = await bed.running(order)
    await bed.cloud.compute.operate_server(server.ref, Operation.REBOOT)
    await bed.cloud.compute.operate_server(server.ref, Operation.STOP)
    assert (await bed.shown(order)).seen is Seen.STOPPED


async def test_who_must_be_apart_and_has_no_host_left_says_so_and_leaves_no_port(bed: Bed) -> None:
    """Asked for all at once, Nova's scheduler races; and says no only after it has said yes."""
    group = Group(id=uuid4(), name="apart", affinity=Affinity.ANTI_AFFINITY)
    cluster = uuid4()
    orders = [structs.replace(bed.order(cluster, index), group=group) for index in range(4)]
    async with anyio.create_task_group() as tasks:
        for each in orders:
            tasks.start_soon(bed.cloud.compute.create_server, each)

    async def settled() -> bool:
        listed = await bed.cloud.compute.list_servers(cluster)
        return len(listed) == 4 and Seen.BUILDING not in {each.seen for each in listed}

    await bed.until(settled)
    listed = await bed.cloud.compute.list_servers(cluster)
    [lost] = [each for each in listed if each.seen is Seen.BROKEN]
    assert "No valid host" in lost.reason
    hosts = {each.host for each in listed if each.seen is Seen.RUNNING}
    assert len(hosts) == 3
    order = next(each for each in orders if each.server_id == lost.server_id)
    assert await ports_of(bed, order) == 1
    await bed.cloud.compute.delete_server(lost.ref)
    await bed.gone(order)

    async def swept() -> bool:
        await bed.cloud.compute.list_servers()
        return await ports_of(bed, order) == 0

    await bed.until(swept)


async def test_what_goes_beyond_the_quota_waits_and_nothing_is_made_for_it(bed: Bed) -> None:
    """Nova says 403 of that as of what a role may not."""
    flavor = replace(bed.order(uuid4()).spec.flavor, name=HUGE["name"], vcpus=HUGE["vcpus"])
    order = bed.order(uuid4(), flavor=flavor)
    with pytest.raises(Transient, match="quota"):
        await bed.cloud.compute.create_server(order)
    assert await ports_of(bed, order) == 0
    assert not await bed.cloud.compute.list_servers(order.cluster_id)


async def test_what_nova_says_of_a_quota_is_told_from_what_a_role_may_not(bed: Bed) -> None:
    rest = rest_of(bed)
    flavors = await rest.listed("compute", "/flavors", "flavors")
    huge = next(each["id"] for each in flavors if each["name"] == HUGE["name"])
    images = await rest.listed("image", "/images", "images")
    asked = {"name": "x", "flavorRef": huge, "imageRef": images[0]["id"], "networks": "none"}
    with pytest.raises(Transient, match=r"(?i)quota") as refusal:
        await rest.post("compute", "/servers", {"server": asked})
    assert refusal.value.details["status"] == 403
    with pytest.raises(Permanent) as denied:
        await rest.get("compute", "/os-hypervisors")
    assert denied.value.details["status"] == 403


async def test_a_server_that_others_delete_is_not_there_and_its_port_goes(bed: Bed) -> None:
    order = bed.order(uuid4())
    server = await bed.running(order)
    await rest_of(bed).delete("compute", f"/servers/{server.ref}")
    await bed.gone(order)

    async def swept() -> bool:
        await bed.cloud.compute.list_servers()
        return await ports_of(bed, order) == 0

    await bed.until(swept)


async def test_a_locked_server_can_be_deleted(bed: Bed) -> None:
    order = bed.order(uuid4())
    server = await bed.running(order)
    await bed.cloud.compute.operate_server(server.ref, Operation.LOCK)
    await bed.cloud.compute.delete_server(server.ref)
    await bed.gone(order)


async def test_many_servers_cost_at_most_three_calls_each_and_a_look_costs_few(bed: Bed) -> None:
    cluster, many, rest = uuid4(), 12, rest_of(bed)
    await bed.cloud.compute.list_servers()
    rest.counts.clear()
    async with anyio.create_task_group() as tasks:
        for index in range(many):
            tasks.start_soon(bed.cloud.compute.create_server, bed.order(cluster, index))
    assert rest.counts.total() <= 3 * many

    async def running() -> bool:
        listed = await bed.cloud.compute.list_servers(cluster)
        return {each.seen for each in listed} == {Seen.RUNNING}

    await bed.until(running)
    rest.counts.clear()
    await bed.cloud.compute.list_servers()
    assert rest.counts["compute GET servers"] == 1
    assert rest.counts.total() <= 6
