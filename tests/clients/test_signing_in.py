"""The released clients sign in: with a password, a token of ours, or through a real Keystone."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from clients.conftest import SIMULATED
from clients.released import Clients, Refused, clients, clouds
from house import House, house
from muster.drivers.identity.users import add_user
from testbed import keystone

pytestmark = [pytest.mark.slow, pytest.mark.system]

SERVER = {
    "type": "os.nova.server",
    "version": "1.0",
    "properties": {"flavor": "1", "image": "cirros", "networks": [{"network": "private"}]},
}
NEWEST = {"clustering_default_microversion": "1.14"}


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[House]:
    home = tmp_path / "home"
    with house(home, **SIMULATED, MUSTER_IDENTITY="basic") as it:
        add_user(home / "users.toml", "ann", "ann-secret", {"red": ("member",)})
        it.start()
        yield it


def basic(url: str, password: str) -> Mapping[str, Any]:
    auth = {"endpoint": url, "username": "ann", "password": password}
    return {"auth_type": "http_basic", "auth": auth, "clustering_endpoint_override": url, **NEWEST}


def works(it: Clients) -> Mapping[str, Any]:
    """Return a cluster that these clients have had made."""
    profile = it.create_profile(name="small", spec=SERVER)
    made = it.create_cluster(name="web", profile_id=profile["id"], desired_capacity=1)
    found: Mapping[str, Any] = it.wait_for_status("cluster", made["id"], "ACTIVE", [], 0.05, 20)
    assert [each["name"] for each in it.openstack("cluster", "list", "-f", "json").json] == ["web"]
    return found


@pytest.mark.parametrize("version", ["", "/v1"])
def test_by_user_and_password(guarded: House, tmp_path: Path, version: str) -> None:
    said = clouds(guarded.url, basic=basic(guarded.url + version, "ann-secret"))
    with clients(tmp_path, said, "basic") as it:
        cluster = works(it)
    assert (cluster["user_id"], cluster["project_id"]) == ("ann", "red")


def test_by_a_token_of_ours(guarded: House, tmp_path: Path) -> None:
    with guarded.session(user="ann", password="ann-secret") as session:
        secret = session.call("POST", "/v1/tokens", {"note": "clients"})["token"]["secret"]
    auth = {"endpoint": guarded.url, "token": secret}
    token = {"auth_type": "admin_token", "auth": auth, **NEWEST}
    token["clustering_endpoint_override"] = guarded.url
    with clients(tmp_path, clouds(guarded.url, token=token), "token") as it:
        assert works(it)["project_id"] == "red"


def test_a_wrong_password_is_told(guarded: House, tmp_path: Path) -> None:
    said = clouds(guarded.url, basic=basic(guarded.url, "wrong-secret"))
    with clients(tmp_path, said, "basic") as it, pytest.raises(Refused, match="401"):
        it.profiles()


def test_through_keystone_and_its_catalog(tmp_path: Path) -> None:
    with keystone.running() as server:
        for project in ("service", "red"):
            server.project(project)
        server.user("muster", service="service")
        server.user("ann", red="member")
        account = {"URL": server.url, "USERNAME": "muster", "PASSWORD": keystone.PASSWORD}
        settings = {f"MUSTER_KEYSTONE_{name}": said for name, said in account.items()}
        settings |= {"MUSTER_IDENTITY": "keystone", "MUSTER_KEYSTONE_PROJECT": "service"}
        with house(tmp_path / "home", **SIMULATED, **settings) as served:
            _listed(server, served.url)
            served.start()
            auth = {"auth_url": f"{server.url}/v3", "username": "ann", "project_name": "red"}
            auth |= {"password": keystone.PASSWORD}
            auth |= {"user_domain_id": "default", "project_domain_id": "default"}
            said = clouds(served.url, openstack={"auth": auth, "region_name": "one", **NEWEST})
            with clients(tmp_path, said, "openstack") as it:
                assert works(it)["name"] == "web"


def _listed(server: keystone.Keystone, url: str) -> None:
    """Put the service into Keystone's catalog, as operators do."""
    server.call("PUT", "/regions/one", {"region": {}})
    service = {"type": "clustering", "name": "muster"}
    made = server.call("POST", "/services", {"service": service})["service"]["id"]
    endpoint = {"service_id": made, "interface": "public", "region_id": "one", "url": url}
    server.call("POST", "/endpoints", {"endpoint": endpoint})
