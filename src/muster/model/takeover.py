"""Taking over from the retired service: what is wanted, there is, is written, and is told."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from muster.model.cloud import About
from muster.model.cluster import Cluster
from muster.model.node import Node
from muster.model.policy import Binding, Policy
from muster.model.policy_type import PolicyType
from muster.model.profile import Profile, ServerSpec
from muster.model.receiver import Receiver


class Fate(StrEnum):
    TAKEN = "taken"
    THERE = "there already"
    LEFT = "left"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the report."""

    noun: str
    id: UUID
    name: str
    project: str
    fate: Fate
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What somebody wants taken over."""

    project: str | None = None  # of the retired service; None: all of them
    into: str | None = None  # the project here; None: the one of the same id
    unfinished: bool = False  # also what something is still being done to


@dataclass(frozen=True, slots=True)
class Here:
    """What a profile is here, and where."""

    server: ServerSpec
    cloud: About


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What Muster has and can do. `profiles` says of each what it is here, or why nothing."""

    now: datetime
    profiles: Mapping[UUID, Here | str]
    policy_types: Mapping[str, PolicyType]
    there: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """What is written in one transaction, and what the report says of it."""

    entries: tuple[Entry, ...]
    profiles: tuple[Profile, ...] = ()
    policies: tuple[Policy, ...] = ()
    bindings: tuple[Binding, ...] = ()
    receivers: tuple[Receiver, ...] = ()
    nodes: tuple[Node, ...] = ()
    cluster: Cluster | None = None
    solo: Cluster | None = None
