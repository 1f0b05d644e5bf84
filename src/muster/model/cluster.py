"""A cluster: how many nodes somebody wants, built from which profile, serving what."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from muster.base.errors import IllegalTransition
from muster.model.capacity import Bounds
from muster.model.detection import Cure, Detector, Watch
from muster.model.placement import Placement
from muster.model.pool import Front, Monitor, MonitorKind, Persistence, Traffic
from muster.model.removal import Removal
from muster.model.rollout import Rollout, Strategy
from muster.model.scaling import Metric, Scaling


class ClusterStatus(StrEnum):
    INIT = "INIT"
    CREATING = "CREATING"
    ACTIVE = "ACTIVE"
    RESIZING = "RESIZING"
    UPDATING = "UPDATING"
    RECOVERING = "RECOVERING"
    CHECKING = "CHECKING"
    OPERATING = "OPERATING"
    WARNING = "WARNING"
    ERROR = "ERROR"
    DELETING = "DELETING"


_S = ClusterStatus
_WORK = frozenset({_S.RESIZING, _S.UPDATING, _S.RECOVERING, _S.CHECKING, _S.OPERATING, _S.DELETING})
_REST = frozenset({_S.ACTIVE, _S.WARNING, _S.ERROR})

CLUSTER_TRANSITIONS: Mapping[ClusterStatus, frozenset[ClusterStatus]] = {
    _S.INIT: frozenset({_S.CREATING, _S.DELETING}) | _REST,
    _S.CREATING: _REST | _WORK,
    _S.ACTIVE: _REST | _WORK,
    _S.RESIZING: _REST | _WORK,
    _S.UPDATING: _REST | _WORK,
    _S.RECOVERING: _REST | _WORK,
    _S.CHECKING: _REST | _WORK,
    _S.OPERATING: _REST | _WORK,
    _S.WARNING: _REST | _WORK,
    _S.ERROR: _REST | _WORK,
    _S.DELETING: frozenset(),  # the row disappears; there is no DELETED
}


# Note [Two paths]
# An update may bring an application that says elsewhere how it is. While instances of both
# revisions are there, each is asked on the path of its own, and `former` says which that is
# for all but the newest. A balancer has one path for all of its members: meanwhile it only
# connects to them, and who is well is seen by our own questions.
@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What the cluster offers to clients through its load balancer."""

    port: int  # where clients connect, and where every instance listens unless it says otherwise
    member_port: int = 0  # where every instance listens; 0: on `port`
    traffic: Traffic = Traffic.HTTP
    health_path: str = "/"
    dns_name: str = ""
    method: str = "least_conn"
    certificate: str = ""
    key: str = ""
    drain_s: float = 30  # how long open sessions may last once their node is to go
    address: str = ""  # the balancer's, once it has one
    monitor: Monitor = Monitor()
    persistence: Persistence = Persistence.NONE
    cookie: str = ""
    connections: int = 0  # at once at most; 0: as many as come
    former: tuple[tuple[UUID, str], ...] = ()  # revisions with another path: see Note [Two paths]

    def path_of(self, profile_id: UUID) -> str:
        """Return where an instance of this revision is asked how it is. See Note [Two paths]."""
        return (
            dict(self.former).get(profile_id, self.health_path) if self.former else self.health_path
        )

    @property
    def asked(self) -> bool:
        """Whether applications are asked how they are; else whatever runs is well."""
        return self.monitor.kind in (MonitorKind.HTTP, MonitorKind.TCP)

    @property
    def monitored(self) -> Monitor:
        """How the balancer is to watch its members. See Note [Two paths]."""
        by_path = self.monitor.kind is MonitorKind.HTTP
        return (
            replace(self.monitor, kind=MonitorKind.TCP) if self.former and by_path else self.monitor
        )

    def member_at(self, said: int) -> int:
        """Return where a node listens that says `said` itself, 0 for nothing."""
        return self.member_port or said or self.port


# Note [Fenced]
# Fencing is two things, both against two servers of one place at once. Muster makes sure that
# the former server is gone before it makes the next one; and the owner vouches that a host
# which its cloud holds dead runs nothing any more, which Muster cannot see for itself.
@dataclass(frozen=True, slots=True, kw_only=True)
class Healing:
    """When a node counts as sick, and how eagerly it is replaced."""

    enabled: bool = True
    failures: int = 3  # probes failed in a row
    start_timeout_s: float = 120  # asked for, and still not ready
    storm_share: float = 0.2  # more than this at once: stop replacing
    storm_rest_s: float = 30  # then try one, two, four ... for the storm may be over
    max_tries: int = 8  # failures in a row of one place before it rests for good
    lost_wait_s: float = 15  # what its host's silence is given before it is replaced elsewhere
    watches: tuple[Watch, ...] = ()  # none: the server's state, and its application if it serves
    all_failed: bool = False  # ill only if every watch says so; else one is enough
    interval_s: float = 0  # between two questions to one address
    grace_s: float = 0  # a server so young is not ill, whatever the watches say
    cure: Cure = Cure.RECREATE
    reboot: str = "HARD"  # or SOFT, where rebooting is the cure
    fencing: bool = False  # no next server before the former is surely off. See Note [Fenced]
    delete_timeout_s: float = 0  # the server before has so long to go, where it is replaced
    force_recreate: bool = True  # if it has not gone by then, it is replaced all the same

    @property
    def visiting(self) -> bool:
        """Whether addresses are polled."""
        return any(each.detector is Detector.NODE_STATUS_POLL_URL for each in self.watches)


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """Many nodes were sick at once: replacing has stopped, and is tried again with care."""

    since: datetime
    retry_at: datetime
    allowed: int = 0  # how many may be under repair at once in the present trial
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """What a cluster says of itself where policies govern it now. See Note [Compiled]."""

    governed: tuple[str, ...]  # the names of those fields below that mean anything
    service: Service | None = None
    healing: Healing = Healing()
    removal: Removal = Removal()
    placement: Placement = Placement()
    strategy: Strategy = Strategy()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    id: UUID
    project: str
    user: str
    name: str
    cloud: str
    profile_id: UUID  # the revision in force; an update writes it when it has succeeded
    desired: int
    min_size: int = 0
    max_size: int | None = None  # None: no limit of its own
    domain: str | None = None
    timeout_s: int = 3600
    metadata: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    dependents: Mapping[str, Any] = field(default_factory=dict)
    naming: str = ""  # how members are called unless `config` says; "": after the cluster
    network: str = ""
    keypair: str = ""
    create_bastion: bool = False
    bastion: UUID | None = None  # the profile of the node that lets people in; None: there is none
    bastions: tuple[tuple[UUID, UUID], ...] = ()  # beside revisions with another: Note [Keys]
    warm_pool: int = 0

    service: Service | None = None
    scaling: Scaling | None = None
    healing: Healing = Healing()
    removal: Removal = Removal()
    placement: Placement = Placement()
    strategy: Strategy = Strategy()
    own: Own | None = None  # None: no policy governs it
    rollout: Rollout | None = None  # the last one, under way or ended
    revisions: tuple[UUID, ...] = ()  # profiles that were in force, newest last, at most ten

    leaving: bool = False  # it is to be deleted
    insisted: bool = False  # and that waits for no host which does not answer
    remains: tuple[UUID, ...] = ()  # servers on dead hosts that were let go. See Note [Remains]
    storm: Storm | None = None
    trouble: str = ""  # why its load balancer or its name could not be set up the last time
    refused_generation: int = 0  # the newest one whose balancer or name was refused for good
    boot_s: float | None = None  # learned: how long from asked for to ready
    cleared_at: datetime | None = None  # last time servers that fill no place were asked to go
    clearing: tuple[UUID, ...] = ()  # which, by then; none: too many to name them, so any

    next_index: int = 1
    generation: int = 1  # grows with every wish; a pass that began with an older one is stale
    settled_generation: int = 0  # the newest one that was brought about
    status: ClusterStatus = ClusterStatus.INIT
    reason: str = ""
    init_at: datetime
    created_at: datetime | None = None
    updated_at: datetime | None = None

    @property
    def refused(self) -> bool:
        """Whether the present wish has failed, although what it needs is tried on."""
        return self.settled_generation < self.generation == self.refused_generation

    @property
    def bounds(self) -> Bounds:
        return Bounds(low=self.min_size, high=self.max_size)

    @property
    def ceiling(self) -> int | None:
        """The most nodes it may come to have, None for as many as one likes.

        Where its region takes fewer than it has, it keeps them and gets no more.
        """
        cap = self.placement.cap
        room = None if cap is None else max(cap, self.desired)
        return min((each for each in (self.max_size, room) if each is not None), default=None)

    @property
    def standing_by(self) -> int:
        """How many are to stand by: no more than its region has room for beside the others."""
        cap = self.placement.cap
        return self.warm_pool if cap is None else min(self.warm_pool, max(cap - self.desired, 0))

    @property
    def front(self) -> Front | None:
        """What clients see of the cluster, None if it offers nothing."""
        service = self.service
        if service is None:
            return None
        return Front(
            cluster_id=self.id,
            name=self.name,
            project=self.project,
            port=service.port,
            traffic=service.traffic,
            health_path=service.health_path,
            dns_name=service.dns_name,
            method=service.method,
            certificate=service.certificate,
            key=service.key,
            monitor=service.monitored,
            persistence=service.persistence,
            cookie=service.cookie,
            connections=service.connections,
            network=self.network,
            counted=self.scaling is not None and Metric.REQUESTS in self.scaling.metrics,
        )

    def addressed(self, address: str) -> "Cluster":
        """Return this cluster with its balancer's address, wherever it is told."""
        if self.service is None or self.service.address == address:
            return self
        told = {id: {**said, "vip_address": address} for id, said in self.balancers.items()}
        data = {**self.data, "loadbalancers": told} if told else self.data
        return replace(self, service=replace(self.service, address=address), data=data)

    @property
    def balancers(self) -> Mapping[str, Any]:
        """What is told of load balancers in its data, by the policy that asked for them."""
        told: Mapping[str, Any] = self.data.get("loadbalancers", {})
        return told

    @property
    def target(self) -> UUID:
        """The profile that a node opened now gets."""
        if self.rollout and self.rollout.under_way:
            return self.rollout.target
        return self.profile_id

    # Note [Keys]
    # A bastion lets in the key of the revision that nodes are brought to, and no other. It has a
    # profile of its own; `bastions` says which was beside revisions that had another key, so that
    # an update that turns back finds it again, whoever turns it.
    @property
    def guard(self) -> UUID | None:
        """The profile that the bastion is to have now. See Note [Keys]."""
        return dict(self.bastions).get(self.target, self.bastion)

    def turned(self, status: ClusterStatus, reason: str) -> "Cluster":
        """Return this cluster in `status`; staying put is always allowed."""
        if status is not self.status and status not in CLUSTER_TRANSITIONS[self.status]:
            raise IllegalTransition(f"{self.status} -> {status}", cluster=self.id)
        return replace(self, status=status, reason=reason)


def guards_of(cluster: Cluster) -> set[UUID]:
    """Return every profile that the cluster's bastion has or had beside one of its revisions."""
    found = {guard for _, guard in cluster.bastions}
    return found | ({cluster.bastion} if cluster.bastion else set())
