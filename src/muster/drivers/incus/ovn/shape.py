"""A pool as a load balancer of an OVN network: what Incus is told, and what it shows."""

from collections.abc import Mapping
from math import ceil
from typing import Any
from uuid import UUID

from muster.drivers.incus.tags import PREFIX
from muster.model.pool import (
    UNCOUNTED,
    Condition,
    Front,
    MemberSeen,
    MemberState,
    MonitorKind,
    PoolSeen,
    PoolWanted,
    digest,
)

INSTALLATION = f"{PREFIX}installation"
CLUSTER = f"{PREFIX}cluster"
DIGEST = f"{PREFIX}front"
PORT = f"{PREFIX}port"
NODE = "node-"
EVERY_S = 1
TIMEOUT_S = 1
FAILURES = 2

# What Incus calls the health of a backend's port, in our words; any other word is not known yet.
HEALTH: Mapping[str, Condition] = {
    "online": Condition.GOOD,
    "offline": Condition.BAD,
    "error": Condition.BAD,
}


# Note [Drained by no port]
# A backend that no port names gets no new connection, and those that are open go on, for OVN
# has written down where each goes. So a member that drains stays a backend that no port names.
# How many are open OVN could tell on the member that tracks them; Incus does not pass it on.
def body(wanted: PoolWanted, installation: UUID) -> dict[str, Any]:
    """Return the load balancer of this pool. See Note [Drained by no port]."""
    front = wanted.front
    serving = [each for each in wanted.members if each.state is MemberState.SERVE]
    config = {
        **_checks(front),
        INSTALLATION: str(installation),
        CLUSTER: str(front.cluster_id),
        DIGEST: digest(front),
        PORT: str(front.port),
    }
    port = {
        "description": "",
        "protocol": "tcp",
        "listen_port": str(front.port),
        "target_backend": [name(each.node_id) for each in serving],
    }
    return {
        "description": f"cluster {front.name} of project {front.project}",
        "config": config,
        "backends": [
            {
                "name": name(each.node_id),
                "description": "",
                "target_address": each.address,
                "target_port": str(each.port),
            }
            for each in wanted.members
        ],
        "ports": [port] if serving else [],  # one that leads nowhere is refused
    }


def _checks(front: Front) -> dict[str, str]:
    monitor = front.monitor
    if monitor.kind is MonitorKind.NONE:
        return {}
    return {
        "healthcheck": "true",
        "healthcheck.interval": str(ceil(monitor.every_s) or EVERY_S),
        "healthcheck.timeout": str(ceil(monitor.timeout_s) or TIMEOUT_S),
        "healthcheck.failure_count": str(monitor.failures or FAILURES),
        "healthcheck.success_count": "1",
    }


def name(node_id: UUID) -> str:
    return f"{NODE}{node_id}"


def like(said: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Return whether the load balancer that Incus shows is as it is wanted."""
    return all(said.get(part) == wanted[part] for part in wanted)


def owner(said: Mapping[str, Any], installation: UUID) -> UUID | None:
    """Return whose pool it is, None for what this installation has not made."""
    config = said.get("config") or {}
    if config.get(INSTALLATION) != str(installation) or CLUSTER not in config:
        return None
    return UUID(config[CLUSTER])


def seen(said: Mapping[str, Any], health: Mapping[str, Any]) -> PoolSeen:
    """Return the pool that a load balancer of ours is, by what Incus shows of it."""
    config = said["config"]
    served = {each for port in said["ports"] for each in port["target_backend"]}
    members = (
        _member(each, health.get(each["name"]) or {}, serves=each["name"] in served)
        for each in said["backends"]
    )
    return PoolSeen(
        cluster_id=UUID(config[CLUSTER]),
        address=said["listen_address"],
        port=int(config[PORT]),
        front_digest=config[DIGEST],
        members={each.node_id: each for each in members},
    )


def _member(backend: Mapping[str, Any], health: Mapping[str, Any], *, serves: bool) -> MemberSeen:
    words = [str(port["status"]) for port in health.get("ports") or ()]
    told = [HEALTH[word] for word in words if word in HEALTH]
    return MemberSeen(
        node_id=UUID(backend["name"].removeprefix(NODE)),
        address=backend["target_address"],
        port=int(backend["target_port"]),
        state=MemberState.SERVE if serves else MemberState.DRAIN,
        condition=told[0] if told else Condition.UNKNOWN,
        open_requests=0 if serves else UNCOUNTED,
    )
