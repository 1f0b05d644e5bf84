"""What a real OpenStack does that one would not think of."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from contracts.clouds import Bed
from contracts.openstack import HUGE, openstack
from muster.base.errors import Permanent, Transient
from muster.drivers.openstack.compute import OpenStackCompute
from muster.drivers.openstack.ports import MARK
from muster.drivers.openstack.rest import Rest
from muster.model.observed import Seen
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
