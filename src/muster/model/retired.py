"""What the retired clustering service has left behind in its database, as it was."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

Row = Mapping[str, Any]
"""One row by its columns: ids as `UUID`, moments in UTC, documents read. What an older release
did not have is None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retired:
    """Everything of it that means something to anybody else."""

    profiles: tuple[Row, ...] = ()
    policies: tuple[Row, ...] = ()
    clusters: tuple[Row, ...] = ()
    nodes: tuple[Row, ...] = ()
    bindings: tuple[Row, ...] = ()
    receivers: tuple[Row, ...] = ()
    unfinished: Mapping[UUID, str] = field(default_factory=dict)
    """What is under way, by the cluster or node it is done to: CLUSTER_UPDATE (RUNNING)."""
