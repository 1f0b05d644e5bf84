"""Policies: rules that users write down once and attach to clusters."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    id: UUID
    project: str
    user: str
    name: str
    type: str  # with its version: senlin.policy.scaling-1.0
    spec: Mapping[str, Any] = field(default_factory=dict)  # as submitted
    data: Mapping[str, Any] = field(default_factory=dict)
    domain: str | None = None
    created_at: datetime
    updated_at: datetime | None = None


# Note [Compiled]
# The engine knows no policies. Attaching, detaching, enabling and disabling one works its
# effect into the cluster's own fields (removal, placement, healing, service, strategy), out
# of all that is attached then; so a cluster says by itself how it is cared for, whichever
# surface said so, and a pass reads nothing more than before. Policies that speak only when
# a size is asked for (scaling) are asked then, in the transaction of the wish. What the
# cluster says of itself is put aside meanwhile, and comes back when nothing governs it.
@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """One policy attached to one cluster. See Note [Compiled]."""

    id: UUID
    project: str
    cluster_id: UUID
    policy_id: UUID
    policy_type: str
    policy_name: str
    enabled: bool = True
    priority: int = 0  # evaluated in ascending order
    data: Mapping[str, Any] = field(default_factory=dict)
    last_op: datetime | None = None  # a scaling policy's timer
    created_at: datetime
