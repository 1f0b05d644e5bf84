"""What one engine has at hand: its store, its clouds, its clock, and what it remembers."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from muster.base.clock import Clock
from muster.decide.policies import POLICY_TYPES
from muster.engine.lookout import Lookout
from muster.engine.pace import EnginePace
from muster.model.cluster import Cluster
from muster.model.node import Node
from muster.model.policy_type import PolicyType
from muster.model.profile import Profile
from muster.model.step import Step
from muster.ports.agent import Agents
from muster.ports.cloud import Cloud
from muster.ports.hooks import Hooks
from muster.ports.prober import Visitor
from muster.ports.signal import Signal
from muster.ports.solver import Solver
from muster.ports.store import Store


@dataclass(slots=True)
class Reach:
    """One cloud, and this engine's dealings with it."""

    cloud: Cloud
    lookout: Lookout
    slots: asyncio.Semaphore  # calls under way at once, over all clusters
    hooks: Hooks | None = None  # who asks whether a node may go
    trouble: str = ""  # why its last listing failed
    suspects: frozenset[UUID] = frozenset()  # servers without a cluster, at the last look
    asked: dict[UUID, datetime] = field(default_factory=dict)  # when applications were last asked


# Note [Remembering]
# Nodes are written only by passes, and by wishes, which change the cluster's row as well.
# So a cluster's row that is as our last pass left it means that its nodes are too, and
# that nobody else has been at work. The nodes are then not read again: for ten thousand
# of them that is a tenth of a second per pass. Those of clusters that neither serve nor
# scale are kept only while the claim is, for nobody asks after them in between.
@dataclass(slots=True)
class Remembered:
    """One cluster as our last pass left it. See Note [Remembering]."""

    cluster: Cluster
    nodes: dict[UUID, Node] | None = None
    profiles: Mapping[UUID, Profile] = field(default_factory=dict)
    steps: Sequence[Step] = ()  # the last that were run


@dataclass(slots=True)
class Site:
    store: Store
    clouds: dict[str, Reach]
    clock: Clock
    signal: Signal
    pace: EnginePace
    solver: Solver | None = None  # who finds other hosts; None: nobody does
    visitor: Visitor | None = None  # who polls addresses; None: nobody does
    agents: Agents | None = None  # by whom machines are asked; None: by nobody
    hooks: Hooks | None = None  # who tells hooks of servers; None: nobody
    url: str = ""  # where machines find us; "": where they have before
    policy_types: Mapping[str, PolicyType] = field(default_factory=lambda: POLICY_TYPES)
    memory: dict[UUID, Remembered] = field(default_factory=dict)
    under_way: set[UUID] = field(default_factory=set)  # whom this engine passes over now
    setbacks: dict[UUID, int] = field(default_factory=dict)  # failed passes in a row, by cluster
    overtaken: dict[UUID, int] = field(default_factory=dict)  # passes in a row that came too late


def reach(cloud: Cloud) -> Reach:
    slots = asyncio.Semaphore(cloud.about.pace.calls_at_once)
    return Reach(cloud, Lookout(cloud.compute), slots)
