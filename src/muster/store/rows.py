"""Which noun is kept in which table, and how a value becomes a row and comes back."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cached_property, lru_cache
from operator import attrgetter
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Table, case

from muster.model.action import Action
from muster.model.admission import Admitted
from muster.model.bulk import Bulk
from muster.model.catalog import Flavor, Keypair
from muster.model.cluster import Cluster
from muster.model.desired import Desired
from muster.model.engine import EngineSeen
from muster.model.enrolment import Enrolment
from muster.model.event import Event, Level
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
from muster.ports.store import Token
from muster.store import tables

T = TypeVar("T")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@lru_cache(maxsize=256)  # all that one pass writes bears the same few moments
def micros(moment: datetime) -> int:
    return (moment - EPOCH) // _MICROSECOND


def moment(micros: int) -> datetime:
    return EPOCH + timedelta(microseconds=micros)


def _word(value: str) -> str:
    # PostgreSQL keeps no NUL in a text; the body, being JSON, has it escaped.
    return value.replace("\0", "\ufffd") if "\0" in value else value


class _Cells(dict[type, Callable[[Any], Any]]):
    """How each type is held in a column; enums, which are many, are learned as they come."""

    def __missing__(self, kind: type) -> Callable[[Any], Any]:
        # Not `value`, which is a property and takes ten times as long.
        said = attrgetter("_value_") if issubclass(kind, Enum) else lambda each: each
        return self.setdefault(kind, said)


# A UUID is spelled out by msgspec, as in the body: five times as fast as `str`.
_CELLS = _Cells({str: _word, UUID: msgspec.to_builtins, datetime: micros, bool: int})
_OUR_WAY = frozenset({datetime, bool})
_ESCAPED_NUL = "\\u0000"


def cell(value: Any) -> Any:
    """Return `value` as a column holds it and as a search has to name it."""
    return _CELLS[type(value)](value)


# Note [By the column]
# What is written is written by the thousand, and what one column has of it is all alike. msgspec
# turns a column in the time in which Python turns a few of its cells, so only what a column holds
# in a way of our own is turned cell by cell; words only where a body tells of a NUL.
def _cells(column: list[Any], quoted: bool) -> list[Any]:
    """Return what one column holds of many values. See Note [By the column]."""
    kinds = set(map(type, column))
    if kinds & _OUR_WAY or (quoted and str in kinds):
        return [cell(each) for each in column]
    turned: list[Any] = msgspec.to_builtins(column)
    return turned


@dataclass(frozen=True, eq=False)
class Noun(Generic[T]):
    """One kind of value and its table. A column holds the attribute of its own name,
    or the one that `named` says."""

    table: Table
    type: type[T]
    named: Mapping[str, str] = field(default_factory=dict)
    order: Mapping[str, ColumnElement[Any]] = field(default_factory=dict)  # not by the bare column
    unique: bool = False  # no two may bear one name: see Note [Guards]
    sealed: bool = False  # it may hold what is secret: see Note [What a seal is]

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Name the columns that a row fills, the body last."""
        return tuple(each.name for each in self.table.columns if each.name != "seq")

    @cached_property
    def _attributes(self) -> tuple[Callable[[T], Any], ...]:
        return tuple(attrgetter(self.named.get(name, name)) for name in self.columns[:-1])

    @cached_property
    def _decoder(self) -> msgspec.json.Decoder[T]:
        return msgspec.json.Decoder(self.type)

    def rows(self, values: Sequence[T]) -> list[tuple[Any, ...]]:
        """Return these values as rows, one for each. See Note [By the column]."""
        bodies = [_ENCODER.encode(value).decode() for value in values]
        quoted = any(_ESCAPED_NUL in body for body in bodies)
        columns = (_cells(list(map(each, values)), quoted) for each in self._attributes)
        return list(zip(*columns, bodies, strict=True))

    def values(self, bodies: Iterable[str]) -> list[T]:
        decode = self._decoder.decode
        return [decode(body) for body in bodies]


_ENCODER = msgspec.json.Encoder()
_RANK = {level.value: rank for rank, level in enumerate(Level)}

CLUSTERS = Noun(tables.clusters, Cluster, unique=True)
SOLOS = Noun(tables.solos, Cluster)
NODES = Noun(tables.nodes, Node, named={"init_at": "since"})
PROFILES = Noun(tables.profiles, Profile)
POLICIES = Noun(tables.policies, Policy)
BINDINGS = Noun(tables.bindings, Binding)
RECEIVERS = Noun(tables.receivers, Receiver)
MESSAGES = Noun(tables.messages, Message)
ENGINES = Noun(tables.engines, EngineSeen)
CLOUDS = Noun(tables.clouds, Admitted, sealed=True)
ENROLMENTS = Noun(tables.enrolments, Enrolment)
ACTIONS = Noun(tables.actions, Action, named={"action": "verb"})
VCLUSTERS = Noun(tables.vclusters, VCluster, unique=True)
RESERVATIONS = Noun(tables.reservations, Reservation)
MACHINES = Noun(tables.machines, Machine, sealed=True)
MACHINE_TOKENS = Noun(tables.machine_tokens, MachineToken, sealed=True)
MACHINE_TEMPLATES = Noun(tables.machine_templates, MachineTemplate, sealed=True)
SERVER_CLUSTERS = Noun(tables.server_clusters, ServerCluster, sealed=True)
HOST_NUMBERS = Noun(tables.host_numbers, HostNumber)
BULKS = Noun(tables.bulks, Bulk, sealed=True)
WARNINGS = Noun(tables.warnings, Warning)
INVENTORY = Noun(tables.inventory, Record)
STOCKTAKES = Noun(tables.stocktakes, Stocktake)
DESIRED = Noun(tables.desired, Desired, sealed=True)
PROBES = Noun(tables.probes, Probe, named={"id": "node_id"})
DECISIONS = Noun(tables.decisions, DecisionRecord, named={"verdict": "decision.verdict"})
PUSHED = Noun(tables.pushed, Pushed, named={"id": "cluster_id"})
LOADS = Noun(tables.loads, LoadDay)
FLAVORS = Noun(tables.flavors, Flavor, unique=True)
KEYPAIRS = Noun(tables.keypairs, Keypair, unique=True)
TOKENS = Noun(tables.tokens, Token)
EVENTS = Noun(
    tables.events,
    Event,
    named={"timestamp": "at"},
    order={"level": case(_RANK, value=tables.events.c.level)},  # by weight, not by letter
)
SEALED: tuple[Noun[Any], ...] = (
    CLOUDS,
    MACHINES,
    MACHINE_TOKENS,
    MACHINE_TEMPLATES,
    SERVER_CLUSTERS,
    BULKS,
    DESIRED,
)
