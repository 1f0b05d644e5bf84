"""A policy type: what its policies may say, and what they do to a cluster."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from muster.model.cloud import About
from muster.model.cluster import Cluster
from muster.model.policy import Binding
from muster.model.schema import Schema, Support

Properties = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """What an installation demands of policies."""

    health_interval_s: int = 60  # checks may not be asked for more often


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """One policy as it is at work in a cluster; its properties have their defaults."""

    type: "PolicyType"
    binding: Binding
    properties: Properties


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Where a policy is to be attached."""

    cluster: Cluster
    profile_type: str  # os.nova.server-1.0
    cloud: About
    regions: frozenset[str] = frozenset()  # the clouds there are; none: it is not known


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What a policy calls by names that a cloud has given."""

    zones: tuple[str, ...] = ()  # one of them has to be there
    networks: tuple[str, ...] = ()  # every one of them
    regions: tuple[str, ...] = ()  # every one of them, when the policy is made


def _nothing_named(properties: Properties) -> Named:
    """Name nothing."""
    return Named()


def _anything_goes(properties: Properties, floor: Floor) -> None:
    """Find nothing wrong."""


def _everywhere(properties: Properties, scene: Scene) -> str | None:
    """Refuse nothing."""
    return None


def _unchanged(cluster: Cluster, attached: Attached) -> Cluster:
    """Have no effect on the cluster itself."""
    return cluster


def _nothing_to_note(properties: Properties, cluster: Cluster) -> Mapping[str, Any] | None:
    """Leave the binding without data."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyType:
    """One version of a policy type."""

    name: str  # senlin.policy.scaling
    version: str = "1.0"
    support: Mapping[str, tuple[Support, ...]]  # of every version there is
    priority: int  # evaluated in ascending order
    singleton: bool = True  # a cluster has one of a kind at most
    profile_types: tuple[str, ...] = ()  # it works on these only; none: on any
    schema: Schema
    governs: frozenset[str] = field(default_factory=frozenset)  # fields of the cluster it sets
    check: Callable[[Properties, Floor], None] = _anything_goes
    """Raises `Invalid` for what the schema allows and makes no sense."""
    names: Callable[[Properties], Named] = _nothing_named
    """Returns what of a cloud it names: it has to be there when a policy is made or attached."""
    effect: Callable[[Cluster, Attached], Cluster] = _unchanged
    """Returns the cluster with the policy's will worked in. See Note [Compiled]."""
    refusal: Callable[[Properties, Scene], str | None] = _everywhere
    """Returns why this cluster on its cloud cannot have it, or None."""
    data: Callable[[Properties, Cluster], Mapping[str, Any] | None] = _nothing_to_note
    """Returns what the binding is to remember of the attachment, or None for nothing."""

    @property
    def key(self) -> str:
        return f"{self.name}-{self.version}"

    def suits(self, profile_type: str) -> bool:
        """Return whether it works on clusters of that profile type."""
        return not self.profile_types or profile_type in self.profile_types
