"""One change to every server of a cluster: what is wanted, and how far it is on each of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from muster.base.errors import IllegalTransition

Config = Any  # JSON: an object, or the names of applications
State = Mapping[str, Config]  # parts of a machine, by where they are: services/nvme, system/kernel


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """How the parts of a machine that matter are just now."""

    state: State
    unconfirmed: bool = False  # its network goes back by itself unless somebody says that it works


class OnFailure(StrEnum):
    REVERT = "revert"  # whoever was changed is set back, the last first
    STOP = "stop"  # nobody else is begun with
    CONTINUE = "continue"


class TurnStatus(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    REVERTING = "reverting"
    REVERTED = "reverted"
    REVERT_FAILED = "revert_failed"
    SKIPPED = "skipped"


_T = TurnStatus
TURN_TRANSITIONS: Mapping[TurnStatus, frozenset[TurnStatus]] = {
    _T.WAITING: frozenset({_T.RUNNING, _T.SKIPPED}),
    _T.RUNNING: frozenset({_T.CHANGED, _T.UNCHANGED, _T.FAILED, _T.SKIPPED}),
    _T.CHANGED: frozenset({_T.REVERTING}),
    _T.UNCHANGED: frozenset(),
    _T.FAILED: frozenset({_T.REVERTING}),  # it may have done a part of what it was told
    # Back to FAILED: it had failed, and is as it was before that.
    _T.REVERTING: frozenset({_T.REVERTED, _T.FAILED, _T.REVERT_FAILED}),
    _T.REVERTED: frozenset(),
    _T.REVERT_FAILED: frozenset(),
    _T.SKIPPED: frozenset(),
}


class BulkStatus(StrEnum):
    RUNNING = "running"
    REVERTING = "reverting"
    DONE = "done"  # every server is as wanted
    FAILED = "failed"  # some are not; `servers` says which are
    REVERTED = "reverted"  # some could not be, and all are as they were before


_B = BulkStatus
BULK_TRANSITIONS: Mapping[BulkStatus, frozenset[BulkStatus]] = {
    _B.RUNNING: frozenset({_B.REVERTING, _B.DONE, _B.FAILED, _B.REVERTED}),
    _B.REVERTING: frozenset({_B.REVERTED, _B.FAILED}),
    _B.DONE: frozenset(),
    _B.FAILED: frozenset(),
    _B.REVERTED: frozenset(),
}
ENDED = frozenset(status for status, to in BULK_TRANSITIONS.items() if not to)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One server's share. `before` and `after` are written down before it is told anything."""

    machine_id: UUID
    name: str
    number: int | None = None  # that it bears among those that share disks
    status: TurnStatus = TurnStatus.WAITING
    before: State | None = None
    after: State | None = None
    error: str = ""
    order: int = 0  # the how-manyth it was begun with
    owed: bool = False  # it failed, and may have to be set back
    began_at: datetime | None = None
    ended_at: datetime | None = None

    def turned(self, to: TurnStatus, **but: Any) -> "Turn":
        if to not in TURN_TRANSITIONS[self.status]:
            raise IllegalTransition(f"{self.name}: {self.status} does not become {to}")
        return replace(self, status=to, **but)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulk:
    id: UUID
    cluster_id: UUID
    cluster: str  # as it was called then
    action: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    on_failure: OnFailure = OnFailure.REVERT
    parallel: int = 1
    confirm_s: int = 60  # within which a server has to be reached again once its network changed
    status: BulkStatus = BulkStatus.RUNNING
    servers: tuple[Turn, ...] = ()
    user: str = ""
    created_at: datetime
    ended_at: datetime | None = None

    def turned(self, to: BulkStatus, **but: Any) -> "Bulk":
        if to != self.status and to not in BULK_TRANSITIONS[self.status]:
            raise IllegalTransition(f"bulk update {self.id}: {self.status} does not become {to}")
        return replace(self, status=to, **but)

    def turn(self, name: str) -> Turn:
        return next(each for each in self.servers if each.name == name)

    def having(self, *turns: Turn) -> "Bulk":
        """Return it with these in the places of those of their names."""
        new = {each.name: each for each in turns}
        return replace(self, servers=tuple(new.get(each.name, each) for each in self.servers))
