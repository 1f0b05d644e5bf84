"""What every server of a cluster is to be like, for as long as nobody says otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    id: UUID  # of the cluster
    config: Mapping[str, Any] = field(default_factory=dict)
    updated_at: datetime | None = None
