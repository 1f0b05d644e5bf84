"""Muster's words for a pool into Octavia's, and back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any
from uuid import UUID

from muster.drivers.openstack.octavia.refusal import METHODS
from muster.model.pool import (
    UNCOUNTED,
    Condition,
    Front,
    MemberSeen,
    MemberState,
    MemberWanted,
    MonitorKind,
    Persistence,
    PoolSeen,
    Traffic,
    digest,
)

Part = Mapping[str, Any]  # a load balancer, listener, pool, monitor or member, in Octavia's words

INSTALLATION = "muster-installation="
CLUSTER = "muster-cluster="
FRONT = "muster-front="
ACTIVE, ERROR, DELETING = "ACTIVE", "ERROR", "PENDING_DELETE"
ALL = -1  # connections
EVERY_S = 3
TIMEOUT_S = 2
FAILURES = 2
SAYS_NO_NOT = "200-399"

# What Octavia calls the health of a member; any other word is not known yet, or never will be.
HEALTH: Mapping[str, Condition] = {
    "ONLINE": Condition.GOOD,
    "ERROR": Condition.BAD,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a load balancer is to consist of."""

    balancer: Part
    listener: Part
    pool: Part
    monitor: Part | None
    members: tuple[Part, ...]

    @property
    def created(self) -> Part:
        """Everything as one order."""
        monitor = {"healthmonitor": self.monitor} if self.monitor else {}
        pool = {**self.pool, **monitor, "members": list(self.members)}
        return {**self.balancer, "listeners": [{**self.listener, "default_pool": pool}]}


def tags(installation: UUID, cluster_id: UUID) -> tuple[str, str]:
    return f"{INSTALLATION}{installation}", f"{CLUSTER}{cluster_id}"


def parts(front: Front, members: Sequence[Part], installation: UUID) -> Parts:
    marks = list(tags(installation, front.cluster_id))
    named = {"name": f"muster-{front.name}", "tags": marks}
    about = f"cluster {front.name} of project {front.project}"
    return Parts(
        balancer={**named, "description": about[:255]},
        listener={**named, **_listener(front), "tags": [*marks, f"{FRONT}{digest(front)}"]},
        pool={**named, **_pool(front)},
        monitor=_monitor(front, named),
        members=tuple(members),
    )


def member(wanted: MemberWanted, subnet: str) -> Part:
    """Return a member; `subnet` is where it is, "" if that is the load balancer's own."""
    return {
        "name": str(wanted.node_id),
        "address": wanted.address,
        "protocol_port": wanted.port,
        "weight": 1 if wanted.state is MemberState.SERVE else 0,
        **({"subnet_id": subnet} if subnet else {}),
    }


def _listener(front: Front) -> Part:
    http = front.traffic is Traffic.HTTP
    headers = {f"X-Forwarded-{each}": "true" for each in ("For", "Port", "Proto")}
    return {
        "protocol": "HTTP" if http else "TCP",
        "protocol_port": front.port,
        "connection_limit": front.connections or ALL,
        **({"insert_headers": headers} if http else {}),
    }


def _pool(front: Front) -> Part:
    return {
        "protocol": "HTTP" if front.traffic is Traffic.HTTP else "TCP",
        "lb_algorithm": METHODS[front.method],
        "session_persistence": _persistence(front),
    }


def _persistence(front: Front) -> Part | None:
    if front.persistence is Persistence.NONE:
        return None
    own = front.persistence is Persistence.APP_COOKIE
    return {"type": front.persistence.name, "cookie_name": front.cookie if own else None}


def _monitor(front: Front, named: Part) -> Part | None:
    said = front.monitor
    if said.kind is MonitorKind.NONE:
        return None
    http = said.kind is MonitorKind.HTTP and front.traffic is Traffic.HTTP
    kind = "HTTP" if http else "PING" if said.kind is MonitorKind.PING else "TCP"
    asked = {
        "http_method": said.method,
        "url_path": front.health_path,
        "expected_codes": said.codes or SAYS_NO_NOT,
    }
    every = ceil(said.every_s) or EVERY_S
    return {
        **named,
        "type": kind,
        "delay": every,
        "timeout": min(ceil(said.timeout_s) or TIMEOUT_S, every),
        "max_retries": 1,
        "max_retries_down": said.failures or FAILURES,
        **(asked if http else {}),
    }


def owner(said: Part) -> UUID | None:
    """Return whose pool a load balancer of this installation is."""
    return id_of(_tagged(said, CLUSTER))


def id_of(text: str) -> UUID | None:
    """Return the id that a text is, None for what people wrote in its place."""
    try:
        return UUID(text)
    except ValueError:
        return None


def _tagged(said: Part, kind: str) -> str:
    return next((tag.removeprefix(kind) for tag in said["tags"] if tag.startswith(kind)), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What is asked for a look at one pool."""

    balancer: Part
    listener: Part | None
    members: Sequence[Part] = ()
    stats: Part
    address: str


def seen(shown: Shown) -> PoolSeen:
    """Return the pool that a load balancer of ours is.

    Octavia counts connections for the front alone, and nothing for a member.
    """
    listener, stats = shown.listener, shown.stats
    there = [each for each in shown.members if each["provisioning_status"] != DELETING]
    found = [_member(each, node) for each in there if (node := id_of(each["name"]))]
    return PoolSeen(
        cluster_id=UUID(_tagged(shown.balancer, CLUSTER)),
        address=shown.address,
        port=listener["protocol_port"] if listener else 0,
        front_digest=_tagged(listener, FRONT) if listener else "",
        members={each.node_id: each for each in found},
        requests=stats.get("total_connections") or 0,
        errors=stats.get("request_errors") or 0,
        waiting=stats.get("active_connections") or 0,
        owed=_owed(shown),
    )


def _owed(shown: Shown) -> str:
    status = shown.balancer["provisioning_status"]
    if status != ACTIVE:
        return f"Octavia calls the load balancer {status}"
    ill = [each for each in shown.members if each["provisioning_status"] == ERROR]
    return f"Octavia calls {len(ill)} members {ERROR}" if ill else ""


def _member(said: Part, node_id: UUID) -> MemberSeen:
    serves = said["weight"] > 0
    return MemberSeen(
        node_id=node_id,
        address=said["address"],
        port=said["protocol_port"],
        state=MemberState.SERVE if serves else MemberState.DRAIN,
        condition=HEALTH.get(said["operating_status"], Condition.UNKNOWN),
        open_requests=0 if serves else UNCOUNTED,
    )
