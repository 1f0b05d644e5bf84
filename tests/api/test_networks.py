"""Networks over the API: made where a cloud makes them, refused by name where not."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from muster.base.errors import Permanent
from muster.model.catalog import Network, NetworkOrder
from office import Office

BACK = {"name": "back", "type": "ovn", "uplink": "up", "cidr": "10.20.0.1/24"}


@dataclass
class Networks:
    """The networks of a cloud that makes them."""

    there: dict[str, Network] = field(default_factory=dict)
    refuses: str = ""

    async def list_networks(self) -> list[Network]:
        return list(self.there.values())

    async def create_network(self, order: NetworkOrder) -> Network:
        if self.refuses:
            raise Permanent("this cloud has no OVN that works", field=self.refuses)
        made = Network(
            id=order.name,
            name=order.name,
            cidr=order.cidr,
            type=order.type,
            uplink=order.uplink,
            balancer="ovn",
            hidden=order.nat,
            ours=True,
        )
        self.there[order.name] = made
        return made

    async def delete_network(self, id: str) -> None:
        if self.refuses:
            raise Permanent(f"network {id} was not made here")
        del self.there[id]


@pytest.fixture
async def made(office: Office) -> Networks:
    networks = Networks()
    cloud = office.desk.clouds["simulated"]
    for each in await cloud.networks.list_networks():
        networks.there[each.id] = each
    clouds: Any = office.desk.clouds
    clouds["simulated"] = replace(cloud, networks=networks, network_maker=networks)
    return networks


async def create(office: Office, **but: Any) -> Any:
    body = {**BACK, "cloud": "simulated", **but}
    return await office.call("POST", "/v1/networks", body, "root")


async def test_a_network_is_made_listed_and_deleted(office: Office, made: Networks) -> None:
    answer = await create(office)
    assert answer.status_code == 201, answer.text
    network = answer.json()["network"]
    assert (network["type"], network["uplink"], network["balancer"]) == ("ovn", "up", "ovn")
    assert network["hidden"]
    assert network["made_here"]
    listed = (await office.call("GET", "/v1/networks?cloud=simulated")).json()["networks"]
    assert network in listed
    assert (await create(office)).status_code == 409
    where = "/v1/networks/back?cloud=simulated"
    assert (await office.call("DELETE", where, None, "root")).status_code == 204
    assert (await office.call("DELETE", where, None, "root")).status_code == 404


async def test_a_plan_says_what_would_be_made_and_makes_nothing(
    office: Office, made: Networks
) -> None:
    body = {**BACK, "cloud": "simulated"}
    answer = await office.call("POST", "/v1/networks?plan=true", body, "root")
    assert answer.json()["plan"]["steps"] == ["make network back of type ovn with uplink up"]
    assert "back" not in made.there


async def test_a_cloud_whose_networks_are_given_is_named(office: Office) -> None:
    answer = await create(office)
    assert answer.status_code == 400
    assert "cloud simulated makes no networks" in answer.text
    answer = await office.call("DELETE", "/v1/networks/private?cloud=simulated", None, "root")
    assert "makes no networks" in answer.text


async def test_what_the_cloud_refuses_is_told_by_the_field(office: Office, made: Networks) -> None:
    made.refuses = "uplink"
    answer = await create(office)
    assert answer.status_code == 400
    assert "has no OVN that works" in answer.text
    assert "uplink" in answer.text
    answer = await office.call("DELETE", "/v1/networks/private?cloud=simulated", None, "root")
    assert (answer.status_code, "was not made here" in answer.text) == (409, True)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": "Not A Name"}, "name"),
        ({"name": "longer-than-an-interface"}, "name"),
        ({"type": "macvlan"}, "type"),
        ({"cidr": "10.20.0.0/24"}, "cidr"),
        ({"cidr": "10.20.0.1"}, "cidr"),
        ({"cidr": 7}, "cidr"),
        ({"balancer": "f5"}, "balancer"),
        ({"nat": "yes"}, "nat"),
        ({"cloud": "none"}, "cloud"),
    ],
)
async def test_a_wrong_field_is_named(
    office: Office, made: Networks, wrong: dict[str, Any], field: str
) -> None:
    answer = await create(office, **wrong)
    assert answer.status_code == 400
    assert field in answer.text


async def test_only_who_runs_the_service_makes_and_deletes_networks(
    office: Office, made: Networks
) -> None:
    body = {**BACK, "cloud": "simulated"}
    assert (await office.call("POST", "/v1/networks", body)).status_code == 403
    assert (await office.call("DELETE", "/v1/networks/private")).status_code == 403


async def test_a_network_that_a_cluster_is_on_stays(office: Office, made: Networks) -> None:
    await office.made(backend_network="private")
    answer = await office.call("DELETE", "/v1/networks/private?cloud=simulated", None, "root")
    assert (answer.status_code, "in use by cluster 'web'" in answer.text) == (409, True)
