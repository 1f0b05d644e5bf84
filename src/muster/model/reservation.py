"""Capacity that is claimed for an instance, and what the hosts of a cloud have left."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID, uuid5

from muster.model.placing import BY_ZONE, Host


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """What one instance holds on its host, from before it is made until it is gone."""

    id: UUID  # the instance's
    project: str
    cloud: str
    owner: UUID  # the vcluster, or the cluster or node that stands alone
    host: str
    vcpus: int = 0
    ram_mib: int = 0
    disk_gib: Mapping[str, int] = field(default_factory=dict)  # of each storage pool
    created_at: datetime
    until: datetime | None = None  # None: for as long as its instance
    group: UUID | None = None  # that its server is of


def arrival_id(instance: UUID) -> UUID:
    """Return the id of what an instance holds where it is to go, besides where it is."""
    return uuid5(instance, "arrival")


# Note [Counted once]
# What a cloud says is free has what runs there taken off; what is claimed has to be taken off
# too, but not once more for an instance that has been made meanwhile. So one look tells both:
# what is free, and which of our instances that has taken into account. A claim stands for as
# long as its instance, so whichever of the two one reads first, nothing is free twice.
@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What nobody uses on the hosts of a cloud, at one moment. See Note [Counted once]."""

    hosts: tuple[Host, ...]  # the pool of whoever names none is ""
    default_pool: str = ""  # what that one is called where it has a name
    counted: frozenset[UUID] = frozenset()  # our servers and volumes that use some of it


def without(room: Room, cordoned: Collection[str]) -> Room:
    """Return the room, with nothing new to go to those hosts."""
    hosts = tuple(_shut(host) if host.id in cordoned else host for host in room.hosts)
    return replace(room, hosts=hosts) if cordoned else room


def _shut(host: Host) -> Host:
    """Return a host that nobody goes to, not even who names its zone."""
    labels = {name: value for name, value in host.labels.items() if name != BY_ZONE}
    return replace(host, open=False, labels=labels)
