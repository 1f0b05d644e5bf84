"""What a cloud has when tests come: hosts in two zones, flavors, an image, a way outside."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from testbed.openstack.asking import Asking
from testbed.openstack.place import COMPUTES, Place

ZONES = {"az1": COMPUTES[:1], "az2": COMPUTES[1:2]}  # what is in none is in `nova`
FLAVORS = {"tiny": (64, 1), "small": (512, 1), "medium": (1024, 2)}
IMAGES = ("demo-web", "demo-web-v2")
OUTSIDE = "public"
OUTSIDE_NET = "198.18.0.0/16"


def furnish(place: Place) -> None:
    """Give the cloud what all tests use, and return when its hosts can be used."""
    it = Asking(place)
    for service, give in _FURNISHED.items():
        if service in place.services:
            give(it)


def _furnish_images(it: Asking) -> None:
    for name in IMAGES:
        said = {"name": name, "disk_format": "raw", "container_format": "bare"}
        id = it.call("glance", "POST", "/v2/images", {**said, "visibility": "public"})["id"]
        it.upload(f"/v2/images/{id}/file", name.encode() * 64)


def _furnish_networks(it: Asking) -> None:
    network = {"name": OUTSIDE, "router:external": True, "provider:network_type": "flat"}
    network["provider:physical_network"] = "outside"
    made = it.call("neutron", "POST", "/v2.0/networks", {"network": network})["network"]
    subnet = {"network_id": made["id"], "ip_version": 4, "cidr": OUTSIDE_NET, "enable_dhcp": False}
    it.call("neutron", "POST", "/v2.0/subnets", {"subnet": subnet})


def _furnish_hosts(it: Asking) -> None:
    for name, (ram, cpus) in FLAVORS.items():
        size = {"name": name, "ram": ram, "vcpus": cpus, "disk": 1}
        it.call("nova", "POST", "/flavors", {"flavor": size})
    _await(lambda: _hypervisors_up(it), "all hypervisors are up")
    _await(lambda: _can_be_placed_on(it), "all hosts are in Placement")
    for zone, hosts in ZONES.items():
        _make_zone(it, zone, hosts)


def _make_zone(it: Asking, zone: str, hosts: tuple[str, ...]) -> None:
    said = {"aggregate": {"name": zone, "availability_zone": zone}}
    made = it.call("nova", "POST", "/os-aggregates", said)["aggregate"]["id"]
    for host in hosts:
        it.call("nova", "POST", f"/os-aggregates/{made}/action", {"add_host": {"host": host}})


def states(it: Asking) -> dict[str, str]:
    """Return how Nova sees its hosts: up or down."""
    listed = it.call("nova", "GET", "/os-services?binary=nova-compute")["services"]
    return {each["host"]: each["state"] for each in listed}


def await_hosts(it: Asking, hosts: Iterable[str]) -> None:
    """Wait until Nova has seen these hosts."""

    def up() -> bool:
        seen = states(it)
        return all(seen.get(host) == "up" for host in hosts)

    _await(up, "all hosts are up")


def _hypervisors_up(it: Asking) -> bool:
    # Not in detail: Nova would ask each host then, and wait a minute for one that only begins.
    listed = it.call("nova", "GET", "/os-hypervisors")["hypervisors"]
    return [each["state"] for each in listed] == ["up"] * len(COMPUTES)


def _can_be_placed_on(it: Asking) -> bool:
    # A host that becomes of a zone before Placement knows it is never found in that zone.
    listed = it.call("placement", "GET", "/resource_providers?resources=VCPU:1")
    return len(listed["resource_providers"]) == len(COMPUTES)


def _furnish_volumes(it: Asking) -> None:
    _await(lambda: _volumes_ready(it), "cinder-volume is up")
    it.call("cinder", "POST", f"/{it.admin}/types", {"volume_type": {"name": "fake"}})


def _volumes_ready(it: Asking) -> bool:
    listed: list[dict[str, Any]] = it.call("cinder", "GET", f"/{it.admin}/os-services")["services"]
    return any(s["binary"] == "cinder-volume" and s["state"] == "up" for s in listed)


def _await(claim: Callable[[], bool], what: str, patience_s: float = 400) -> None:
    deadline = time.monotonic() + patience_s
    while not claim():
        if time.monotonic() > deadline:
            raise RuntimeError(f"not within {patience_s:g} s: {what}")
        time.sleep(0.2)


_FURNISHED: Mapping[str, Callable[[Asking], None]] = {
    "glance": _furnish_images,
    "neutron": _furnish_networks,
    "cinder": _furnish_volumes,
    "nova": _furnish_hosts,  # last: hosts take longest to come
}
