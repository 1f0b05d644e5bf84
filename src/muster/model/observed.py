"""What a cloud reports, in our words and not in theirs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import field

from muster.base.copies import Kept, Value
from muster.model.pool import Condition


class Seen(StrEnum):
    NOTHING = "nothing"
    BUILDING = "building"
    RUNNING = "running"
    STOPPED = "stopped"  # whole, but not running: somebody or something stopped it
    BROKEN = "broken"
    UNREACHABLE = "unreachable"  # its host does not answer; it may well be running


class Server(Value, frozen=True, kw_only=True):
    """One instance, as its cloud shows it. The ids are read back from tags we wrote."""

    ref: str  # the cloud's own id
    server_id: UUID
    node_id: UUID
    cluster_id: UUID
    name: str
    seen: Seen
    created: datetime
    address: str = ""
    host: str = ""
    zone: str = ""
    image: str = ""
    project: str = ""
    reason: str = ""
    abandoned: bool = False  # unreachable, and its cloud, whole but for that, holds its host dead


class Foreign(Value, frozen=True, kw_only=True):
    """A server that somebody else made, in the words that a profile would use for it."""

    ref: str
    name: str
    image: str
    flavor: str = ""  # "": its cloud knows sizes only
    vcpus: float = 0.0  # 0: without a limit
    memory_mib: int = 0
    network: str = ""
    zone: str = ""
    key_name: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    project: str | None = ""  # the one that may have it; "": nobody's yet, None: whoever asks


class Probe(Kept, frozen=True, kw_only=True):
    """The last answers of one node's application to our own question.

    Kept in the store, written only when the condition turns, so that every engine
    and the next start know it.
    """

    node_id: UUID
    server_id: UUID  # an answer of an earlier incarnation says nothing about this one
    cluster_id: UUID
    condition: Condition
    at: datetime
    failures: int = 0  # in a row
    reason: str = ""
    visits: Mapping[str, str] = field(default_factory=dict)  # polled address -> why it is not well
    visited_at: datetime | None = None  # when those turned last, or were asked for anew


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one server has used so far. Differences of two readings give shares."""

    server_id: UUID
    at: datetime
    cpu_s: float  # seconds of processor time since it started
    vcpus: float  # how many processors it may use: 100 % is this many seconds per second
    memory_bytes: int = 0
    memory_limit: int = 0
    net_in: int = 0
    net_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    name: str
    address: str
    owner: UUID  # the cluster it was published for
