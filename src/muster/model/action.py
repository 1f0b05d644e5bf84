"""An action: a durable record of what was asked, and of each thing done to a node for it."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from msgspec import field

from muster.base.copies import Kept, altered
from muster.base.errors import IllegalTransition


class ActionStatus(StrEnum):
    INIT = "INIT"
    READY = "READY"
    RUNNING = "RUNNING"
    WAITING = "WAITING"
    WAITING_LIFECYCLE_COMPLETION = "WAITING_LIFECYCLE_COMPLETION"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


_S = ActionStatus
_END = frozenset({_S.SUCCEEDED, _S.FAILED, _S.CANCELLED})
_OPEN = frozenset(_S) - _END

ACTION_TRANSITIONS: Mapping[ActionStatus, frozenset[ActionStatus]] = {
    **{status: frozenset(_S) for status in _OPEN},
    **{status: frozenset() for status in _END},  # what has ended stays ended
}


class Verb(StrEnum):
    """The names of actions, as the clustering API spells them."""

    CLUSTER_CREATE = "CLUSTER_CREATE"
    CLUSTER_DELETE = "CLUSTER_DELETE"
    CLUSTER_UPDATE = "CLUSTER_UPDATE"
    CLUSTER_RESIZE = "CLUSTER_RESIZE"
    CLUSTER_SCALE_OUT = "CLUSTER_SCALE_OUT"
    CLUSTER_SCALE_IN = "CLUSTER_SCALE_IN"
    CLUSTER_CHECK = "CLUSTER_CHECK"
    CLUSTER_RECOVER = "CLUSTER_RECOVER"
    CLUSTER_ADD_NODES = "CLUSTER_ADD_NODES"
    CLUSTER_DEL_NODES = "CLUSTER_DEL_NODES"
    CLUSTER_REPLACE_NODES = "CLUSTER_REPLACE_NODES"
    CLUSTER_OPERATION = "CLUSTER_OPERATION"
    CLUSTER_ATTACH_POLICY = "CLUSTER_ATTACH_POLICY"
    CLUSTER_DETACH_POLICY = "CLUSTER_DETACH_POLICY"
    CLUSTER_UPDATE_POLICY = "CLUSTER_UPDATE_POLICY"
    NODE_CREATE = "NODE_CREATE"
    NODE_DELETE = "NODE_DELETE"
    NODE_UPDATE = "NODE_UPDATE"
    NODE_CHECK = "NODE_CHECK"
    NODE_RECOVER = "NODE_RECOVER"
    NODE_JOIN = "NODE_JOIN"
    NODE_LEAVE = "NODE_LEAVE"
    NODE_OPERATION = "NODE_OPERATION"


_NAMED = {
    Verb.CLUSTER_ATTACH_POLICY: "attach_policy",
    Verb.CLUSTER_DETACH_POLICY: "detach_policy",
    Verb.CLUSTER_UPDATE_POLICY: "update_policy",
}
_OF_OPERATIONS = {Verb.CLUSTER_OPERATION: "cluster", Verb.NODE_OPERATION: "node"}
_LONGEST_NAME = 63


def action_name(verb: Verb, target: UUID, operation: str = "") -> str:
    """Return what an action is called: what is done, and the beginning of the target's id."""
    done = _NAMED.get(verb, verb.lower())
    if operation and verb in _OF_OPERATIONS:
        done = f"{_OF_OPERATIONS[verb]}_{operation}"
    return f"{done}_{str(target)[:8]}"[:_LONGEST_NAME]


_SECRET = "admin_pass"
_HIDDEN = "***"


def told(inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return inputs as anybody may see them: a password that is to be set is not among them."""
    params = inputs.get("params")
    if not isinstance(params, Mapping) or _SECRET not in params:
        return inputs
    return {**inputs, "params": {**params, _SECRET: _HIDDEN}}


class Action(Kept, frozen=True, kw_only=True):
    id: UUID
    name: str
    verb: Verb
    target: UUID
    cluster_id: UUID | None
    project: str
    user: str
    cause: str = "RPC Request"  # or "Derived Action", "Autoscaler", "Repair"
    owner: str = ""  # the engine that runs it
    status: ActionStatus = ActionStatus.READY
    reason: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    parent: UUID | None = None  # the wish this was done for
    generation: int = 0  # of the cluster, when a cluster action was asked for
    attempts: int = 0
    timeout_s: int = 3600
    created_at: datetime
    updated_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def ended(self) -> bool:
        return self.status in _END

    def turned(self, status: ActionStatus, now: datetime, reason: str = "") -> "Action":
        """Return this action in `status`; staying put is always allowed."""
        if status is not self.status and status not in ACTION_TRANSITIONS[self.status]:
            raise IllegalTransition(f"{self.status} -> {status}", action=self.id)
        began = self.started_at or (now if status is not _S.READY else None)
        ended = now if status in _END and not self.ended else self.ended_at
        return altered(
            self,
            status=status,
            reason=reason or self.reason,
            started_at=began,
            ended_at=ended,
            updated_at=now,
        )
