"""An Octavia, and the Neutron around it, that are written down: they answer as the genuine do.

A load balancer is at a change for as long as `at_it` says in looks at it, and takes no other.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from muster.base.clock import Clock
from muster.drivers.openstack.grounds import Grounds
from muster.drivers.openstack.octavia.balancer import OctaviaBalancer
from muster.drivers.openstack.octavia.ground import Ground
from muster.drivers.openstack.octavia.lbaas import Lbaas
from muster.drivers.openstack.octavia.options import Options as Octavias
from muster.drivers.openstack.options import Options
from muster.drivers.openstack.rest import Call, Rest

Said = dict[str, Any]
Answer = tuple[int, Any]
NETWORK, OUTSIDE = "net-1", "net-out"
SINGULAR = {
    "loadbalancers": "loadbalancer",
    "listeners": "listener",
    "pools": "pool",
    "healthmonitors": "healthmonitor",
}


def _no(status: int, text: str) -> Answer:
    return status, {"faultcode": "Client", "faultstring": text}


@dataclass
class Octavia:
    at_it: int = 0
    may_fail_over: bool = True
    away: int = 0  # so many requests to fail over are answered by 500
    made: dict[str, dict[str, Said]] = field(default_factory=lambda: {k: {} for k in SINGULAR})
    members: dict[str, list[Said]] = field(default_factory=dict)  # by pool
    floating: dict[str, Said] = field(default_factory=dict)
    looks: dict[str, int] = field(default_factory=dict)  # until a load balancer is at rest
    health: dict[str, str] = field(default_factory=dict)  # by address
    asked: list[str] = field(default_factory=list)
    numbers: Any = field(default_factory=lambda: count(1))

    def answer(self, call: Call) -> Answer:
        where = urlsplit(call.path)
        query = {key: values[0] for key, values in parse_qs(where.query).items()}
        self.asked.append(f"{call.method} {where.path}")
        if call.service == "network":
            return self._network(call, where.path.strip("/").split("/"), query)
        parts = where.path.strip("/").split("/")[1:]
        if call.method == "GET":
            return self._get(parts, query)
        holder = self._holder(parts, call.body or {})
        if holder is None:
            return _no(404, "not found")
        if parts[0] == "loadbalancers":
            return self._balancer(call.method, parts, call.body or {})
        if holder["provisioning_status"] != "ACTIVE":
            return _no(409, f"{parts[0]} is immutable and cannot be updated.")
        self._busy(holder, "PENDING_UPDATE")
        return self._part(call.method, parts, call.body or {})

    def put(self, status: str, *, looks: int = 0) -> None:
        """Have every load balancer be in a status, for so many looks."""
        for each in self.made["loadbalancers"].values():
            each["provisioning_status"] = status
            self.looks[each["id"]] = looks

    def _get(self, parts: list[str], query: Mapping[str, str]) -> Answer:
        kind, *rest = parts
        if not rest:
            return 200, {kind: [each for each in self.made[kind].values() if _fits(each, query)]}
        found = self.made[kind].get(rest[0])
        if found is None:
            return _no(404, "not found")
        if rest[1:] == ["stats"]:
            return 200, {"stats": {"total_connections": 7, "active_connections": 1}}
        if rest[1:] == ["members"]:
            shown = [{**x, "operating_status": self._told(x)} for x in self.members[rest[0]]]
            return 200, {"members": shown}
        if kind == "loadbalancers" and not self._stays(found):
            return _no(404, "not found")
        return 200, {SINGULAR[kind]: dict(found)}

    def _told(self, member: Said) -> str:
        return self.health.get(member["address"], "ONLINE")

    def _stays(self, balancer: Said) -> bool:
        """Let it come to rest once it has been looked at often enough; return if it is there."""
        status, left = balancer["provisioning_status"], self.looks.get(balancer["id"], 0)
        if not status.startswith("PENDING"):
            return True
        self.looks[balancer["id"]] = left - 1
        if left <= 0:
            balancer["provisioning_status"] = "ACTIVE"
        if left <= 0 and status == "PENDING_DELETE":
            self._drop(balancer["id"])
        return balancer["id"] in self.made["loadbalancers"]

    def _drop(self, balancer_id: str) -> None:
        del self.made["loadbalancers"][balancer_id]
        for kind in ("listeners", "pools"):
            gone = [k for k, v in self.made[kind].items() if v["load_balancer_id"] == balancer_id]
            for each in gone:
                del self.made[kind][each]

    def _busy(self, balancer: Said, status: str) -> None:
        balancer["provisioning_status"] = status
        self.looks[balancer["id"]] = self.at_it

    def _holder(self, parts: list[str], body: Said) -> Said | None:
        """Return the load balancer that a change belongs to."""
        kind, *rest = parts
        if kind == "loadbalancers":
            return self.made[kind].get(rest[0]) if rest else {}
        inner = next(iter(body.values())) if body and not rest else {}
        part = self.made[kind].get(rest[0]) if rest else inner
        if part is None:
            return None
        pool = self.made["pools"].get(part.get("pool_id", ""), {})
        whole = part.get("load_balancer_id") or part.get("loadbalancer_id")
        return self.made["loadbalancers"].get(whole or pool.get("load_balancer_id", ""))

    def _balancer(self, method: str, parts: list[str], body: Said) -> Answer:
        if method == "POST":
            return self._created(body["loadbalancer"])
        balancer = self.made["loadbalancers"][parts[1]]
        if balancer["provisioning_status"].startswith("PENDING"):
            return _no(409, f"Invalid state {balancer['provisioning_status']} of loadbalancer")
        if parts[2:] == ["failover"] and self.away:
            self.away -= 1
            return _no(500, "Internal error")
        if parts[2:] == ["failover"] and not self.may_fail_over:
            return _no(403, "Policy does not allow this request to be performed.")
        self._busy(balancer, "PENDING_DELETE" if method == "DELETE" else "PENDING_UPDATE")
        return 202, {}

    def _created(self, order: Said) -> Answer:
        number = next(self.numbers)
        plain = {key: value for key, value in order.items() if key != "listeners"}
        place = {"vip_address": f"10.0.9.{number}", "vip_port_id": f"port-{number}"}
        there = {"vip_subnet_id": "sub-1", "operating_status": "OFFLINE", "updated_at": None}
        made = self._made("loadbalancers", {**there, **place, **plain})
        for listener in order.get("listeners", ()):
            inside = dict(listener)
            pool = dict(inside.pop("default_pool"))
            monitor, members = pool.pop("healthmonitor", None), pool.pop("members")
            kept = self._made("pools", {**pool, "load_balancer_id": made["id"]})
            self._members(kept["id"], members)
            self._watch(kept, monitor)
            led = {"default_pool_id": kept["id"], "load_balancer_id": made["id"]}
            self._made("listeners", {**inside, **led})
        self._busy(made, "PENDING_CREATE")
        return 201, {"loadbalancer": dict(made)}

    def _made(self, kind: str, said: Said) -> Said:
        number = next(self.numbers)
        basis = {"id": f"{kind}-{number}", "created_at": f"2026-01-01T00:00:{number:02}"}
        made = {**said, **basis, "provisioning_status": "ACTIVE"}
        self.made[kind][made["id"]] = made
        if kind == "pools":
            self.members.setdefault(made["id"], [])
        return made

    def _members(self, pool_id: str, said: list[Said]) -> None:
        self.members[pool_id] = [{**each, "provisioning_status": "ACTIVE"} for each in said]

    def _watch(self, pool: Said, monitor: Said | None) -> None:
        if monitor:
            pool["healthmonitor_id"] = self._made("healthmonitors", {**monitor})["id"]
            self.made["healthmonitors"][pool["healthmonitor_id"]]["pool_id"] = pool["id"]

    def _part(self, method: str, parts: list[str], body: Said) -> Answer:
        kind, *rest = parts
        if rest[1:] == ["members"]:
            self._members(rest[0], body["members"])
        elif method == "DELETE":
            gone = self.made[kind].pop(rest[0])
            if kind == "healthmonitors":
                del self.made["pools"][gone["pool_id"]]["healthmonitor_id"]
        elif method == "PUT":
            self.made[kind][rest[0]].update(body[SINGULAR[kind]])
        elif kind == "healthmonitors":
            self._watch(self.made["pools"][body["healthmonitor"]["pool_id"]], body["healthmonitor"])
        else:
            said = dict(body[SINGULAR[kind]])
            self._made(kind, {**said, "load_balancer_id": said.pop("loadbalancer_id")})
        return 202, {}

    def _network(self, call: Call, parts: list[str], query: Mapping[str, str]) -> Answer:
        kind, *rest = parts
        listed: dict[str, Callable[[], list[Said]]] = {
            "networks": lambda: [
                {"id": NETWORK, "name": "inside", "router:external": False, "subnets": ["sub-1"]},
                {"id": OUTSIDE, "name": "outside", "router:external": True, "subnets": ["sub-2"]},
            ],
            "subnets": lambda: [{"id": "sub-1", "network_id": NETWORK, "cidr": "10.0.0.0/16"}],
            "floatingips": lambda: list(self.floating.values()),
        }
        if call.method == "GET":
            return 200, {kind: [each for each in listed[kind]() if _fits(each, query)]}
        if call.method == "DELETE":
            del self.floating[rest[0]]
            return 204, {}
        body = dict(call.body["floatingip"])
        made = self.floating.get(rest[0]) if rest else None
        if made is None:
            key = str(uuid4())
            address = f"203.0.113.{next(self.numbers)}"
            made = self.floating.setdefault(key, {"id": key, "floating_ip_address": address})
        made.update(body)
        return 200, {"floatingip": dict(made)}


def _fits(said: Said, query: Mapping[str, str]) -> bool:
    tags = query.get("tags", "").split(",") if "tags" in query else []
    plain = {key: value for key, value in query.items() if key not in ("tags", "limit")}
    return set(tags) <= set(said.get("tags", ())) and all(said.get(k) == plain[k] for k in plain)


def octavia_over(
    rest: Rest, clock: Clock, said: Octavias | None = None, patience_s: float = 20
) -> OctaviaBalancer:
    """Return the balancer of an installation of its own."""
    installation = uuid4()
    grounds = Grounds(rest, Options(network="inside"))
    ground = Ground(rest, grounds, said or Octavias(), installation)
    lbaas = Lbaas(rest, clock, installation, patience_s=patience_s)
    return OctaviaBalancer(lbaas, ground, installation)


class Answers(Protocol):
    def answer(self, call: Call) -> tuple[int, Any]: ...


class WrittenRest(Rest):
    """Calls that go to a service that is written down."""

    def __init__(self, cloud: Answers) -> None:
        super().__init__(Options(entry="written"))
        self._cloud = cloud

    async def _asked(self, call: Call) -> tuple[int, Any, float | None]:
        status, said = self._cloud.answer(call)
        return status, said, None
