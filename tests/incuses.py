"""Clusters of Incus that tests play with: what their API shows at each path."""

from collections.abc import Mapping
from typing import Any

from fleet import FakeMachine

ALL = "?recursion=1&all-projects=true"
PLAIN = "?recursion=1"
NETWORK: Mapping[str, Any] = {
    "name": "ovn0",
    "type": "ovn",
    "managed": True,
    "project": "default",
    "config": {"ipv4.address": "10.1.0.1/24"},
}


def an_instance(name: str, location: str = "m1", **but: Any) -> dict[str, Any]:
    plain = {"name": name, "project": "default", "location": location, "status": "Running"}
    return {**plain, "config": {}, **but}


def shown(**but: Any) -> dict[str, Any]:
    """Return what an Incus with one thing of each kind shows, by path."""
    inside = f"{PLAIN}&project=default"
    pool = {"name": "local", "driver": "dir"}
    volume = {"name": "v1", "type": "custom", "location": "m1", "project": "default"}
    plain = {
        "/1.0": {"api_extensions": ["network_address_set", "network_integrations"]},
        f"/1.0/projects{PLAIN}": [{"name": "default"}, {"name": "lab"}],
        f"/1.0/storage-pools{PLAIN}": [pool, {"name": "rgw", "driver": "cephobject"}],
        f"/1.0/network-integrations{PLAIN}": [{"name": "ic"}],
        f"/1.0/images{ALL}": [{"fingerprint": "f" * 64, "project": "default"}],
        f"/1.0/profiles{ALL}": [
            {"name": "default", "project": "default"},
            {"name": "default", "project": "lab"},
        ],
        f"/1.0/networks{ALL}": [
            NETWORK,
            {"name": "br0", "type": "bridge", "managed": True, "project": "default"},
            {"name": "eth0", "type": "physical", "managed": False},
        ],
        f"/1.0/network-acls{ALL}": [{"name": "web", "project": "default"}],
        f"/1.0/network-address-sets{ALL}": [{"name": "offices", "project": "default"}],
        f"/1.0/network-zones{ALL}": [{"name": "lab.example", "project": "default"}],
        f"/1.0/networks/ovn0/forwards{inside}": [{"listen_address": "10.9.0.5"}],
        f"/1.0/networks/br0/forwards{inside}": [],
        f"/1.0/networks/ovn0/load-balancers{inside}": [{"listen_address": "10.9.0.6"}],
        f"/1.0/networks/ovn0/peers{inside}": [{"name": "other"}],
        f"/1.0/storage-pools/local/buckets{ALL}": [{"name": "b1", "location": "none"}],
        f"/1.0/storage-pools/rgw/buckets{ALL}": [{"name": "b2", "location": ""}],
        f"/1.0/storage-pools/local/volumes{ALL}": [volume, {**volume, "location": "m2"}],
        "/1.0/instances?recursion=2&all-projects=true": [
            an_instance("web"),
            an_instance("db", "m2", project="lab"),
        ],
    }
    return {**plain, **but}


def begins(there: FakeMachine, **but: Any) -> FakeMachine:
    """Have a machine show an Incus."""
    there.answers |= shown(**but)
    return there


def lifecycle(action: str, source: str, project: str = "default", **context: Any) -> dict[str, Any]:
    said = {"action": action, "source": source, "context": context}
    return {"type": "lifecycle", "project": project, "metadata": said}
