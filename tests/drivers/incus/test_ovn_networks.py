"""Networks that are made on Incus, told apart, and deleted."""

from collections.abc import AsyncIterator

import pytest

from drivers.incus.ovns import HIDDEN, OPEN, Ovn, laid, uplink
from drivers.incus.scripted import Request, member, refused, scripted, told
from muster.base.errors import DriverError, Permanent, Transient
from muster.model.catalog import NetworkOrder

BACK = NetworkOrder(name="back", type="ovn", uplink="up", cidr="10.92.0.1/24")


@pytest.fixture
async def ovn(tmp_path) -> AsyncIterator[Ovn]:
    async with scripted(tmp_path) as bed:
        yield laid(bed)


def making(ovn: Ovn) -> list[Request]:
    """Have networks be made, and return where the requests for that will be."""
    asked: list[Request] = []

    def make(request: Request):
        asked.append(request)
        if not request.query.get("target"):
            made = {**request.body, "managed": True, "status": "Created", "used_by": []}
            ovn.bed.incus.says(f"GET /1.0/networks/{request.body['name']}", told(made))
        return 201, told(None)

    ovn.bed.incus.says("POST /1.0/networks", make)
    return asked


async def test_networks_tell_what_they_are_and_what_balances_on_them(ovn):
    listed = {each.id: each for each in await ovn.bed.cloud.networks.list_networks()}
    hidden, plain, bridge = listed[HIDDEN], listed[OPEN], listed["fab"]
    assert (hidden.type, hidden.uplink, hidden.balancer, hidden.hidden) == (
        "ovn",
        "up",
        "ovn",
        True,
    )
    assert not plain.hidden
    assert (bridge.type, bridge.balancer, bridge.uplink, bridge.ours) == ("bridge", "", "", False)


async def test_an_ovn_network_is_made_with_its_uplink_and_is_ours(ovn):
    asked = making(ovn)
    made = await ovn.bed.cloud.network_maker.create_network(BACK)
    [request] = asked
    assert request.body["config"] == {
        "network": "up",
        "ipv4.address": "10.92.0.1/24",
        "ipv4.nat": "true",
        "ipv6.address": "none",
        "user.muster.installation": str(ovn.bed.installation),
    }
    assert (made.id, made.cidr, made.ours, made.hidden) == ("back", "10.92.0.1/24", True, True)
    assert await ovn.bed.cloud.network_maker.create_network(BACK) == made
    assert len(asked) == 1


async def test_the_only_uplink_need_not_be_named(ovn):
    asked = making(ovn)
    await ovn.bed.cloud.network_maker.create_network(NetworkOrder(name="back", type="ovn"))
    assert asked[0].body["config"]["network"] == "up"


@pytest.mark.parametrize(
    ("networks", "said"),
    [
        ([uplink("one"), uplink("two")], "which uplink is not said: it has one, two"),
        ([], "it has none"),
    ],
)
async def test_which_uplinks_there_are_is_said_where_none_can_be_chosen(ovn, networks, said):
    ovn.bed.incus.says("GET /1.0/networks", told(networks))
    with pytest.raises(Permanent, match=said):
        await ovn.bed.cloud.network_maker.create_network(NetworkOrder(name="b", type="ovn"))


@pytest.mark.parametrize(
    ("order", "field"),
    [
        (NetworkOrder(name="b", type="ovn", uplink="fab"), "uplink"),
        (NetworkOrder(name="b", type="macvlan"), "type"),
        (NetworkOrder(name="b", type="bridge", balancer="ovn"), "balancer"),
        (NetworkOrder(name="fab", type="bridge"), "name"),
    ],
)
async def test_what_cannot_be_made_is_refused_by_the_field_at_fault(ovn, order, field):
    fab = next(each for each in ovn.networks if each["name"] == "fab")
    ovn.bed.incus.says("GET /1.0/networks/fab", told(fab))
    with pytest.raises(Permanent) as refusal:
        await ovn.bed.cloud.network_maker.create_network(order)
    assert refusal.value.details["field"] == field
    assert ovn.changes() == []


async def test_that_there_is_no_ovn_is_said_and_half_a_network_is_taken_away(ovn):
    said = "Failed loading network: Failed to connect to OVN: connection refused"
    ovn.bed.incus.says("POST /1.0/networks", (500, refused(said)))
    with pytest.raises(Permanent, match="no OVN that works"):
        await ovn.bed.cloud.network_maker.create_network(BACK)
    assert ovn.changes()[-1] == "DELETE /1.0/networks/back"
    ovn.bed.incus.says("POST /1.0/networks", (500, refused("the disk is full")))
    with pytest.raises(Transient, match="the disk is full"):
        await ovn.bed.cloud.network_maker.create_network(BACK)


async def test_a_bridge_over_members_gets_their_interface_on_each(tmp_path):
    async with scripted(tmp_path, member("m1"), member("m2")) as bed:
        ovn = laid(bed)
        asked = making(ovn)
        order = NetworkOrder(name="wide", type="bridge", uplink="eth1")
        await bed.cloud.network_maker.create_network(order)
        targets = [each.query.get("target") for each in asked]
        assert targets == ["m1", "m2", None]
        assert asked[0].body["config"] == {"bridge.external_interfaces": "eth1"}
        with pytest.raises(Permanent, match="an interface that leads to the others"):
            await bed.cloud.network_maker.create_network(NetworkOrder(name="x", type="bridge"))


async def test_half_a_bridge_is_taken_away_again(tmp_path):
    async with scripted(tmp_path, member("m1"), member("m2")) as bed:
        ovn = laid(bed)

        def fail(request: Request):
            return (201, told(None)) if request.query["target"] == "m1" else (500, refused("no"))

        bed.incus.says("POST /1.0/networks", fail)
        order = NetworkOrder(name="wide", type="bridge", uplink="eth1")
        with pytest.raises(DriverError):
            await bed.cloud.network_maker.create_network(order)
        assert ovn.changes()[-1] == "DELETE /1.0/networks/wide"


async def test_only_networks_of_ours_that_nobody_uses_are_deleted(ovn):
    making(ovn)
    maker = ovn.bed.cloud.network_maker
    await maker.create_network(BACK)
    there = ovn.bed.incus.answers["GET /1.0/networks/back"][0]["metadata"]
    there["used_by"] = ["/1.0/instances/web-1", "/1.0/profiles/default"]
    with pytest.raises(Permanent, match="in use by default, web-1"):
        await maker.delete_network("back")
    there["used_by"] = []
    ovn.bed.incus.says("DELETE /1.0/networks/back", told(None))
    await maker.delete_network("back")
    assert ovn.changes()[-1] == "DELETE /1.0/networks/back"
    ovn.bed.incus.says(f"GET /1.0/networks/{HIDDEN}", told(ovn.networks[2]))
    with pytest.raises(Permanent, match="was not made here"):
        await maker.delete_network(HIDDEN)
    await maker.delete_network("gone already")
