"""Someone who plays at random with plain clusters and single nodes, by the clustering API."""

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import httpx2

from chaos.reckoning import all_of
from house import until
from muster.client.http import ApiError, Session, Unreachable

OPERATIONS = ("reboot", "pause", "unpause", "stop", "start", "lock", "evacuate")
OPEN = ("INIT", "READY", "RUNNING", "WAITING", "WAITING_LIFECYCLE_COMPLETION")
Rows = list[dict[str, Any]]
_VIP = {"subnet": "s", "protocol_port": 8080}
POLICIES = {
    name: {"type": f"senlin.policy.{type}", "version": version, "properties": properties}
    for name, type, version, properties in (
        ("out", "scaling", "1.0", {"event": "CLUSTER_SCALE_OUT", "adjustment": {"number": 1}}),
        ("oldest", "deletion", "1.1", {"criteria": "OLDEST_FIRST"}),
        ("kept", "deletion", "1.0", {"destroy_after_deletion": False}),
        ("two", "batch", "1.0", {"max_batch_size": 2, "min_in_service": 1, "pause_time": 1}),
        ("apart", "affinity", "1.0", {"servergroup": {"policies": "soft-anti-affinity"}}),
        (
            "served",
            "loadbalance",
            "1.1",
            {"pool": {"subnet": "s"}, "vip": _VIP, "health_monitor": {"type": "TCP"}},
        ),
        (
            "healed",
            "health",
            "1.1",
            {
                "detection": {
                    "interval": 60,
                    "node_update_timeout": 1,
                    "detection_modes": [{"type": "NODE_STATUS_POLLING"}],
                },
                "recovery": {"actions": [{"name": "RECREATE"}], "fencing": ["COMPUTE"]},
            },
        ),
    )
}


def profile(name: str) -> dict[str, Any]:
    properties = {"flavor": "tiny", "image": name, "networks": [{"network": "private"}]}
    spec = {"type": "os.nova.server", "version": "1.0", "properties": properties}
    return {"profile": {"name": name, "spec": spec}}


class Keeper:
    """Plays with at most `most` nodes per cluster; what he asks may be refused or never heard."""

    def __init__(self, seed: int, clusters: int = 3, most: int = 5) -> None:
        self.dice = random.Random(seed)
        self.clusters, self.most = clusters, most
        self.made = 0
        self.played: Counter[str] = Counter()  # what was answered by "accepted"

    def play(self, session: Session, until_cut: float) -> None:
        """Ask until the server is gone; `until_cut` bounds it where the server survives."""
        end = time.monotonic() + until_cut
        moves: Mapping[Callable[[Session], None], int] = {
            self._cluster: 3,
            self._resize: 4,
            self._many: 5,
            self._update: 2,
            self._members: 6,
            self._node: 3,
            self._one: 5,
            self._policy: 3,
            self._hook: 3,
            self._delete: 1,
        }
        try:
            while time.monotonic() < end:
                move = self.dice.choices(list(moves), list(moves.values()))[0]
                move(session)
        except (Unreachable, httpx2.HTTPError):
            return

    def _ask(self, session: Session, what: str, method: str, path: str, body: Any = None) -> Any:
        try:
            answer = session.call(method, path, body)
        except ApiError as error:
            if error.status not in (400, 404, 409, 429, 503):
                raise
            return None
        self.played[what] += 1
        return answer

    def _rows(self, session: Session, noun: str) -> Rows:
        found: Rows = session.call("GET", f"/v1/{noun}")[noun]
        return found

    def _some(self, session: Session, noun: str) -> dict[str, Any] | None:
        rows = self._rows(session, noun)
        return self.dice.choice(rows) if rows else None

    def _named(self, kind: str) -> str:
        self.made += 1
        return f"{kind}-{self.made}"

    def _profile(self, session: Session) -> str:
        rows = self._rows(session, "profiles")
        if len(rows) < 2:
            name = f"image-{len(rows)}"
            made = self._ask(session, "profile", "POST", "/v1/profiles", profile(name))
            rows = [made["profile"]] if made else rows
        return str(self.dice.choice(rows)["id"]) if rows else ""

    def _cluster(self, session: Session) -> None:
        if len(self._rows(session, "clusters")) >= self.clusters:
            return
        ask = {"name": self._named("plain"), "profile_id": self._profile(session)}
        size = {"desired_capacity": self.dice.randint(0, self.most)}
        self._ask(session, "create", "POST", "/v1/clusters", {"cluster": {**ask, **size}})

    def _resize(self, session: Session) -> None:
        if cluster := self._some(session, "clusters"):
            size = self.dice.randint(0, self.most)
            ask = {"resize": {"adjustment_type": "EXACT_CAPACITY", "number": size}}
            self._ask(session, "resize", "POST", f"/v1/clusters/{cluster['id']}/actions", ask)

    def _many(self, session: Session) -> None:
        """Check, mend or operate all nodes of a cluster."""
        if cluster := self._some(session, "clusters"):
            path = f"/v1/clusters/{cluster['id']}"
            what = self.dice.choice(("check", "recover", "operate"))
            if what == "operate":
                ask: dict[str, Any] = {self.dice.choice(OPERATIONS): {}}
                self._ask(session, what, "POST", f"{path}/ops", ask)
            else:
                self._ask(session, what, "POST", f"{path}/actions", {what: {}})

    def _update(self, session: Session) -> None:
        if cluster := self._some(session, "clusters"):
            ask = {"cluster": {"profile_id": self._profile(session)}}
            self._ask(session, "update", "PATCH", f"/v1/clusters/{cluster['id']}", ask)

    def _members(self, session: Session) -> None:
        """Have nodes join, leave, be replaced, or go for good."""
        cluster = self._some(session, "clusters")
        nodes = self._rows(session, "nodes")
        alone = [each["id"] for each in nodes if not each["cluster_id"]]
        ours = [each["id"] for each in nodes if cluster and each["cluster_id"] == cluster["id"]]
        asks: list[dict[str, Any]] = []
        if alone:
            asks.append({"add_nodes": {"nodes": [self.dice.choice(alone)]}})
        if ours:
            goes = self.dice.choice(ours)
            destroy = self.dice.random() < 0.3
            asks.append({"del_nodes": {"nodes": [goes], "destroy_after_deletion": destroy}})
        if alone and ours:
            pair = {self.dice.choice(ours): self.dice.choice(alone)}
            asks.append({"replace_nodes": {"nodes": pair}})
        if cluster and asks:
            ask = self.dice.choice(asks)
            path = f"/v1/clusters/{cluster['id']}/actions"
            self._ask(session, next(iter(ask)), "POST", path, ask)

    def _node(self, session: Session) -> None:
        if len([n for n in self._rows(session, "nodes") if not n["cluster_id"]]) < self.most:
            ask = {"name": self._named("lone"), "profile_id": self._profile(session)}
            self._ask(session, "node", "POST", "/v1/nodes", {"node": ask})

    def _one(self, session: Session) -> None:
        """Do something to one node, alone or not."""
        node = self._some(session, "nodes")
        if node is None:
            return
        path = f"/v1/nodes/{node['id']}"
        what = self.dice.choice(("check", "recover", "ops", "patch", "delete"))
        if what == "ops":
            self._ask(session, what, "POST", f"{path}/ops", {self.dice.choice(OPERATIONS): {}})
        elif what == "patch":
            ask = {"node": {"profile_id": self._profile(session)}}
            self._ask(session, what, "PATCH", path, ask)
        elif what == "delete":
            self._ask(session, what, "DELETE", path)
        else:
            self._ask(session, what, "POST", f"{path}/actions", {what: {}})

    def _policy(self, session: Session) -> None:
        """Attach a policy of some kind, switch it, or detach it again."""
        cluster = self._some(session, "clusters")
        if cluster is None:
            return
        known = {each["name"]: each["id"] for each in self._rows(session, "policies")}
        name = self.dice.choice(list(POLICIES))
        if name not in known:
            ask = {"policy": {"name": name, "spec": POLICIES[name]}}
            self._ask(session, "policy", "POST", "/v1/policies", ask)
            return
        said: dict[str, Any] = {"policy_id": known[name]}
        what = self.dice.choice(
            ("policy_attach", "policy_attach", "policy_update", "policy_detach")
        )
        if what == "policy_update":
            said["enabled"] = self.dice.random() < 0.5
        self._ask(session, what, "POST", f"/v1/clusters/{cluster['id']}/actions", {what: said})

    def _hook(self, session: Session) -> None:
        """Set a cluster's webhook off, which is made where there is none."""
        cluster = self._some(session, "clusters")
        if cluster is None:
            return
        mine = [r for r in self._rows(session, "receivers") if r["cluster_id"] == cluster["id"]]
        if mine:
            path = f"/v1/webhooks/{mine[0]['id']}/trigger?V=2"
            self._ask(session, "webhook", "POST", path)
            return
        action = self.dice.choice(("CLUSTER_SCALE_OUT", "CLUSTER_SCALE_IN", "CLUSTER_CHECK"))
        door = {"name": self._named("door"), "type": "webhook", "action": action}
        ask = {"receiver": {**door, "cluster_id": cluster["id"]}}
        self._ask(session, "receiver", "POST", "/v1/receivers", ask)

    def _delete(self, session: Session) -> None:
        if cluster := self._some(session, "clusters"):
            path = f"/v1/clusters/{cluster['id']}?force=true"
            self._ask(session, "cluster", "DELETE", path)


def settled(session: Session, servers: Callable[[], Mapping[str, str]], deadline_s: float) -> None:
    """Wait until nothing is under way, then compare nodes, clusters and servers."""

    def quiet() -> bool:
        query = [session.call("GET", "/v1/actions", query={"status": each}) for each in OPEN]
        return not any(each["actions"] for each in query)

    def whole() -> bool:
        """Every server is one node's, and every node that works has one."""
        nodes = all_of(session, "/v1/nodes", "nodes")
        have = {each["physical_id"] for each in nodes if each["physical_id"]}
        there = set(servers())
        working = {each["physical_id"] for each in nodes if each["status"] == "ACTIVE"}
        return there <= have and working <= there

    try:
        until(quiet, deadline_s, "nothing is under way")
        until(whole, deadline_s, "cloud and database agree")
        until(quiet, deadline_s, "nothing that broke last is under way")
    except AssertionError:
        raise AssertionError(_story(session, servers)) from None
    nodes = all_of(session, "/v1/nodes", "nodes")
    assert len({each["id"] for each in nodes}) == len(nodes)
    for cluster in all_of(session, "/v1/clusters", "clusters"):
        ours = [each for each in nodes if each["cluster_id"] == cluster["id"]]
        assert len(ours) == cluster["desired_capacity"], (cluster, ours)
        assert len({each["index"] for each in ours}) == len(ours)
        assert cluster["status"] in ("ACTIVE", "WARNING", "ERROR"), cluster
    assert {each["index"] for each in nodes if not each["cluster_id"]} <= {-1}
    actions = all_of(session, "/v1/actions", "actions")
    assert {each["status"] for each in actions} <= {"SUCCEEDED", "FAILED", "CANCELLED"}
    assert len({each["id"] for each in actions}) == len(actions)


def _story(session: Session, servers: Callable[[], Mapping[str, str]]) -> str:
    told = [f"servers: {dict(servers())}"]
    for noun, keys in (
        ("clusters", ("id", "status", "desired_capacity", "status_reason")),
        ("nodes", ("id", "cluster_id", "physical_id", "status", "status_reason")),
    ):
        told += [
            f"{noun} {[row[key] for key in keys]}" for row in all_of(session, f"/v1/{noun}", noun)
        ]
    for each in all_of(session, "/v1/actions", "actions"):
        if each["status"] in OPEN:
            told.append(f"open {each['name']} {each['status']} {each['status_reason']}")
    return "\n".join(told)
