"""Muster's memory.

All work on the store is a plain function over a `Transaction`, handed to `write` or
`read`. It runs whole or not at all, perhaps more than once, perhaps in another thread:
it must do nothing but talk to the transaction and return a value.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar
from uuid import UUID

from muster.model.action import Action
from muster.model.admission import Admitted
from muster.model.bulk import Bulk
from muster.model.catalog import Flavor, Keypair
from muster.model.cluster import Cluster
from muster.model.desired import Desired
from muster.model.engine import EngineSeen
from muster.model.enrolment import Enrolment
from muster.model.event import Event
from muster.model.host_number import HostNumber
from muster.model.inventory import Record, Stocktake
from muster.model.machine import Machine
from muster.model.machine_template import MachineTemplate
from muster.model.machine_token import MachineToken
from muster.model.node import Node
from muster.model.observed import Probe
from muster.model.policy import Binding, Policy
from muster.model.profile import Profile
from muster.model.receiver import Message, Receiver
from muster.model.reservation import Reservation
from muster.model.scaling import DecisionRecord, LoadDay, Pushed
from muster.model.server_cluster import ServerCluster
from muster.model.vcluster import VCluster
from muster.model.warning import Warning

T = TypeVar("T")
S = TypeVar("S")


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which rows of one noun, in which order.

    `where` maps a column to the values it may have (one of them; an empty tuple matches
    nothing). Order is by `sort`, then by id; nulls come first ascending, last descending.
    `marker` is the id of the last row of the page before; one that is unknown is ignored.
    """

    where: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    project: str | None = None  # None: every project
    sort: tuple[tuple[str, bool], ...] = ()  # (column, descending)
    marker: UUID | None = None
    limit: int | None = None
    id_prefix: str = ""
    paged: bool = False  # somebody may ask for what follows its last row: see `marker`
    reader: str = ""  # who reads page by page: his pages end where he was shown them to end


class Table(Protocol[T]):
    """The rows of one noun. `put` adds or replaces; many at once cost little more than one."""

    def get(self, id: UUID) -> T | None: ...

    def find(self, query: Query) -> list[T]: ...

    def find_as(self, query: Query, kind: type[S]) -> list[S]:
        """Return the same rows as `kind`, which has some of T's fields by the same names.

        Costs a fraction of whole rows where a list shows little of each.
        """
        ...

    def count(self, query: Query) -> int: ...

    def latest(self, many: int) -> list[datetime]:
        """Return when rows were changed last, newest first, as many as asked for.

        No row is read for it, so asking again and again whether anything is new costs little.
        """
        ...

    def put(self, *rows: T) -> None: ...

    def drop(self, *ids: UUID) -> None: ...


class Events(Protocol):
    """Appended, read in the order of `seq`, and trimmed by age."""

    def append(self, *events: Event) -> None: ...

    def after(self, seq: int, limit: int, project: str | None) -> list[Event]:
        """Return the events that follow `seq`, oldest first.

        Never skips one: an event becomes visible here only when all with a smaller
        `seq` are, whichever transaction commits first.
        """
        ...

    def newest(self) -> int:
        """Return the greatest visible `seq`, 0 when there is none."""
        ...

    def get(self, id: UUID) -> Event | None: ...

    def find(self, query: Query) -> list[Event]: ...

    def count(self, query: Query) -> int: ...

    def trim(self, before: datetime, project: str | None = None) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One worker's right to look after one cluster for a while. See Note [Fencing]."""

    cluster_id: UUID
    version: int  # of the mark when it was claimed
    fence: int  # grows with every claim of anything; an older one is worth nothing
    owner: str
    until: datetime


# Note [Fencing]
# A worker that was stopped longer than its lease and then continued does not know
# that another has taken over. Every claim therefore gets a number from one counter
# that only grows, and whatever is written under a claim checks, in the same
# transaction, that no later claim exists. The cloud calls of the late worker may
# still happen; they are harmless because they can be repeated, or leave strays.
class Marks(Protocol):
    """Which clusters want a look, who looks, and how it went. See Note [Fencing]."""

    def mark(self, *cluster_ids: UUID, due: datetime | None = None) -> None:
        """Ask for a look, now or by `due`; asking again bumps the version. Earliest due wins."""
        ...

    def claim(self, owner: str, now: datetime, until: datetime, limit: int) -> list[Claim]:
        """Take due marks whose lease is free or over; oldest due first."""
        ...

    def renew(self, claims: Sequence[Claim], until: datetime) -> list[Claim]:
        """Lengthen the leases that are still ours, and return just those."""
        ...

    def check(self, claim: Claim) -> None:
        """Raise `Stale` unless the claim is still the newest. Locks it for this transaction."""
        ...

    def release(self, claim: Claim, look_at: datetime | None) -> None:
        """Give the cluster back: unmark it, or leave it due at `look_at`.

        If somebody asked again since the claim, it stays marked and due at once. A
        claim that is no longer ours changes nothing.
        """
        ...

    def due(self) -> datetime | None:
        """Return when the earliest unclaimed mark is due, None when there is none."""
        ...

    def lag(self, now: datetime) -> tuple[int, float]:
        """Return how many marks are overdue and by how many seconds the oldest is."""
        ...


class Leases(Protocol):
    """Who does what only one may do at a time: ticks of a cloud, trimming, sweeping."""

    def take(self, name: str, owner: str, now: datetime, until: datetime) -> bool:
        """Return True if `name` is now ours until then: it was free, over, or ours already."""
        ...

    def give_up(self, owner: str) -> None: ...


class Settings(Protocol):
    """Small facts about this installation, such as its id."""

    def get(self, name: str) -> str | None: ...

    def put(self, name: str, value: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    id: UUID
    project: str
    user: str
    roles: tuple[str, ...]
    digest: str  # of the secret; the secret itself is shown once and kept nowhere
    created_at: datetime
    expires_at: datetime | None
    note: str = ""


# Note [Solo]
# A node that belongs to no cluster needs the same care as one that does: a mark, a claim,
# passes, wishes. So it is looked after as the only member of a cluster that nobody sees. That
# cluster has the node's own id, wants one node, heals and scales nothing, and is kept in a
# table of its own, which no list shows. Joining a cluster removes it, leaving one makes it;
# the node's row then says `cluster_id` None for as long as it is there.
class Transaction(Protocol):
    @property
    def clusters(self) -> Table[Cluster]: ...
    @property
    def solos(self) -> Table[Cluster]: ...  # see Note [Solo]
    @property
    def nodes(self) -> Table[Node]: ...
    @property
    def profiles(self) -> Table[Profile]: ...
    @property
    def policies(self) -> Table[Policy]: ...
    @property
    def bindings(self) -> Table[Binding]: ...
    @property
    def receivers(self) -> Table[Receiver]: ...
    @property
    def messages(self) -> Table[Message]: ...
    @property
    def engines(self) -> Table[EngineSeen]: ...
    @property
    def clouds(self) -> Table[Admitted]: ...
    @property
    def enrolments(self) -> Table[Enrolment]: ...
    @property
    def actions(self) -> Table[Action]: ...
    @property
    def vclusters(self) -> Table[VCluster]: ...
    @property
    def reservations(self) -> Table[Reservation]: ...  # by instance id
    @property
    def machines(self) -> Table[Machine]: ...
    @property
    def machine_tokens(self) -> Table[MachineToken]: ...
    @property
    def machine_templates(self) -> Table[MachineTemplate]: ...
    @property
    def server_clusters(self) -> Table[ServerCluster]: ...
    @property
    def host_numbers(self) -> Table[HostNumber]: ...
    @property
    def bulks(self) -> Table[Bulk]: ...
    @property
    def warnings(self) -> Table[Warning]: ...
    @property
    def inventory(self) -> Table[Record]: ...
    @property
    def stocktakes(self) -> Table[Stocktake]: ...  # by cluster
    @property
    def desired(self) -> Table[Desired]: ...  # by cluster id
    @property
    def probes(self) -> Table[Probe]: ...
    @property
    def decisions(self) -> Table[DecisionRecord]: ...
    @property
    def pushed(self) -> Table[Pushed]: ...  # by cluster id
    @property
    def loads(self) -> Table[LoadDay]: ...
    @property
    def flavors(self) -> Table[Flavor]: ...
    @property
    def keypairs(self) -> Table[Keypair]: ...
    @property
    def tokens(self) -> Table[Token]: ...
    @property
    def events(self) -> Events: ...
    @property
    def marks(self) -> Marks: ...
    @property
    def leases(self) -> Leases: ...
    @property
    def settings(self) -> Settings: ...

    def seal_anew(self) -> int:
        """Seal by the newest key what is secret and is not so; return how many rows."""
        ...


class Store(Protocol):
    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in one transaction and return its result once it is on disk.

        What `work` raises undoes all of it and is raised here. `Unavailable` if the
        database does not answer or its disk is full. Wakes `signal` for marks and events.
        """
        ...

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` over one consistent view. It must not write."""
        ...

    async def change_key(self, *, forget: bool) -> tuple[int, int]:
        """Have a new key seal what is secret; return how many rows, and how many keys are gone.

        The old keys are for backups from before, and gone with `forget`. Others may write
        meanwhile, or change the key as well: then it is changed twice, one after the other.
        """
        ...

    async def close(self) -> None: ...
