"""An event: what happened, in words, appended and never changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


class Level(StrEnum):
    DEBUG = "DEBUG"
    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"
    CRITICAL = "CRITICAL"


class About(StrEnum):
    CLUSTER = "CLUSTER"
    NODE = "NODE"
    CLOUD = "CLOUD"
    IMAGE = "IMAGE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    id: UUID
    at: datetime
    kind: str  # past tense, dotted: cluster.created, node.ready, cluster.scaled, rollout.paused
    level: Level = Level.INFO
    otype: About
    oid: UUID
    oname: str
    cluster_id: UUID | None = None
    project: str
    user: str = ""
    action: str = ""  # name of the action it belongs to, CLUSTER_CREATE ...
    action_id: UUID | None = None
    status: str = ""  # start | end | error, for events of actions
    reason: str = ""
    done: int | None = None  # progress, where there is any
    total: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    seq: int = 0  # given by the store; the order in which events are read
