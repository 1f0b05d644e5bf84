"""Steps: everything Muster can do to a cloud, one class per verb; and how each may end."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from msgspec import field

from muster.base.copies import Value
from muster.model.observed import Server
from muster.model.placement import Group
from muster.model.pool import PoolWanted
from muster.model.profile import ServerSpec
from muster.model.removal import Hook


class Operation(StrEnum):
    REBOOT = "reboot"
    REBUILD = "rebuild"
    START = "start"
    STOP = "stop"
    PAUSE = "pause"
    UNPAUSE = "unpause"
    SUSPEND = "suspend"
    RESUME = "resume"
    LOCK = "lock"
    UNLOCK = "unlock"
    RESCUE = "rescue"
    UNRESCUE = "unrescue"
    CHANGE_PASSWORD = "change_password"
    EVACUATE = "evacuate"
    RESTART = "restart"  # of a container


# What puts an instance to rest: it is not repaired, and gets no requests. And what wakes it.
RESTING = frozenset({Operation.STOP, Operation.PAUSE, Operation.SUSPEND, Operation.RESCUE})
WAKING = frozenset(
    {
        Operation.START,
        Operation.UNPAUSE,
        Operation.RESUME,
        Operation.UNRESCUE,
        Operation.REBOOT,
        Operation.REBUILD,
        Operation.EVACUATE,
        Operation.RESTART,
    }
)


class ServerOrder(Value, frozen=True, kw_only=True):
    """All that a cloud needs to make one server. `server_id` makes asking twice harmless."""

    server_id: UUID
    node_id: UUID
    cluster_id: UUID
    project: str
    name: str
    index: int
    spec: ServerSpec
    zone: str = ""  # "": any that the spec allows
    host: str = ""  # of clouds that tell of theirs; "": any of the zone
    group: Group | None = None


class CreateServer(Value, frozen=True, kw_only=True):
    node_id: UUID
    order: ServerOrder
    why: str


class DeleteServer(Value, frozen=True, kw_only=True):
    node_id: UUID
    server_id: UUID
    ref: str
    why: str


class OperateServer(Value, frozen=True, kw_only=True):
    node_id: UUID
    ref: str
    operation: Operation
    params: Mapping[str, Any] = field(default_factory=dict)
    action_id: UUID  # the request this fulfils
    within_s: float | None = None  # it has so long; None: as long as any operation
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PostHook:
    """Ask whoever has to agree before a node goes. `token` makes asking twice one question."""

    node_id: UUID
    hook: Hook
    project: str
    token: UUID  # the id of the action that waits for the answer
    ref: str  # the cloud's id of the server that is to go
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PutPool:
    pool: PoolWanted
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovePool:
    cluster_id: UUID
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PutRecord:
    name: str
    address: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DropRecord:
    name: str
    why: str


Step = (
    CreateServer
    | DeleteServer
    | OperateServer
    | PostHook
    | PutPool
    | RemovePool
    | PutRecord
    | DropRecord
)


@dataclass(frozen=True, slots=True)
class Done:
    """It happened. A creation brings what the cloud now shows, a pool its address."""

    server: Server | None = None
    address: str = ""


@dataclass(frozen=True, slots=True)
class Retry:
    """Not now; perhaps later."""

    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """Never, as it stands."""

    reason: str


Outcome = Done | Retry | Failed
