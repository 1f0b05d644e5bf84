"""A warning: something that is not in order, from when it was first seen until it is no more."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid5

_WARNINGS = UUID("7b0e4c1d-1d3b-5c4e-9d57-3d0f4b0c8a15")


class WarningStatus(StrEnum):
    NEW = "new"
    ACKNOWLEDGED = "acknowledged"


class Kind(StrEnum):
    UNREACHABLE = "Server unreachable"
    CHANNEL = "Update channel mismatch"
    INVENTORY = "Inventory resync failed"
    BULK = "Bulk update failed"
    JOB = "Cluster update next action failed"
    EXPIRY = "Certificate expiration"
    INVALID = "Certificate invalid"
    ACME = "ACME certificate update failed"
    DRIFT = "Configuration drift"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is not in order now."""

    kind: Kind
    entity_type: str  # server, cluster, cloud, muster
    entity: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Warning:
    scope: str  # who looks: what he does not find any more is over
    kind: Kind
    entity_type: str
    entity: str
    status: WarningStatus = WarningStatus.NEW
    messages: tuple[str, ...] = ()  # the latest last
    count: int = 1
    first_at: datetime
    last_at: datetime
    updated_at: datetime

    @property
    def id(self) -> UUID:
        return uuid5(_WARNINGS, "\n".join((self.scope, self.kind, self.entity_type, self.entity)))
