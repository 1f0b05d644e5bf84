"""Trouble that the testbed plays on a cloud of OpenStack, and that it is over afterwards."""

from collections.abc import Iterator

import httpx2
import pytest

from house import until
from testbed.openstack import games
from testbed.openstack.cloud import Cloud
from testbed.openstack.furnish import OUTSIDE
from testbed.openstack.settings import DOWN_AFTER_S

pytestmark = [pytest.mark.openstack, pytest.mark.system, pytest.mark.slow]

LISTS = {
    "glance": "/v2/images",
    "nova": "/servers",
    "neutron": "/v2.0/networks",
    "cinder": "/{admin}/volumes",
    "octavia": "/v2/lbaas/loadbalancers",
    "heat": "/{admin}/stacks",
    "designate": "/v2/zones",
}
LISTENER = {"protocol": "HTTP", "protocol_port": 80}


@pytest.fixture
def cloud(openstack_cloud: Cloud) -> Iterator[Cloud]:
    yield openstack_cloud
    openstack_cloud.mend()


def create(cloud: Cloud, zone: str) -> str:
    """Create a server in a zone, and return its id when it is active."""
    it = cloud.asking
    flavors = {each["name"]: each["id"] for each in it.call("nova", "GET", "/flavors")["flavors"]}
    image = it.call("glance", "GET", "/v2/images?name=demo-web")["images"][0]["id"]
    wish = {"name": "s", "flavorRef": flavors["tiny"], "imageRef": image, "networks": "none"}
    body = {"server": {**wish, "availability_zone": zone}}
    id = str(it.call("nova", "POST", "/servers", body)["server"]["id"])
    until(lambda: status(cloud, id) == "ACTIVE", 300, lambda: f"{id} is {status(cloud, id)}")
    return id


def status(cloud: Cloud, server: str) -> str:
    return str(cloud.asking.call("nova", "GET", f"/servers/{server}")["server"]["status"])


def delete(cloud: Cloud, server: str) -> None:
    cloud.asking.call("nova", "DELETE", f"/servers/{server}")
    until(lambda: server not in cloud.everything()["nova/servers"], 300, f"{server} is deleted")


def code(cloud: Cloud, service: str) -> int:
    """Return what a service answers to who lists its things."""
    try:
        cloud.asking.call(service, "GET", LISTS[service].format(admin=cloud.asking.admin))
    except httpx2.HTTPStatusError as refused:
        return refused.response.status_code
    return 200


def test_keystone_is_away_and_comes_back_with_its_tokens(cloud: Cloud) -> None:
    token = cloud.keystone.token("admin", "admin")
    with cloud.without("keystone"), pytest.raises(httpx2.ConnectError):
        cloud.keystone.token("admin", "admin")
    answer = httpx2.get(
        f"{cloud.url('nova')}/v2.1/servers", headers={"X-Auth-Token": token}, timeout=120
    )
    assert answer.status_code == 200


def test_a_service_that_is_held_says_nothing_until_it_is_released(cloud: Cloud) -> None:
    cloud.hold("octavia")
    with pytest.raises(httpx2.ReadTimeout):
        httpx2.get(cloud.url("octavia"), timeout=1)
    cloud.release("octavia")
    assert httpx2.get(cloud.url("octavia"), timeout=120).status_code == 200


@pytest.mark.parametrize("service", LISTS)
def test_a_service_fails_inside_and_recovers(cloud: Cloud, service: str) -> None:
    with games.failing(cloud.place, service):
        assert code(cloud, service) == 500
    assert code(cloud, service) == 200


def test_servers_are_made_after_rabbitmq_was_restarted(cloud: Cloud) -> None:
    with cloud.without("rabbitmq"):
        pass
    delete(cloud, create(cloud, "az1"))


def test_a_host_is_seen_down_and_has_its_server_when_it_is_back(cloud: Cloud) -> None:
    server = create(cloud, "az2")
    with cloud.without("compute-2"):
        until(lambda: cloud.states()["compute-2"] == "down", DOWN_AFTER_S + 180, cloud.states)
    until(lambda: cloud.states()["compute-2"] == "up", 300, cloud.states)
    assert status(cloud, server) == "ACTIVE"
    delete(cloud, server)


def test_a_host_is_down_at_once_where_somebody_says_so(cloud: Cloud) -> None:
    cloud.force_down("compute-1")
    assert cloud.states()["compute-1"] == "down"
    cloud.force_down("compute-1", down=False)
    assert cloud.states()["compute-1"] == "up"


def test_a_balancer_is_stuck_and_its_traffic_counted_as_told(cloud: Cloud) -> None:
    it, lbaas = cloud.asking, "/v2/lbaas"
    net = it.call("neutron", "GET", f"/v2.0/networks?name={OUTSIDE}")["networks"][0]["id"]
    said = {"loadbalancer": {"vip_network_id": net, "listeners": [LISTENER]}}
    made = it.call("octavia", "POST", f"{lbaas}/loadbalancers", said)["loadbalancer"]["id"]
    where = f"{lbaas}/loadbalancers/{made}"

    def seen() -> str:
        now = it.call("octavia", "GET", where)["loadbalancer"]
        return str(now["provisioning_status"])

    until(lambda: seen() == "ACTIVE", 300, seen)
    listener = it.call("octavia", "GET", where)["loadbalancer"]["listeners"][0]["id"]
    games.count_traffic(cloud.place, listener, total_connections=70)
    assert it.call("octavia", "GET", f"{where}/stats")["stats"]["total_connections"] == 70

    games.set_balancer(cloud.place, made, provisioning_status="PENDING_UPDATE")
    assert seen() == "PENDING_UPDATE"
    games.set_balancer(cloud.place, made, provisioning_status="ERROR")
    it.call("octavia", "DELETE", f"{where}?cascade=true")
    until(lambda: made not in cloud.everything()["octavia/load-balancers"], 300, "it is deleted")
