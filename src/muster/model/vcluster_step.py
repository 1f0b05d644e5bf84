"""What Muster can do for one instance of a virtual cluster, one class per verb."""

from dataclasses import dataclass
from uuid import UUID

from muster.model.step import ServerOrder
from muster.model.volume import VolumeOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeServer:
    member: str
    order: ServerOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeVolume:
    member: str
    order: VolumeOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class Attach:
    member: str
    volume_id: UUID
    server_ref: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Detach:
    member: str
    volume_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveServer:
    """It stands still meanwhile, and has what it had on its disk."""

    member: str
    ref: str
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveVolume:
    member: str
    volume_id: UUID
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StartServer:
    member: str
    ref: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveServer:
    member: str
    ref: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveVolume:
    member: str
    volume_id: UUID


Move = MoveServer | MoveVolume | StartServer
VStep = MakeServer | MakeVolume | Attach | Detach | RemoveServer | RemoveVolume | Move
