"""Where nodes may run: spread over zones by weight, together or apart."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Affinity(StrEnum):
    AFFINITY = "affinity"
    SOFT_AFFINITY = "soft-affinity"
    ANTI_AFFINITY = "anti-affinity"
    SOFT_ANTI_AFFINITY = "soft-anti-affinity"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Servers that are to share a host, or not to."""

    id: UUID
    name: str
    affinity: Affinity = Affinity.ANTI_AFFINITY


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One zone, and how much of the cluster belongs there compared with the others."""

    zone: str
    weight: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    shares: tuple[Share, ...] = ()  # none: any zone
    group: Group | None = None
    cap: int | None = None  # more than so many nodes have no place at all
