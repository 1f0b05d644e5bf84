"""An engine: one process that brings about what was wished, and when it was last heard of."""

from dataclasses import dataclass
from datetime import datetime
from uuid import NAMESPACE_OID, UUID, uuid5


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSeen:
    id: UUID
    host: str
    binary: str = "muster-engine"
    topic: str = "muster-engine"
    started_at: datetime
    seen_at: datetime


def engine_id(owner: str) -> UUID:
    """Return the id of the engine that goes by this name."""
    return uuid5(NAMESPACE_OID, owner)
