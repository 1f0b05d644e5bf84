"""An Incus that has OVN, in the shapes that a real one was seen to use."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

from drivers.incus.northbounds import Northbound
from drivers.incus.scripted import Bed, Request, refused, told

UPLINK, HIDDEN, OPEN = "up", "ovn1", "ovn2"
SUBNETS = {HIDDEN: "10.90.0.0/24", OPEN: "10.91.0.0/24"}
ADDRESSES = [f"10.77.40.{number}" for number in range(1, 11)]  # of the uplink's range
CHECKS = ("interval", "timeout", "failure_count", "success_count")
KNOWN = frozenset({"healthcheck", "target_address", *(f"healthcheck.{each}" for each in CHECKS)})


def bridge(name: str) -> dict[str, Any]:
    config = {"ipv4.address": "none", "ipv6.address": "none"}
    return {"name": name, "type": "bridge", "config": config, **_MANAGED}


def uplink(name: str = UPLINK, **config: str) -> dict[str, Any]:
    ranges = {"ipv4.ovn.ranges": f"{ADDRESSES[0]}-{ADDRESSES[-1]}"}
    return {"name": name, "type": "physical", "config": ranges | config, **_MANAGED}


def network(name: str, router: str = ADDRESSES[0], **config: str) -> dict[str, Any]:
    plain = {
        "bridge.mtu": "1442",
        "ipv4.address": SUBNETS[name].replace(".0/", ".1/"),
        "ipv4.nat": str(name == HIDDEN).lower(),
        "ipv6.address": "none",
        "network": UPLINK,
        "volatile.network.ipv4.address": router,
    }
    return {"name": name, "type": "ovn", "config": plain | config, **_MANAGED}


_MANAGED = {"description": "", "managed": True, "status": "Created", "used_by": []}


@dataclass
class Ovn:
    """What listens on the uplink, by kind and address, and what OVN says of backends."""

    bed: Bed
    networks: list[dict[str, Any]]
    kept: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    where: dict[str, str] = field(default_factory=dict)  # address -> network
    health: dict[str, str] = field(default_factory=dict)  # backend's address -> what is said of it
    northbound: Northbound | None = None  # where all of it is written
    away: str = ""  # a member of the cluster without which nothing is changed

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [body for (each, _), body in self.kept.items() if each == kind]

    def changes(self) -> list[str]:
        return [each.line for each in self.bed.incus.requests if each.method != "GET"]

    def _create(self, request: Request) -> Any:
        name, kind = request.path.split("/")[3:5]
        body = dict(request.body)
        address = body["listen_address"]
        if address in self.where:
            text = f'Listen address "{address}/32" overlaps with another network or NIC'
            return 500, refused(text)
        if wrong := _wrong(kind, name, body):
            return 400, refused(wrong, 400)
        self._write(address, body)
        self.kept[kind, address] = {"location": "", **body}
        self.where[address] = name
        return 201, told(None)

    def _on(self, request: Request) -> Any:
        name, kind, address = request.path.split("/")[3:6]
        there = self.kept.get((kind, address))
        if there is None or self.where[address] != name:
            return 404, refused("Network load balancer not found", 404)
        if request.path.endswith("/state"):
            return told({"backend_health": self._states(there)})
        if request.method == "GET":
            return told(there)
        if request.method == "DELETE":
            del self.kept[kind, address], self.where[address]
            return told(None)
        if wrong := _wrong(kind, name, request.body):
            return 400, refused(wrong, 400)
        changed = {**there, **request.body}
        if changed == there:
            return told(None)
        self._write(address, changed)
        if self.away:  # and takes it back, without health checks
            self._write(address, {**there, "config": {}})
            return 500, refused(f"peer node {self.away} is down")
        there |= request.body
        return told(None)

    def _write(self, address: str, body: Mapping[str, Any]) -> None:
        if self.northbound:
            checked = body["config"].get("healthcheck") == "true"
            self.northbound.write(address, _vips(address, body), checked=checked)

    # Note [Health by the wrong port]
    # Incus looks a backend's health up by the port that clients connect to, not by the one that
    # the backend has: where these differ, it is always "unknown".
    def _states(self, there: Mapping[str, Any]) -> dict[str, Any]:
        """Return the health of every backend. See Note [Health by the wrong port]."""
        return {
            each["name"]: {
                "address": each["target_address"],
                "ports": [
                    {
                        "protocol": "tcp",
                        "port": int(port["listen_port"]),
                        "status": self.health.get(each["target_address"], "unknown")
                        if port["listen_port"] == each["target_port"]
                        else "unknown",
                    }
                    for port in there["ports"]
                    if each["name"] in port["target_backend"]
                ],
            }
            for each in there["backends"]
        }

    def _listed(self, request: Request) -> Any:
        name, kind = request.path.split("/")[3:5]
        found = [(at, body) for (each, at), body in self.kept.items() if each == kind]
        return told([body for at, body in found if self.where[at] == name])

    def _allocated(self, _: Request) -> Any:
        return told([{"addresses": f"{each}/32", "used_by": ""} for each in self.where])


def _vips(address: str, body: Mapping[str, Any]) -> dict[str, str]:
    """Return where what listens there leads, as OVN has it."""
    at = {
        each["name"]: f"{each['target_address']}:{each['target_port']}"
        for each in body.get("backends", ())
    }
    return {
        f"{address}:{port['listen_port']}": ",".join(at[each] for each in port["target_backend"])
        if "target_backend" in port
        else f"{port['target_address']}:{port['target_port']}"
        for port in body["ports"]
    }


def _wrong(kind: str, name: str, body: Mapping[str, Any]) -> str:
    """Return why Incus would refuse such a balancer or forward, or ""."""
    unknown = [key for key in body["config"] if key not in KNOWN and not key.startswith("user.")]
    if unknown:
        return f'Invalid option "{unknown[0]}"'
    targets = body["backends"] if kind == "load-balancers" else body["ports"]
    for each in targets:
        if ip_address(each["target_address"]) not in ip_network(SUBNETS[name]):
            return "Target address is not within the network subnet"
    if any(not port.get("target_backend", True) for port in body["ports"]):
        return "Failed applying OVN load balancer: Missing VIP target(s)"
    return ""


def laid(bed: Bed, *networks: Mapping[str, Any]) -> Ovn:
    """Have the Incus of that bed have these networks beside a bridge and an uplink."""
    usual = (network(HIDDEN), network(OPEN, ADDRESSES[1]))
    ovn = Ovn(bed, [bridge("fab"), uplink(), *map(dict, networks or usual)])
    says = bed.incus.says
    says("GET /1.0/networks", told(ovn.networks))
    says(f"GET /1.0/networks/{UPLINK}", told(uplink()))
    says("GET /1.0/network-allocations", ovn._allocated)
    for each in ovn.networks:
        for kind in ("load-balancers", "forwards"):
            where = f"/1.0/networks/{each['name']}/{kind}"
            says(f"GET {where}", ovn._listed)
            says(f"POST {where}", ovn._create)
            for address in ADDRESSES:
                for method in ("GET", "PUT", "DELETE"):
                    says(f"{method} {where}/{address}", ovn._on)
                says(f"GET {where}/{address}/state", ovn._on)
    return ovn
