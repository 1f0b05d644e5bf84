"""Servers of metal with an Incus on each: they form clusters, die, come back, and are reset."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from muster.base.errors import Permanent, Transient
from muster.decide.secrets import has_masks, masked, unmasked
from muster.ports.agent import Line, Order

PEM = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n"
OURS = PEM.format("muster")
_LOCAL = frozenset({"core.https_address", "cluster.https_address"})
_KINDS = ("storage-pools", "networks", "projects", "profiles", "cluster/groups")


class Killed(BaseException):
    """Muster is killed in the middle of something."""


def missing(order: Order) -> Permanent:
    return Permanent(f"{order.method} {order.path}: not found", status=404)


def refused(text: str) -> Permanent:
    return Permanent(text, status=400)


@dataclass
class Union:
    """What the members of one cluster share."""

    certificate: str
    members: dict[str, str] = field(default_factory=dict)  # name -> status
    elsewhere: dict[str, str] = field(default_factory=dict)  # name -> address, of namesakes
    tokens: dict[str, str] = field(default_factory=dict)
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    config: dict[str, str] = field(default_factory=dict)
    instances: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Metal:
    name: str
    url: str
    address: str
    certificate: str
    union: Union | None = None
    config: dict[str, str] = field(default_factory=dict)
    services: dict[str, Any] = field(default_factory=dict)
    former: dict[str, Any] = field(default_factory=dict)  # services as they were before
    update: dict[str, Any] = field(default_factory=dict)
    dead: bool = False
    resets: list[Mapping[str, Any]] = field(default_factory=list)
    reboots: int = 0
    state: dict[str, Any] = field(default_factory=lambda: {"needs_reboot": False})
    up_s: float = 1000.0
    free_ram: int = 4 << 30
    refuses: frozenset[str] = frozenset()  # paths

    @property
    def shown(self) -> str:
        return self.union.certificate if self.union else self.certificate

    @property
    def is_new(self) -> bool:
        """Return whether it could become a member of any cluster."""
        return self.union is None and not self.config and not any(self.services.values())

    def reset(self, body: Mapping[str, Any]) -> None:
        self.union, self.config, self.services, self.update = None, {}, {}, {}
        self.former = {}
        self.resets.append(body)


class MetalFleet:
    """Agents of such servers. `meanwhile` is asked before and after whatever changes something."""

    certificate = OURS

    def __init__(self, count: int) -> None:
        self.metals = {f"m{n}": self.new(n) for n in range(1, count + 1)}
        self.meanwhile: Callable[[str, Metal, Order], None] | None = None
        self.changes: list[tuple[str, str]] = []
        self.made = 0

    def new(self, number: int) -> Metal:
        address = f"10.0.0.{number}"
        return Metal(
            name=f"m{number}",
            url=f"https://{address}:8443",
            address=address,
            certificate=PEM.format(f"own-{number}"),
        )

    def at(self, url: str) -> Metal:
        metal = next((each for each in self.metals.values() if each.url == url), None)
        if metal is None or metal.dead:
            raise Transient(f"{url}: no answer")
        return metal

    async def shown(self, url: str) -> str:
        return self.at(url).shown

    async def close(self) -> None:
        self.metals.clear()

    async def call(self, line: Line, order: Order) -> Any:
        metal = self.at(line.url)
        if metal.shown.strip() not in line.certificate:
            raise Transient(f"{line.url}: it shows another certificate")
        if order.method == "GET":
            return self._asked(metal, order)
        self._tell("before", metal, order)
        said = self._told(metal, order)
        self.changes.append((metal.name, f"{order.method} {order.path}"))
        self._tell("after", metal, order)
        if metal.dead:
            raise Transient(f"{line.url}: the connection broke")
        return said

    def _tell(self, when: str, metal: Metal, order: Order) -> None:
        if self.meanwhile:
            self.meanwhile(when, metal, order)
        if metal.dead:
            raise Transient(f"{metal.url}: no answer")

    # --- what is asked --------------------------------------------------------------------

    def _asked(self, metal: Metal, order: Order) -> Any:
        said = urlsplit(order.path)
        path, query = said.path, {k: v[0] for k, v in parse_qs(said.query).items()}
        if path.startswith("/os/1.0/services/"):
            return {"config": masked(metal.services.get(path.rpartition("/")[2], {}))}
        plain: dict[str, Callable[[], Any]] = {
            "/1.0": lambda: self._about(metal),
            "/1.0/operations": lambda: {},
            "/1.0/cluster": lambda: {"member_config": []},
            "/os/1.0": lambda: {"environment": {"system_is_ready": True, "uptime": metal.up_s}},
            "/os/1.0/services": lambda: ["/os/1.0/services/lvm", "/os/1.0/services/nvme"],
            "/os/1.0/system/update": lambda: {"config": metal.update, "state": metal.state},
            "/1.0/certificates": lambda: _trusted(metal),
        }
        if path in plain:
            return plain[path]()
        if metal.union is None:
            raise missing(order)
        return self._of_union(metal.union, path, query, order)

    def _about(self, metal: Metal) -> dict[str, Any]:
        shared = metal.union.config if metal.union else {}
        return {
            "config": {**shared, **metal.config},
            "environment": {
                "server_clustered": metal.union is not None,
                "certificate": metal.shown,
                "storage_supported_drivers": [{"Name": "dir"}],
            },
            "api_extensions": ["clustering"],
        }

    def _of_union(self, union: Union, path: str, query: Mapping[str, str], order: Order) -> Any:
        if path == "/1.0/cluster/members" and "recursion" in query:
            return [self._of_member(union, name) for name in union.members]
        if path == "/1.0/cluster/members":
            return [f"{path}/{name}" for name in union.members]
        if path.startswith("/1.0/cluster/members/"):
            name = path.split("/")[4]
            if name not in union.members:
                raise missing(order)
            if path.endswith("/state"):
                return {"sysinfo": {"free_ram": self.metals[name].free_ram}}
            return self._of_member(union, name)
        if path == "/1.0/instances":
            return union.instances
        if path == "/1.0/storage-pools":
            kept = {key.partition("?")[0]: each for key, each in union.objects.items()}
            names = sorted(key for key in kept if key.startswith(f"{path}/"))
            pools = [key for key in names if key.count("/") == 3]
            return [kept[key] for key in pools] if "recursion" in query else pools
        key = f"{path}?{query.get('project', '')}&{query.get('target', '')}"
        if path.endswith("/volumes/custom"):
            return []
        if key not in union.objects:
            raise missing(order)
        return union.objects[key]

    def _of_member(self, union: Union, name: str) -> dict[str, Any]:
        there = self.metals.get(name)
        gone = there is None or there.dead or there.union is not union
        voting = ["database"] if name in list(union.members)[:3] else []
        status = "Offline" if gone else union.members[name]
        at = union.elsewhere.get(name) or f"{self.metals[name].address}:8443"
        return {"server_name": name, "status": status, "roles": voting, "url": f"https://{at}"}

    # --- what is told ---------------------------------------------------------------------

    def _told(self, metal: Metal, order: Order) -> Any:
        said = urlsplit(order.path)
        path, query = said.path, {k: v[0] for k, v in parse_qs(said.query).items()}
        if path in metal.refuses:
            raise refused(f"{metal.name} does not like {path}")
        if path.startswith("/os/1.0/services/"):
            _serve(metal, path.rpartition("/")[2], order.body["config"])
        elif path.startswith("/os/1.0/system/"):
            _system(metal, path.rpartition("/")[2], order.body)
        elif path == "/1.0":
            self._configure(metal, order.body["config"])
        elif path == "/1.0/cluster":
            self._join(metal, order.body)
        elif metal.union is None:
            raise refused("this server is not clustered")
        else:
            return self._in_union(metal.union, path, query, order)
        return None

    def _configure(self, metal: Metal, config: Mapping[str, str]) -> None:
        own = {name for name in config if name in _LOCAL or name.endswith("_volume")}
        metal.config = {name: config[name] for name in own}
        if metal.union:
            metal.union.config = {k: v for k, v in config.items() if k not in own}

    def _join(self, metal: Metal, body: Mapping[str, Any]) -> None:
        if metal.union is not None:
            raise refused("this server is already clustered")
        if "cluster_token" not in body:
            self.made += 1
            union = Union(PEM.format(f"cluster-{self.made}"))
        else:
            if not body["cluster_address"]:
                raise refused("nobody says where the cluster is")
            leader = next(
                m
                for m in self.metals.values()
                if m.config.get("cluster.https_address") == body["cluster_address"]
            )
            if leader.dead or leader.union is None:
                raise refused("nobody answers there")
            union = leader.union
            if union.tokens.pop(body["server_name"], None) is None:
                raise refused("no such token")
            assert body["cluster_certificate"].strip() == union.certificate.strip()
        union.members[body["server_name"]] = "Online"
        metal.union = union

    def _in_union(self, union: Union, path: str, query: Mapping[str, str], order: Order) -> Any:
        if path == "/1.0/cluster/members":
            name = order.body["server_name"]
            union.tokens[name] = "secret"
            made = {"secret": "secret", "fingerprint": "f", "addresses": [], "expiresAt": ""}
            return {"class": "token", "id": "1", "metadata": made}
        if path == "/1.0/cluster/certificate":
            union.certificate = order.body["cluster_certificate"]
            return None
        if path.startswith("/1.0/cluster/members/"):
            return self._member(union, path, order)
        return self._object(union, path, query, order)

    def _member(self, union: Union, path: str, order: Order) -> Any:
        name = path.split("/")[4]
        if name not in union.members:
            raise missing(order)
        if order.method == "DELETE":
            del union.members[name]
            return None
        to = {"evacuate": "Evacuated", "restore": "Online"}[order.body["action"]]
        if union.members[name] == to:
            raise refused(f"it is already {to}")
        union.members[name] = to
        return {"class": "task", "id": "7", "status_code": 200, "metadata": {}}

    def _object(self, union: Union, path: str, query: Mapping[str, str], order: Order) -> Any:
        project, target = query.get("project", ""), query.get("target", "")
        if order.method == "DELETE":
            union.objects.pop(f"{path}?{project}&{target}", None)
            return None
        if order.method == "PUT":
            union.objects[f"{path}?{project}&"] |= order.body
            return None
        body = dict(order.body)
        volume = path.endswith("/volumes/custom")
        key = f"{path}/{body['name']}?{project}&{target if volume else ''}"
        two_phase = path in ("/1.0/storage-pools", "/1.0/networks")
        there = union.objects.get(key)
        if two_phase and target:
            if there and target in there["locations"]:
                raise refused(f"already defined on {target}")
            at = [*(there or {}).get("locations", []), target]
            union.objects[key] = {**body, "status": "Pending", "locations": at}
        elif two_phase:
            told = (there or {}).get("locations", [])
            if there is None or set(told) != set(union.members) or there["status"] == "Created":
                raise refused("it is not pending on every member, or made already")
            union.objects[key] = {**there, **body, "status": "Created"}
        elif there is not None:
            raise refused(f"{body['name']} is there already")
        else:
            union.objects[key] = body
        return None


def _trusted(metal: Metal) -> list[dict[str, Any]]:
    kept = metal.union.objects.items() if metal.union else ()
    return [each for key, each in kept if key.startswith("/1.0/certificates/")]


def _serve(metal: Metal, name: str, config: Any) -> None:
    before = metal.services.get(name, {})
    meant = unmasked(config, [before, metal.former.get(name, {})])
    if has_masks(meant):
        raise refused("config: must be text")
    if meant != before:
        metal.services[name], metal.former[name] = dict(meant), before


def _system(metal: Metal, what: str, body: Any) -> None:
    if what == "update":
        metal.update = dict(body["config"])
    elif what == ":factory-reset":
        metal.reset(body)
    elif what == ":reboot":
        metal.reboots += 1
        metal.up_s = 0.5
        metal.state["needs_reboot"] = False
    elif what == ":check":
        metal.state["needs_reboot"] = True
