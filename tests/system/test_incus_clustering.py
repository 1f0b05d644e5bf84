"""The clustering API over real Incus members: the routes that touch instances."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest

from house import until
from incus_service import beside, instance, instances
from testbed.incus import rest
from testbed.incus.place import Place

pytestmark = [pytest.mark.system, pytest.mark.incus, pytest.mark.slow]

NEWEST = {"OpenStack-API-Version": "clustering 1.14"}
SITE = {"context": {"region_name": "site"}}
SPEC = {
    "type": "os.nova.server",
    "version": "1.0",
    "properties": {
        "image": "demo-web",
        "flavor": "tiny",
        "networks": [{"network": "fab"}],
        **SITE,
    },
}
RESIZED = {"adjustment_type": "EXACT_CAPACITY", "number": 1}
OFF = {"action": "stop", "force": True}
ON = {"action": "start"}
SMALL = {"config": {"limits.cpu": "1", "limits.memory": "64MiB"}}


class Client:
    """Somebody who speaks the clustering API, and sees what is on the members."""

    def __init__(self, url: str, place: Place) -> None:
        self._http = httpx2.Client(base_url=url, headers=NEWEST, timeout=180)
        self._place = place

    def close(self) -> None:
        self._http.close()

    def call(self, method: str, path: str, body: object = None) -> Any:
        answer = self._http.request(method, path, json=body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def ended(self, method: str, path: str, body: object = None) -> str:
        """Ask for an action, and return how it ended."""
        answer = self._http.request(method, path, json=body)
        assert answer.status_code == 202, answer.text
        where = f"/v1/actions/{answer.headers['location'].rpartition('/')[2]}"
        action = until(lambda: self._over(where), 180, f"{method} {path} is over")
        return f"{action['status']} {action['status_reason']}"

    def _over(self, where: str) -> Any:
        action = self.call("GET", where)["action"]
        return action if action["status"] in ("SUCCEEDED", "FAILED", "CANCELLED") else None

    def does(self, operation: str, params: object = None) -> str:
        return self.ended("POST", "/v1/nodes/alone/ops", {operation: params or {}})

    def node(self, name: str) -> Any:
        return self.call("GET", f"/v1/nodes/{name}")["node"]

    def instance(self, name: str) -> Any:
        """Return what the cloud has in this node's place."""
        return instance(self._place, self.node(name)["physical_id"])


@pytest.fixture
def place(incus_testbeds) -> Place:
    return incus_testbeds(3)


@pytest.fixture
def ann(place, tmp_path) -> Iterator[Client]:
    with beside(place, tmp_path / "home") as it, speaking(it.url, place) as made:
        made.call("POST", "/v1/profiles", {"profile": {"name": "small", "spec": SPEC}})
        yield made
        for each in made.call("GET", "/v1/nodes")["nodes"]:
            if not each["cluster_id"]:
                made.ended("DELETE", f"/v1/nodes/{each['id']}")


@contextmanager
def speaking(url: str, place: Place) -> Iterator[Client]:
    client = Client(url, place)
    try:
        yield client
    finally:
        client.close()


def well(ended: str) -> bool:
    return ended.startswith("SUCCEEDED")


def test_every_operation_of_a_node_is_done_or_refused_with_its_reason(ann):
    alone = {"node": {"name": "alone", "profile_id": "small"}}
    assert well(ann.ended("POST", "/v1/nodes", alone))
    assert ann.instance("alone")["status"] == "Running"

    for operation, leads_to in [
        ("pause", "Frozen"),
        ("unpause", "Running"),
        ("stop", "Stopped"),
        ("start", "Running"),
        ("reboot", "Running"),
        ("rebuild", "Running"),
    ]:
        assert well(ann.does(operation)), operation
        assert ann.instance("alone")["status"] == leads_to, operation
    for operation in ("suspend", "lock", "rescue", "change_password"):
        assert ann.does(operation).startswith("FAILED"), operation
    assert "key pair" in ann.does("change_password", {"admin_pass": "secret"})

    stood = ann.instance("alone")["location"]
    to = next(each for each in ("m1", "m2", "m3") if each != stood)
    assert well(ann.does("evacuate", {"host": to}))
    assert ann.instance("alone")["location"] == to


def test_nodes_are_checked_mended_adopted_and_join(ann, place):
    web = {"cluster": {"name": "web", "profile_id": "small", "desired_capacity": 2}}
    assert well(ann.ended("POST", "/v1/clusters", web))
    first = ann.call("GET", "/v1/nodes?cluster_id=web&sort=index")["nodes"][0]["name"]
    former = ann.node(first)["physical_id"]
    rest.call(place.socket("m1"), "PUT", f"/1.0/instances/{former}/state", OFF)

    assert ann.ended("POST", f"/v1/nodes/{first}/actions", {"check": {}})
    assert ann.node(first)["status"] != "ACTIVE"
    assert well(ann.ended("POST", f"/v1/nodes/{first}/actions", {"recover": {}}))
    assert ann.node(first)["physical_id"] != former
    assert ann.instance(first)["status"] == "Running"

    image = ann.instance(first)["config"]["volatile.base_image"]
    theirs = {"name": "theirs", "source": {"type": "image", "fingerprint": image}, **SMALL}
    rest.call(place.socket("m1"), "POST", "/1.0/instances", theirs)
    rest.call(place.socket("m1"), "PUT", "/1.0/instances/theirs/state", ON)
    adopt = {"identity": "theirs", "type": "os.nova.server-1.0", "name": "ours", "overrides": SITE}
    assert ann.call("POST", "/v1/nodes/adopt", adopt)["node"]["physical_id"] == "theirs"
    join = {"add_nodes": {"nodes": ["ours"]}}
    assert well(ann.ended("POST", "/v1/clusters/web/actions", join))
    assert ann.instance("ours")["status"] == "Running"

    saved = ann.call("POST", f"/v1/instances/{first}/snapshot", {"name": "as-it-was"})
    assert saved["image"]["name"] == "as-it-was"
    assert well(ann.ended("POST", "/v1/clusters/web/actions", {"resize": RESIZED}))
    assert well(ann.ended("DELETE", "/v1/clusters/web"))
    until(lambda: not instances(place), 180, "no instance is left")
