"""Which noun is kept in which table, and how a value becomes a row and comes back."""

from collections.abc import Callable, Iterable, Mapping
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
from muster.model.catalog import Flavor, Keypair
from muster.model.cluster import Cluster
from muster.model.engine import EngineSeen
from muster.model.enrolment import Enrolment
from muster.model.event import Event, Level
from muster.model.node import Node
from muster.model.observed import Probe
from muster.model.policy import Binding, Policy
from muster.model.profile import Profile
from muster.model.receiver import Message, Receiver
from muster.model.reservation import Reservation
from muster.model.scaling import DecisionRecord, LoadDay, Pushed
from muster.model.vcluster import VCluster
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
_AS_IT_IS = frozenset({type(None), int, str})
_MOMENTS = (datetime,)
_ESCAPED_NUL = "\\u0000"


def cell(value: Any) -> Any:
    """Return `value` as a column holds it and as a search has to name it."""
    return _CELLS[type(value)](value)


@dataclass(frozen=True, eq=False)
class Noun(Generic[T]):
    """One kind of value and its table. A column holds the attribute of its own name,
    or the one that `named` says."""

    table: Table
    type: type[T]
    named: Mapping[str, str] = field(default_factory=dict)
    order: Mapping[str, ColumnElement[Any]] = field(default_factory=dict)  # not by the bare column
    unique: bool = False  # no two may bear one name: see Note [Guards]

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Name the columns that a row fills, the body last."""
        return tuple(each.name for each in self.table.columns if each.name != "seq")

    @cached_property
    def _attributes(self) -> Callable[[T], tuple[Any, ...]]:
        return attrgetter(*(self.named.get(name, name) for name in self.columns[:-1]))

    @cached_property
    def _decoder(self) -> msgspec.json.Decoder[T]:
        return msgspec.json.Decoder(self.type)

    def row(self, value: T) -> tuple[Any, ...]:
        attributes = self._attributes(value)
        body = _ENCODER.encode(value).decode()
        # Most of it by msgspec in one go; only where the body tells of a NUL, word by word.
        if _ESCAPED_NUL not in body:
            attributes = msgspec.to_builtins(attributes, builtin_types=_MOMENTS)
            cells = [each if type(each) in _AS_IT_IS else cell(each) for each in attributes]
        else:
            cells = [cell(each) for each in attributes]
        cells.append(body)
        return tuple(cells)

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
CLOUDS = Noun(tables.clouds, Admitted)
ENROLMENTS = Noun(tables.enrolments, Enrolment)
ACTIONS = Noun(tables.actions, Action, named={"action": "verb"})
VCLUSTERS = Noun(tables.vclusters, VCluster, unique=True)
RESERVATIONS = Noun(tables.reservations, Reservation)
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
