"""A machine: a server of metal, from the moment it is expected until it is let go.

The API calls it a server; here that word is taken by what runs on a cloud.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


class MachineStatus(StrEnum):
    UNKNOWN = "unknown"
    UNREGISTERED = "unregistered"  # expected: described by somebody, and never heard of
    PENDING = "pending"
    READY = "ready"
    OFFLINE = "offline"


class Detail(StrEnum):
    NONE = ""
    REGISTERING = "registering"
    RECONFIGURING = "re-configuring"
    RESETTING = "resetting"
    UPDATING = "updating"
    UPDATING_APPLICATION = "updating application"
    EVACUATING = "evacuating"
    RESTORING = "restoring"
    REBOOTING = "rebooting"
    SHUT_DOWN = "shut down"
    UNRESPONSIVE = "unresponsive"


class Happening(StrEnum):
    REGISTERED = "it registered"
    RECONFIGURED = "its network or storage was set"
    ANSWERED = "it answered, and is ready"
    WAITING = "it answered, and is not ready yet"
    UP = "it called, and says that it is ready"
    OWES = "it is there, and has to be reset before anything else"
    SILENT = "it did not answer"
    VANISHED = "it did not answer, and has to be reset before anything else"
    UPDATE_BEGUN = "it was told to update"
    APPLICATION_UPDATE_BEGUN = "it was told to update an application"
    EVACUATION_BEGUN = "it was told to evacuate"
    RESTORE_BEGUN = "it was told to restore"
    ENDED = "what it was told is done"
    REBOOT_BEGUN = "it reboots"
    SHUTDOWN_BEGUN = "it shuts down"
    RESET = "it was told to be as it was when it was new"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a machine is, and what it is at there."""

    status: MachineStatus
    detail: Detail = Detail.NONE


_S, _D, _H = MachineStatus, Detail, Happening
_NEW = Standing(_S.UNREGISTERED)  # until it registers again
_READY = Standing(_S.READY)
_REGISTERING = Standing(_S.PENDING, _D.REGISTERING)
_RECONFIGURING = Standing(_S.PENDING, _D.RECONFIGURING)
_RESETTING = Standing(_S.PENDING, _D.RESETTING)
_UPDATING = Standing(_S.READY, _D.UPDATING)
_UPDATING_APPLICATION = Standing(_S.READY, _D.UPDATING_APPLICATION)
_EVACUATING = Standing(_S.READY, _D.EVACUATING)
_RESTORING = Standing(_S.READY, _D.RESTORING)
_REBOOTING = Standing(_S.OFFLINE, _D.REBOOTING)
_SHUT_DOWN = Standing(_S.OFFLINE, _D.SHUT_DOWN)
_UNRESPONSIVE = Standing(_S.OFFLINE, _D.UNRESPONSIVE)

# What a happening makes of a status; None: it stays as it is, detail and all.
_EXPECTED: Mapping[Happening, Standing | None] = {
    **dict.fromkeys(_H),  # whoever is only expected cannot be at anything
    _H.REGISTERED: _REGISTERING,
}
_HEARD_OF: dict[Happening, Standing | None] = {
    _H.REGISTERED: _REGISTERING,
    _H.RECONFIGURED: _RECONFIGURING,
    _H.ANSWERED: _READY,
    _H.WAITING: None,
    _H.UP: None,  # nothing is known of it before it has been asked
    _H.OWES: _RESETTING,
    _H.SILENT: None,
    _H.VANISHED: _UNRESPONSIVE,
    _H.UPDATE_BEGUN: None,
    _H.APPLICATION_UPDATE_BEGUN: None,
    _H.EVACUATION_BEGUN: None,
    _H.RESTORE_BEGUN: None,
    _H.ENDED: None,
    _H.REBOOT_BEGUN: _REBOOTING,
    _H.SHUTDOWN_BEGUN: _SHUT_DOWN,
    _H.RESET: _NEW,
}
COURSE: Mapping[MachineStatus, Mapping[Happening, Standing | None]] = {
    _S.UNKNOWN: _HEARD_OF | {_H.SILENT: _UNRESPONSIVE},
    _S.UNREGISTERED: _EXPECTED,
    _S.PENDING: _HEARD_OF,
    _S.READY: _HEARD_OF
    | {
        _H.ANSWERED: None,  # what it is at ends when that has ended, not when it answers
        _H.UP: _READY,
        _H.SILENT: _UNRESPONSIVE,
        _H.UPDATE_BEGUN: _UPDATING,
        _H.APPLICATION_UPDATE_BEGUN: _UPDATING_APPLICATION,
        _H.EVACUATION_BEGUN: _EVACUATING,
        _H.RESTORE_BEGUN: _RESTORING,
        _H.ENDED: _READY,
    },
    # Silence of one that reboots or was shut down says nothing new. One that is up again is no
    # longer on its way down, but its Incus may be starting: it is ready once it was asked.
    _S.OFFLINE: _HEARD_OF | {_H.UP: _UNRESPONSIVE, _H.VANISHED: None},
}


class Kind(StrEnum):
    """What a machine is for, by its primary application."""

    UNKNOWN = "unknown"
    INCUS = "incus"
    INCUS_LTS = "incus-lts-7.0"
    MIGRATION_MANAGER = "migration-manager"
    OPERATIONS_CENTER = "operations-center"


INCUS_KINDS = frozenset({Kind.INCUS, Kind.INCUS_LTS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a machine told of itself when it was last looked at whole."""

    resources: Mapping[str, Any] = field(default_factory=dict)
    network: Mapping[str, Any] = field(default_factory=dict)
    security: Mapping[str, Any] = field(default_factory=dict)
    storage: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)
    update: Mapping[str, Any] = field(default_factory=dict)
    applications: tuple[Mapping[str, Any], ...] = ()  # name, version, friendly_version
    in_maintenance: int = 0  # 1 evacuating, 2 evacuated, 3 restoring

    @property
    def kind(self) -> Kind:
        known = {each.value: each for each in Kind}
        names = (str(each.get("name")) for each in self.applications)
        return next((known[name] for name in names if name in known), Kind.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    id: UUID
    name: str
    connection_url: str = ""
    public_connection_url: str = ""
    channel: str = ""
    description: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)
    system_uuid: str = ""
    machine_id: str = ""
    certificate: str = ""  # PEM: what it shows, and what it is held to
    fingerprint: str = ""
    token_id: UUID | None = None  # by which it registered
    former_token_id: UUID | None = None  # by which it had before
    secret: str = ""  # digest of the word by which it is known when it calls
    cluster: str = ""  # name of the one it belongs to
    shows: str = ""  # PEM: what it may show beside its own, as a member of a cluster
    owes_reset: str = ""  # why it has to be reset before anything else; "": it has not
    facts: Facts = field(default_factory=Facts)
    status: MachineStatus = MachineStatus.UNKNOWN
    detail: Detail = Detail.NONE
    reason: str = ""  # why it did not answer
    turned_at: datetime | None = None  # when status or detail last changed
    seen_at: datetime | None = None
    polled_at: datetime | None = None
    whole_at: datetime | None = None  # when `facts` was last read whole
    polls: int = 0  # since it registered
    created_at: datetime
    updated_at: datetime | None = None

    @property
    def kind(self) -> Kind:
        return self.facts.kind

    @property
    def trusted(self) -> bool:
        state = self.facts.security.get("state") or {}
        return bool(state.get("system_state_is_trusted"))

    def met(self, happening: Happening, now: datetime) -> "Machine":
        """Return this machine after something happened, by COURSE."""
        to = COURSE[self.status][happening]
        if to is None or to == Standing(self.status, self.detail):
            return self
        return replace(self, status=to.status, detail=to.detail, turned_at=now)
