"""A cluster on a real OpenStack: behind Octavia, with a name in Designate, and nothing left."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from contracts.openstack import a_rest, network_of
from contracts.openstack_services import ZONE, zoned
from house import until
from openstacks import beside

pytestmark = [pytest.mark.system, pytest.mark.openstack, pytest.mark.slow]

ENTRY = "demo"
NEWEST = {"OpenStack-API-Version": "clustering 1.14"}
BALANCED = {
    "type": "senlin.policy.loadbalance",
    "version": "1.1",
    "properties": {
        "pool": {"protocol": "HTTP", "protocol_port": 8080, "subnet": network_of("demo")},
        "vip": {"protocol": "HTTP", "protocol_port": 80, "subnet": network_of("demo")},
    },
}
SPEC = {
    "type": "os.nova.server",
    "version": "1.0",
    "properties": {
        "image": "plain",
        "flavor": "contracts.tiny",
        "networks": [{"network": network_of(ENTRY)}],
        "context": {"region_name": "site"},
    },
}
LISTED = {
    "loadbalancers": ("load-balancer", "/lbaas/loadbalancers"),
    "pools": ("load-balancer", "/lbaas/pools"),
    "recordsets": ("dns", "/recordsets"),
    "servers": ("compute", "/servers"),
    "ports": ("network", "/ports"),
}


class Client:
    """Somebody who speaks both APIs, and sees what is in the project."""

    def __init__(self, url: str, file: Path) -> None:
        self._http = httpx2.Client(base_url=url, headers=NEWEST, timeout=60)
        self._file = file
        self._before = {kind: self._ids(kind) for kind in LISTED}

    def close(self) -> None:
        self._http.close()

    def call(self, method: str, path: str, body: object = None) -> Any:
        answer = self._http.request(method, path, json=body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def ended(self, method: str, path: str, body: object = None) -> None:
        """Ask for an action, and wait until it has succeeded."""
        answer = self._http.request(method, path, json=body)
        assert answer.status_code == 202, answer.text
        where = f"/v1/actions/{answer.headers['location'].rpartition('/')[2]}"

        def over() -> bool:
            action = self.call("GET", where)["action"]
            assert action["status"] not in ("FAILED", "CANCELLED"), action
            return bool(action["status"] == "SUCCEEDED")

        until(over, 180, f"{method} {path} is over", 0.3)

    def new(self) -> dict[str, set[str]]:
        now = {kind: self._ids(kind) - self._before[kind] for kind in LISTED}
        return {kind: ids for kind, ids in now.items() if ids}

    def members(self) -> dict[str, int]:
        """Return the weights of the members of what is new, by address."""
        [pool] = self.new()["pools"]
        said = self._listed("load-balancer", f"/lbaas/pools/{pool}/members", "members")
        return {each["address"]: each["weight"] for each in said}

    def addresses(self, name: str) -> list[str]:
        """Return what a name stands for."""
        said = self._listed("dns", f"/recordsets?name={name}", "recordsets")
        return [address for each in said for address in each["records"]]

    def _ids(self, kind: str) -> set[str]:
        service, path = LISTED[kind]
        found = self._listed(service, path, kind)
        return {str(each["id"]) for each in found if each.get("type") not in ("SOA", "NS")}

    def _listed(self, service: str, path: str, key: str) -> Any:
        async def read() -> Any:
            rest = a_rest(self._file, ENTRY)
            try:
                return await rest.listed(service, path, key)
            finally:
                await rest.close()

        return asyncio.run(read())


@pytest.fixture
def ann(openstack_clouds: Path, tmp_path: Path) -> Iterator[Client]:
    asyncio.run(_zone(openstack_clouds))
    with (
        beside(openstack_clouds, ENTRY, tmp_path / "home") as it,
        closing(Client(it.url, openstack_clouds)) as made,
    ):
        yield made


async def _zone(file: Path) -> None:
    rest = a_rest(file, ENTRY)
    await zoned(rest)
    await rest.close()


def test_members_follow_the_cluster_and_all_of_it_goes(ann: Client) -> None:
    ann.call("POST", "/v1/profiles", {"profile": {"name": "small", "spec": SPEC}})
    ann.call("POST", "/v1/policies", {"policy": {"name": "front", "spec": BALANCED}})
    size = {"min_size": 0, "max_size": 4, "desired_capacity": 2}
    wish = {"cluster": {"name": "web", "profile_id": "small", **size}}
    ann.ended("POST", "/v1/clusters", wish)
    ann.ended("POST", "/v1/clusters/web/actions", {"policy_attach": {"policy_id": "front"}})
    until(lambda: len(ann.members()) == 2, 60, "both serve", 0.5)
    assert set(ann.members().values()) == {1}
    for number in (3, 1):
        body = {"resize": {"adjustment_type": "EXACT_CAPACITY", "number": number}}
        ann.ended("POST", "/v1/clusters/web/actions", body)
        until(lambda n=number: len(ann.members()) == n, 90, f"{number} serve", 0.5)
    ann.ended("POST", "/v1/clusters/web/actions", {"policy_detach": {"policy_id": "front"}})
    ann.ended("DELETE", "/v1/clusters/web")
    until(lambda: not ann.new(), 90, lambda: f"nothing is left: {ann.new()}", 0.5)


def test_a_cluster_in_one_call_has_an_address_and_a_name(ann: Client) -> None:
    name = f"web.{ZONE.rstrip('.')}"
    wish = {
        "name": "web",
        "cloud": "site",
        "image": "plain",
        "flavor": "contracts.tiny",
        "backend_network": network_of(ENTRY),
        "min_size": 1,
        "max_size": 2,
        "port": 8080,
        "dns_name": name,
    }
    ann.call("POST", "/v1/clusters", wish)
    until(lambda: ann.addresses(f"{name}."), 120, "the name is published", 0.5)
    [address] = ann.addresses(f"{name}.")
    [cluster] = ann.call("GET", "/v1/clusters")["clusters"]
    where = f"/v1/clusters/{cluster['name']}/{cluster['id']}"
    assert address in str(ann.call("GET", where))
    ann.call("DELETE", where)
    until(lambda: not ann.new(), 120, lambda: f"nothing is left: {ann.new()}", 0.5)
