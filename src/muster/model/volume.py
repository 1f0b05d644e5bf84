"""Volumes: disks that are made by themselves, and outlive the servers they are attached to."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeOrder:
    """All that a cloud needs to make one. `volume_id` makes asking twice harmless."""

    volume_id: UUID
    name: str
    project: str
    size_gib: int
    host: str = ""  # "": any, in `zone` if that is named
    zone: str = ""
    pool: str = ""  # "": where the cloud puts what says nothing
    keeper: UUID | None = None  # the server that it goes with, and not before


# Note [Followers]
# A volume is given to a node, and a node may have several servers one after another. So a cloud
# remembers the node beside the server, and forgets both only when the volume is taken away: the
# next server of the node gets it, too, where it can be had at once. Nothing is copied between
# hosts for that: how long it would take nobody knows, and whether it is wanted neither.
@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """One volume, as its cloud shows it. The ids are read back from tags we wrote."""

    id: UUID
    ref: str  # the cloud's own id
    name: str
    project: str
    size_gib: int
    host: str = ""  # where it lies
    zone: str = ""
    server_ref: str = ""  # the cloud's id of the server that has it, "" while nobody has
    path: str = ""  # where that server finds it
    keeper: UUID | None = None
    node_id: UUID | None = None  # whom it was given to, until it is taken away. Note [Followers]
    shared: bool = False  # it can be had on every host
    limited: bool = True  # whether the cloud holds it to its size
    created: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """A volume that a server is made with, and that goes with it."""

    size_gib: int
    path: str = ""  # where the server finds it; "": where the cloud puts it


def disk_id(server_id: UUID, number: int) -> UUID:
    """Return the id of the volume that is the `number`th disk of a server, from 0."""
    return uuid5(server_id, f"disk/{number}")


def elsewhere(volume: Volume, instance: str, host: str) -> str:
    """Return why a volume cannot go along with its node, "" if it can. See Note [Followers]."""
    if volume.shared or volume.host == host:
        return ""
    return (
        f"volume {volume.name} lies on {volume.host}, and {instance} is on {host} now: "
        "attach it by hand to bring it there"
    )
