"""A snapshot goes into a decision; a plan comes out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from muster.model.action import Action
from muster.model.cloud import About
from muster.model.cluster import Cluster
from muster.model.event import Event
from muster.model.node import Node
from muster.model.observed import Probe, Record, Server
from muster.model.pool import PoolSeen
from muster.model.profile import Profile
from muster.model.step import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one pass may do at most, so that large clusters do not keep small ones waiting."""

    creates: int = 2000
    deletes: int = 2000
    stray_grace: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All that a decision may know, including the time."""

    now: datetime
    cluster: Cluster
    cloud: About
    nodes: tuple[Node, ...]  # by index
    profiles: Mapping[UUID, Profile]  # every one that the cluster or a node names
    servers: Mapping[UUID, Server]  # by server_id; those of earlier incarnations and strays too
    solo: bool = False  # the cluster is one that nobody sees: see Note [Solo] in ports/store.py
    elsewhere: frozenset[UUID] = frozenset()  # nodes that left, and whose former servers did not
    pool: PoolSeen | None = None
    probes: Mapping[UUID, Probe] = field(default_factory=dict)  # by node id
    bastion: Cluster | None = None  # who looks after its bastion. See Note [Bastions]
    record: Record | None = None  # what the DNS shows under the cluster's name
    actions: tuple[Action, ...] = ()  # of the cluster and its nodes: open, and children of open
    cordoned: frozenset[str] = frozenset()  # hosts that are being left: nothing new goes there
    tied: frozenset[UUID] = frozenset()  # nodes whose volumes lie on their hosts, if any is left
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to write down and what to do, all of it startable at once.

    What is done to a node by itself is not among the actions: `commit` writes one for every
    step that touches a node, derived from the oldest open wish, and `run`'s outcome ends it.
    """

    cluster: Cluster
    put: tuple[Node, ...] = ()  # new and changed ones
    drop: tuple[UUID, ...] = ()  # nothing is left of them
    solos: tuple[Cluster, ...] = ()  # of nodes that leave and live on, and of the bastion
    steps: tuple[Step, ...] = ()
    events: tuple[Event, ...] = ()
    actions: tuple[Action, ...] = ()  # wishes that changed, new ones for single nodes
    waits: tuple[str, ...] = ()  # what has to happen by itself first, in words
    look_at: datetime | None = None  # when to look again at the latest, if anything waits
    gone: bool = False  # nothing is left of the cluster: strike it out

    @property
    def settled(self) -> bool:
        """Nothing to do and nothing to wait for: the mark may go."""
        return not (self.drop or self.steps or self.waits or self.solos)
