"""A cluster on a real OpenStack, from the request to the last port that is gone."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from contracts.openstack import network_of
from house import until
from openstacks import beside, everything

pytestmark = [pytest.mark.system, pytest.mark.openstack, pytest.mark.slow]

ENTRY = "demo"
NEWEST = {"OpenStack-API-Version": "clustering 1.14"}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGkAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA ann"
SPEC = {
    "type": "os.nova.server",
    "version": "1.0",
    "properties": {
        "image": "plain",
        "flavor": "contracts.tiny",
        "key_name": "ann",
        "networks": [{"network": network_of(ENTRY)}],
        "context": {"region_name": "site"},
    },
}


class Client:
    """Somebody who speaks the clustering API, and sees what is in the project."""

    def __init__(self, url: str, file: Path) -> None:
        self._http = httpx2.Client(base_url=url, headers=NEWEST, timeout=180)
        self._file = file
        self._before = everything(file, ENTRY)

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
        action = until(lambda: self._over(where), 600, f"{method} {path} is over", 0.2)
        return str(action["status"])

    def _over(self, where: str) -> Any:
        action = self.call("GET", where)["action"]
        return action if action["status"] in ("SUCCEEDED", "FAILED", "CANCELLED") else None

    def new(self) -> dict[str, set[str]]:
        """Return what is in the project that was not there before, by kind."""
        now = everything(self._file, ENTRY)
        return {kind: new for kind in now if (new := now[kind] - self._before[kind])}


@pytest.fixture
def ann(openstack_clouds: Path, tmp_path: Path) -> Iterator[Client]:
    with (
        beside(openstack_clouds, ENTRY, tmp_path / "home") as it,
        closing(Client(it.url, openstack_clouds)) as made,
    ):
        made.call("POST", "/v1/keypairs", {"name": "ann", "public_key": KEY})
        made.call("POST", "/v1/profiles", {"profile": {"name": "small", "spec": SPEC}})
        yield made


def a_cluster(size: int) -> dict[str, Any]:
    plain = {"name": "batch", "profile_id": "small", "min_size": 0, "max_size": 6}
    return {"cluster": plain | {"desired_capacity": size}}


def resized(size: int) -> dict[str, Any]:
    return {"resize": {"adjustment_type": "EXACT_CAPACITY", "number": size}}


def test_a_cluster_comes_grows_shrinks_and_goes_and_nothing_of_it_is_left(ann: Client) -> None:
    assert ann.ended("POST", "/v1/clusters", a_cluster(2)) == "SUCCEEDED"
    made = ann.new()
    assert {kind: len(ids) for kind, ids in made.items()} == {
        "servers": 2,
        "ports": 2,
        "keypairs": 1,
    }
    for size in (4, 1):
        assert ann.ended("POST", "/v1/clusters/batch/actions", resized(size)) == "SUCCEEDED"
        until(
            lambda size=size: len(ann.new().get("servers", ())) == size,
            400,
            f"there are {size}",
            0.5,
        )
    assert ann.ended("DELETE", "/v1/clusters/batch") == "SUCCEEDED"
    until(lambda: not ann.new(), 400, lambda: f"nothing is left: {ann.new()}", 0.5)
