"""What instances stand on, on real members: bridges that are made over all, and zones by group."""

import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from drivers.incus.members import Site, opened, until
from muster.base.errors import Permanent
from muster.model.catalog import NetworkOrder
from testbed.incus import machine, rest
from testbed.incus.place import Place

pytestmark = [pytest.mark.incus, pytest.mark.slow]

WIDE = NetworkOrder(name="wide", type="bridge", uplink="spare")


@pytest.fixture
async def site(incus_testbeds: Callable[[int], Place], tmp_path: Path) -> AsyncIterator[Site]:
    async with opened(incus_testbeds(3), tmp_path) as made:
        await made.whole()
        yield made


@pytest.fixture
def spare(site: Site) -> Iterator[None]:
    """An interface of each member that is nobody's yet."""
    for member in site.place.members():
        _link(site.place, member, "add", "spare", "type", "veth", "peer", "name", "end")
    yield
    for member in site.place.members():
        _link(site.place, member, "del", "spare")


def _link(place: Place, member: str, *words: str) -> None:
    inside = ["nsenter", "-t", str(machine.first_process(place, member)), "-n"]
    subprocess.run([*inside, "ip", "link", *words], check=True, timeout=30)


@pytest.mark.usefixtures("spare")
async def test_a_bridge_is_made_on_every_member_and_goes_when_nobody_is_on_it(site: Site) -> None:
    maker = site.cloud.network_maker
    assert maker
    made = await maker.create_network(WIDE)
    assert await maker.create_network(WIDE) == made
    assert made in await site.cloud.networks.list_networks()
    for member in site.place.members():
        there = site.asked(f"/1.0/networks/wide?target={member}", member)
        assert there["config"]["bridge.external_interfaces"] == "spare"
    server = await site.cloud.compute.create_server(site.order(spec={"network": "wide"}))
    with pytest.raises(Permanent, match=f"in use by {server.ref}"):
        await maker.delete_network("wide")
    await site.cloud.compute.delete_server(server.ref)

    async def gone() -> bool:
        return not await site.cloud.compute.list_servers(site.cluster)

    await until(gone)
    await maker.delete_network("wide")
    await maker.delete_network("wide")
    assert "wide" not in {each.name for each in await site.cloud.networks.list_networks()}


async def test_a_group_of_members_is_a_zone(site: Site, tmp_path: Path) -> None:
    where = site.place.socket("m1")
    rest.call(where, "POST", "/1.0/cluster/groups", {"name": "fast", "members": ["m3"]})
    try:
        async with opened(site.place, tmp_path / "fresh") as fresh:
            assert "fast" in fresh.cloud.about.zones
            for index in range(2):
                [server] = await fresh.running(fresh.order(index, zone="fast"))
                assert server.host == "m3"
    finally:
        rest.call(where, "PUT", "/1.0/cluster/groups/fast", {"description": "", "members": []})
        rest.call(where, "DELETE", "/1.0/cluster/groups/fast")
