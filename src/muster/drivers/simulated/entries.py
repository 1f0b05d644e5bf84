"""What can happen in a simulated world, one class per kind; its state is these, applied in order.

Times are seconds since 1970; 0.0 stands for never where a time is optional.
"""

from uuid import UUID

import msgspec


class Make(msgspec.Struct, frozen=True, array_like=True):
    """What a machine is made of, as far as a simulation cares. Shared by many machines."""

    image: str
    network: str = ""
    vcpus: float = 1.0
    memory_mib: int = 0
    port: int = 0
    wait_s: float = -1.0  # instead of the world's delays, if not negative
    fault: str = ""
    group: str = ""  # servers of one group are kept together, or apart
    disk_gib: int = 0


class Entry(msgspec.Struct, frozen=True, array_like=True, tag=True):
    at: float


class Created(Entry, frozen=True, tag="create"):
    installation: UUID
    server_id: UUID
    node_id: UUID
    cluster_id: UUID
    name: str
    project: str
    serial: int  # of the address
    host: str
    make: Make
    runs_at: float
    answers_at: float
    gone_at: float = 0.0
    power: str = "on"
    broken: str = ""
    sick: str = ""
    made_at: float = 0.0  # if that is not `at`: the entry comes from compaction
    ref: str = ""  # "": the one that follows from `server_id`


class Turned(Entry, frozen=True, tag="turn"):
    """A machine after an operation, or after something happened to it."""

    ref: str
    runs_at: float
    answers_at: float
    power: str = "on"
    broken: str = ""
    sick: str = ""
    host: str = ""  # where it goes on; "": where it is


class Going(Entry, frozen=True, tag="delete"):
    ref: str
    gone_at: float


class HostTurned(Entry, frozen=True, tag="host"):
    host: str
    condition: str  # "" in order | "dark" what ran is broken | one of hosts.SILENT


class Imaged(Entry, frozen=True, tag="image"):
    id: str
    installation: UUID
    name: str
    project: str
    active_at: float
    size: int = 0
    version: str = ""
    snapshot_of: str = ""
    port: int = 0
    health_path: str = ""
    fault: str = ""


class Unimaged(Entry, frozen=True, tag="unimage"):
    id: str


class VolumePut(Entry, frozen=True, tag="volume"):
    """A volume as it is from now on."""

    id: UUID
    installation: UUID
    name: str
    project: str
    size_gib: int
    host: str
    made_at: float
    server_ref: str = ""
    path: str = ""
    keeper: UUID | None = None
    node_id: UUID | None = None


def released(volume: VolumePut) -> VolumePut:
    """Return a volume as it is once no machine has it; it may be given to the next of a node."""
    return msgspec.structs.replace(volume, server_ref="")


class VolumeGone(Entry, frozen=True, tag="unvolume"):
    id: UUID


class Member(msgspec.Struct, frozen=True, array_like=True):
    node_id: UUID
    address: str
    port: int
    drains: bool = False
    since: float = 0.0  # when it began to drain
    open: int = 0  # how many requests were under way then


class PoolPut(Entry, frozen=True, tag="pool"):
    installation: UUID
    cluster_id: UUID
    address: str
    port: int
    digest: str
    members: tuple[Member, ...]


class PoolRemoved(Entry, frozen=True, tag="unpool"):
    cluster_id: UUID


class RecordPut(Entry, frozen=True, tag="record"):
    installation: UUID
    name: str
    address: str
    owner: UUID


class RecordDropped(Entry, frozen=True, tag="unrecord"):
    name: str


class LoadSet(Entry, frozen=True, tag="load"):
    cluster_id: UUID
    rate: float  # requests per second


class Held(Entry, frozen=True, tag="hold"):
    """Requests that a client keeps open on one member until a moment."""

    cluster_id: UUID
    node_id: UUID
    count: int
    until: float


class Tally(msgspec.Struct, array_like=True):
    """What one machine has done so far."""

    requests: float = 0.0
    errors: float = 0.0
    busy_s: float = 0.0


class Counted(Entry, frozen=True, tag="count"):
    """The counts of a cluster, written down whole at compaction."""

    cluster_id: UUID
    requests: float
    errors: float
    tallies: dict[str, Tally]


class Numbered(Entry, frozen=True, tag="number"):
    """The last serial number that was given out, written down at compaction."""

    serial: int


class FaultSet(Entry, frozen=True, tag="fault"):
    call: str
    error: str  # transient | permanent | lost: the world obeys, and says nothing
    times: int = 0  # 0: until it is lifted
    every: int = 1  # every so many calls
    match: str = ""  # part of what the call is about


class FaultLifted(Entry, frozen=True, tag="unfault"):
    call: str


class FaultFired(Entry, frozen=True, tag="fired"):
    call: str
    match: str


Happening = (
    Created
    | Turned
    | Going
    | HostTurned
    | Imaged
    | Unimaged
    | VolumePut
    | VolumeGone
    | PoolPut
    | PoolRemoved
    | RecordPut
    | RecordDropped
    | LoadSet
    | Held
    | Counted
    | Numbered
    | FaultSet
    | FaultLifted
    | FaultFired
)
