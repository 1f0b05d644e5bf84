"""Receivers: doors through which others set off an action, without an account here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from muster.model.action import Verb


class ReceiverType(StrEnum):
    WEBHOOK = "webhook"
    MESSAGE = "message"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    id: UUID
    project: str
    user: str
    domain: str | None = None
    name: str
    type: ReceiverType
    cluster_id: UUID | None = None
    action: Verb | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    channel: Mapping[str, Any] = field(default_factory=dict)
    actor: Mapping[str, Any] = field(default_factory=dict)
    created_at: datetime
    updated_at: datetime | None = None
    turns: float | None = None  # how often it may still be set off at `turns_at`; None: never was
    turns_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message in one of the built-in queues: for a receiver, or from a lifecycle hook."""

    id: UUID
    project: str
    queue: str
    body: Mapping[str, Any] = field(default_factory=dict)
    created_at: datetime
    claimed_until: datetime | None = None
