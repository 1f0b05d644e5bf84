"""A token by which machines register: so many of them, and so long."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """What a machine that registers by a token is to begin with."""

    name: str
    description: str = ""
    public: bool = False  # whoever knows the token may fetch it
    parts: Mapping[str, Any] = field(default_factory=dict)  # network, applications ...
    fetched_at: datetime | None = None  # when its secrets were handed out, and forgotten
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineToken:
    id: UUID  # which is the secret
    uses_remaining: int
    expire_at: datetime
    description: str = ""
    channel: str = ""
    created_at: datetime
    seeds: tuple[Seed, ...] = ()
