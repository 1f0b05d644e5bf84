"""`a_cluster()`, `a_node()`, `a_server()` ...: valid values, with only what matters spelled out."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from muster.model.action import Action, ActionStatus, Verb
from muster.model.catalog import Flavor
from muster.model.cloud import About, Pace
from muster.model.cluster import Cluster, ClusterStatus, Service
from muster.model.node import Health, Leaving, Node, NodeStatus, Why, node_id, server_id
from muster.model.observed import Probe, Seen, Server
from muster.model.plan import Limits, Snapshot
from muster.model.pool import Condition, Front, MemberSeen, MemberState, PoolSeen, digest
from muster.model.profile import Profile, ServerSpec
from muster.model.rollout import Rollout, Strategy

NOW = datetime(2030, 1, 1, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=1)
WEB = UUID(int=1)
OLD = UUID(int=101)  # the profile in force unless a test says otherwise
NEW = UUID(int=102)
GOOD = Health(infrastructure=Condition.GOOD, balancer=Condition.GOOD, application=Condition.GOOD)
TINY = Flavor(id=UUID(int=201), name="tiny", vcpus=0.25, memory_mib=128)
SIMULATED = About(name="simulated", kind="simulated", pace=Pace(stray_grace=timedelta(seconds=60)))


def a_flavor(**but: Any) -> Flavor:
    return Flavor(**{"id": TINY.id, "name": "tiny", "vcpus": 0.25, "memory_mib": 128} | but)


def a_spec(**but: Any) -> ServerSpec:
    plain = {"image": "demo-web", "image_name": "demo-web", "flavor": TINY, "network": "private"}
    return ServerSpec(**plain | but)


def a_profile(id: UUID = OLD, **but: Any) -> Profile:
    plain = {
        "id": id,
        "project": "demo",
        "user": "ann",
        "name": f"profile-{id.int}",
        "server": a_spec(),
        "created_at": LONG_AGO,
    }
    return Profile(**plain | but)


def a_service(**but: Any) -> Service:
    return Service(**{"port": 8080, "health_path": "/health", "address": "10.0.0.1"} | but)


def a_cluster(**but: Any) -> Cluster:
    """Return a settled, active cluster of one node without a service."""
    plain = {
        "id": WEB,
        "project": "demo",
        "user": "ann",
        "name": "web",
        "cloud": "simulated",
        "profile_id": OLD,
        "desired": 1,
        "next_index": 2,
        "settled_generation": 1,
        "status": ClusterStatus.ACTIVE,
        "init_at": LONG_AGO,
        "created_at": LONG_AGO,
    }
    return Cluster(**plain | but)


def a_new_cluster(**but: Any) -> Cluster:
    """Return a cluster as the service writes it: nothing has been done for it yet."""
    plain = {
        "next_index": 1,
        "settled_generation": 0,
        "status": ClusterStatus.INIT,
        "init_at": NOW,
        "created_at": None,
    }
    return a_cluster(**plain | but)


def a_node(index: int, **but: Any) -> Node:
    """Return a node that has been in service for a day."""
    plain = {
        "id": node_id(but.get("cluster_id") or WEB, index),
        "cluster_id": WEB,
        "project": "demo",
        "user": "ann",
        "index": index,
        "name": f"web-{index:03}",
        "profile_id": OLD,
        "since": LONG_AGO,
        "status": NodeStatus.ACTIVE,
        "created_at": LONG_AGO,
        "began_at": LONG_AGO,
        "ready_at": LONG_AGO,
        "ref": f"s{index}",
        "address": f"10.1.0.{index}",
        "health": GOOD,
    }
    return Node(**plain | but)


def an_empty_place(index: int, **but: Any) -> Node:
    """Return a node that waits for its first server."""
    plain = {
        "since": NOW,
        "status": NodeStatus.INIT,
        "created_at": None,
        "began_at": None,
        "ready_at": None,
        "ref": "",
        "address": "",
        "health": Health(),
    }
    return a_node(index, **plain | but)


def a_leaving(why: Why = Why.SCALE_IN, **but: Any) -> Leaving:
    plain = {"why": why, "since": NOW, "deadline": NOW + timedelta(seconds=30)}
    return Leaving(**plain | but)


def a_server(index: int, seen: Seen = Seen.RUNNING, **but: Any) -> Server:
    """Return the first server of place `index`, as `a_node(index)` knows it."""
    place = node_id(but.get("cluster_id") or WEB, index)
    plain = {
        "ref": f"s{index}",
        "server_id": server_id(place, 1),
        "node_id": place,
        "cluster_id": WEB,
        "name": f"web-{index:03}",
        "seen": seen,
        "created": LONG_AGO,
        "address": f"10.1.0.{index}",
    }
    return Server(**plain | but)


def a_server_of(node: Node, seen: Seen = Seen.RUNNING, **but: Any) -> Server:
    """Return the server that fills `node` at its present incarnation."""
    plain = {
        "ref": node.ref or f"s{node.index}-{node.incarnation}",
        "server_id": node.server_id,
        "node_id": node.id,
        "cluster_id": node.cluster_id or WEB,
        "name": node.name,
        "created": node.began_at or NOW,
        "address": node.address or f"10.1.0.{node.index}",
    }
    return a_server(max(node.index, 1), seen, **plain | but)


def a_probe_of(node: Node, condition: Condition = Condition.GOOD, **but: Any) -> Probe:
    plain = {
        "node_id": node.id,
        "server_id": node.server_id,
        "cluster_id": node.cluster_id or WEB,
        "condition": condition,
        "at": NOW,
        "failures": 3 if condition is Condition.BAD else 0,
    }
    return Probe(**plain | but)


def a_front(cluster: Cluster) -> Front:
    """Return the front that `cluster`'s service asks for."""
    assert cluster.service
    return Front(
        cluster_id=cluster.id,
        name=cluster.name,
        project=cluster.project,
        port=cluster.service.port,
        traffic=cluster.service.traffic,
        health_path=cluster.service.health_path,
        dns_name=cluster.service.dns_name,
        method=cluster.service.method,
        certificate=cluster.service.certificate,
        key=cluster.service.key,
    )


def a_member_of(node: Node, **but: Any) -> MemberSeen:
    plain = {
        "node_id": node.id,
        "address": node.address,
        "port": 8080,
        "state": MemberState.SERVE,
        "condition": Condition.GOOD,
    }
    return MemberSeen(**plain | but)


def a_pool(cluster: Cluster, *members: MemberSeen, **but: Any) -> PoolSeen:
    assert cluster.service
    plain = {
        "cluster_id": cluster.id,
        "address": cluster.service.address or "10.0.0.1",
        "port": cluster.service.port,
        "front_digest": digest(a_front(cluster)),
        "members": {each.node_id: each for each in members},
    }
    return PoolSeen(**plain | but)


def a_rollout(**but: Any) -> Rollout:
    plain = {
        "id": UUID(int=301),
        "from_profile": OLD,
        "to_profile": NEW,
        "strategy": Strategy(),
        "started_at": NOW,
        "progress_at": NOW,
    }
    return Rollout(**plain | but)


def a_wish(verb: Verb = Verb.CLUSTER_RESIZE, **but: Any) -> Action:
    """Return a wish for cluster `WEB` that nobody has taken up yet."""
    plain = {
        "id": uuid5(WEB, f"wish/{verb}/{but.get('generation', 2)}"),
        "name": f"{verb.lower()}_{str(WEB)[:8]}",
        "verb": verb,
        "target": WEB,
        "cluster_id": WEB,
        "project": "demo",
        "user": "ann",
        "status": ActionStatus.READY,
        "generation": 2,
        "created_at": NOW,
    }
    return Action(**plain | but)


def a_snapshot(
    cluster: Cluster, *nodes: Node, servers: Iterable[Server] | None = None, **but: Any
) -> Snapshot:
    """Return what a pass over `cluster` sees: every node's server runs unless said otherwise."""
    seen = [a_server_of(n) for n in nodes if n.ref] if servers is None else servers
    members = but["pool"].members if but.get("pool") else {}
    nodes = tuple(replace(n, pooled=True) if n.id in members else n for n in nodes)
    plain = {
        "now": NOW,
        "cluster": cluster,
        "cloud": SIMULATED,
        "nodes": nodes,
        "profiles": {OLD: a_profile(OLD), NEW: a_profile(NEW)},
        "servers": {each.server_id: each for each in seen},
        "limits": Limits(stray_grace=timedelta(seconds=60)),
    }
    return Snapshot(**plain | but)


def in_service(cluster: Cluster, *nodes: Node) -> Snapshot:
    """Return a snapshot in which all of `nodes` run, answer, and serve in the pool."""
    return a_snapshot(
        cluster,
        *nodes,
        pool=a_pool(cluster, *(a_member_of(n) for n in nodes)),
        probes={n.id: a_probe_of(n) for n in nodes},
    )
