"""A load balancer's pool: the one we want, and the one the balancer shows."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b
from uuid import UUID

from muster.base.copies import Value


class Traffic(StrEnum):
    HTTP = "http"
    HTTPS = "https"
    TCP = "tcp"


class MemberState(StrEnum):
    SERVE = "serve"
    DRAIN = "drain"  # no new sessions; the open ones go on


class Condition(StrEnum):
    """One kind of health of one node."""

    UNKNOWN = "unknown"
    GOOD = "good"
    BAD = "bad"


class MonitorKind(StrEnum):
    HTTP = "http"  # by the traffic's own protocol: a request, or a connection for TCP
    TCP = "tcp"  # a connection is enough
    PING = "ping"
    NONE = "none"  # whatever runs is well


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitor:
    """How the balancer, and Muster with it, finds out whether an application is well."""

    kind: MonitorKind = MonitorKind.HTTP
    method: str = "GET"
    codes: str = ""  # "200", "200,202", "200-204"; "": any that does not say no
    every_s: float = 0  # 0: as the balancer likes it best; so for the next two
    timeout_s: float = 0
    failures: int = 0


class Persistence(StrEnum):
    """What keeps a client with one member."""

    NONE = "none"
    SOURCE_IP = "source_ip"
    HTTP_COOKIE = "http_cookie"  # one that the balancer gives
    APP_COOKIE = "app_cookie"  # one that the application gives


UNCOUNTED = -1  # there may be some, and this balancer cannot tell


class MemberWanted(Value, frozen=True, kw_only=True):
    node_id: UUID
    address: str
    port: int
    state: MemberState = MemberState.SERVE
    ends: datetime | None = None  # draining: when what is still open will be cut


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """The side of a pool that clients see."""

    cluster_id: UUID
    name: str  # the cluster's, for people who read the balancer's configuration
    project: str
    port: int
    traffic: Traffic = Traffic.HTTP
    health_path: str = "/"
    dns_name: str = ""
    method: str = "least_conn"  # least_conn | round_robin | source_ip
    certificate: str = ""  # PEM; "" with https: the balancer's own authority signs one
    key: str = ""  # PEM
    monitor: Monitor = Monitor()
    persistence: Persistence = Persistence.NONE
    cookie: str = ""
    connections: int = 0  # clients served at once at most; 0: as many as come
    network: str = ""  # the cloud's id of the one that its members are on; "": the usual one
    counted: bool = False  # a scaling rule goes by how many requests come


@lru_cache(maxsize=4096)
def digest(front: Front) -> str:
    """Return a short fingerprint of everything clients see; the private key does not leak."""
    seen = repr(replace(front, counted=False))
    return blake2b(seen.encode(), digest_size=12).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolWanted:
    front: Front
    members: tuple[MemberWanted, ...] = ()


class MemberSeen(Value, frozen=True, kw_only=True):
    node_id: UUID
    address: str
    port: int
    state: MemberState
    condition: Condition = Condition.UNKNOWN
    open_requests: int = 0  # requests or sessions under way now; UNCOUNTED: nobody knows
    requests: int = 0  # ever, since the balancer began to count this member
    errors: int = 0  # ever: answers of 500 and above, and failed connections
    latency_s: float | None = None  # mean of the last while


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSeen:
    cluster_id: UUID
    address: str  # where clients connect
    port: int
    front_digest: str  # `digest(front)` of what is in force
    members: Mapping[UUID, MemberSeen] = field(default_factory=dict)
    requests: int = 0  # ever, all members and those answered without one
    errors: int = 0
    waiting: int = 0  # requests under way at the front
    owed: str = ""  # why it is to be put once more though it is as wanted, "": it is not
