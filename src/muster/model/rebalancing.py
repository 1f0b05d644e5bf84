"""What stands on the hosts of a cloud, and what would better stand elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from muster.model.placement import Group
from muster.model.placing import Host, Item, Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """The nodes of a cluster, one node alone, or a virtual cluster, and by what rules."""

    id: UUID
    name: str
    group: Group | None = None
    weights: Mapping[str, int] = field(default_factory=dict)  # of zones; none: any, all alike
    rules: tuple[Rule, ...] = ()  # of a virtual cluster, between the ids of who stands there
    loose: bool = False  # a virtual cluster: by its rules alone, not evened out


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One node that stands on a host."""

    id: UUID
    name: str
    crowd: UUID
    host: str
    item: Item  # what it needs, by its own id
    zones: tuple[str, ...] = ()  # that its profile allows; none: any
    serves: bool = True  # somebody would miss it while it moves
    stays: str = ""  # why it cannot move; "": it can
    members: tuple[str, ...] = ()  # those of a virtual cluster that only move together


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Everything of ours on one cloud; the hosts with what nobody else has of them."""

    hosts: tuple[Host, ...]
    crowds: tuple[Crowd, ...]
    standing: tuple[Standing, ...]
    away: frozenset[str] = frozenset()  # hosts that are to be left by all who can move


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """One node that would better stand elsewhere, in the order in which they can move."""

    node: UUID
    name: str
    crowd: UUID
    crowd_name: str
    source: str
    target: str
    benefit: float
    disruption: float
    why: str
    members: tuple[str, ...] = ()  # of a virtual cluster; none: it is a node


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Transfers that are worth more than they disturb; none where all is well enough."""

    transfers: tuple[Transfer, ...] = ()
    before: float = 0.0  # how bad it is; 0 is as good as can be
    after: float = 0.0
    unsolved: tuple[str, ...] = ()  # rules that are broken and stay so, and why
    whole: bool = True  # False: more would follow

    @property
    def benefit(self) -> float:
        return sum(each.benefit for each in self.transfers)

    @property
    def disruption(self) -> float:
        return sum(each.disruption for each in self.transfers)
