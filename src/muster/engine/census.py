"""Who is there to be asked: members of clusters that serve, scale or are watched, in memory."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from muster.engine.site import Remembered
from muster.model.cluster import Cluster
from muster.model.node import Node, bastion_id
from muster.model.observed import Probe
from muster.model.pool import Condition
from muster.ports.prober import Question
from muster.ports.store import Query, Store, Transaction

OVERLAP = timedelta(seconds=5)  # several engines' clocks may differ by less
FIRST_FEW = 16


@dataclass(slots=True)
class Round:
    """What is asked of one cluster's members. See Note [The usual answer]."""

    edition: tuple[int, ...]  # of their servers
    nodes: tuple[Node, ...]
    questions: tuple[Question, ...]
    ids: frozenset[UUID]  # of the nodes
    well: bool = False  # all of them were, the last time


@dataclass(slots=True)
class Known:
    """One cluster with its members, and what was last heard of each."""

    cluster: Cluster
    nodes: tuple[Node, ...]
    servers: tuple[UUID, ...] = ()  # the server of each node: deriving it is not free
    probes: dict[UUID, Probe] = field(default_factory=dict)  # by node id
    round: Round | None = None  # the last
    tags: tuple[UUID, ...] = ()  # what the servers are listed under. See Note [Home]

    def __post_init__(self) -> None:
        homes = {node.home for node in self.nodes if node.home}
        self.tags = (self.cluster.id, *sorted(homes))


# Note [Newest first]
# Ticks come every few seconds and concern every node; reading all nodes each time would
# be most of what an idle engine does. Whoever changes a node also stamps its cluster, so
# reading the newest stamps first, until they are older than what was read before, finds
# just the clusters that changed; only these are read whole. Clusters that neither serve nor
# scale nor are watched have nobody to ask.
# Where the newest stamp is that of our own last pass, the members are as it left them
# (Note [Remembering]), and their rows are not read either.
# Clusters that were made together all bear a stamp that is hardly older than the newest. So the
# stamps alone are read at first, which takes no row, and rows only if a stamp is another one.
class Stamp(msgspec.Struct, frozen=True):
    """As much of a cluster as tells whether it has changed."""

    id: UUID
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Latest:
    """So many stamps were read, and these were there: the next look compares them."""

    many: int
    stamps: Sequence[datetime]


@dataclass(frozen=True, slots=True)
class _News:
    """What a look at the store has brought."""

    changed: Sequence[Known]
    ids: frozenset[UUID] | None  # of everybody, if some are gone
    latest: _Latest


class Census:
    """See Note [Newest first]."""

    def __init__(self, store: Store, memory: Mapping[UUID, Remembered]) -> None:
        self._store = store
        self._memory = memory
        self._stamps: dict[UUID, datetime | None] = {}
        self._newest: datetime | None = None
        self._latest: _Latest | None = None
        self._known: dict[UUID, Known] = {}
        self._on: dict[str, list[Known]] = {}  # by cloud, as far as anybody has asked
        self._guarded: tuple[UUID, ...] | None = None  # the bastions that there may be
        self._bastions: dict[UUID, Known] = {}
        self._one_by_one = asyncio.Lock()

    async def refresh(self) -> None:
        """Take in what has changed since the last time; ticks that ask together read it once."""
        async with self._one_by_one:
            await self._refresh()

    async def _refresh(self) -> None:
        news = await self._store.read(self._news)
        self._latest = news.latest
        for known in news.changed:
            self._take_in(known)
        if news.ids is not None:
            for gone in self._stamps.keys() - news.ids:
                self._stamps.pop(gone)
                self._known.pop(gone, None)
        if news.changed or news.ids is not None:
            self._on, self._guarded = {}, None
        await self._look_at_bastions()

    def on(self, cloud: str) -> list[Known]:
        """Return the clusters of one cloud that serve, scale or are watched, and their bastions."""
        if cloud not in self._on:
            everybody = self._known.values()
            self._on[cloud] = [known for known in everybody if known.cluster.cloud == cloud]
        bastions = self._bastions.values()
        return [*self._on[cloud], *(each for each in bastions if each.cluster.cloud == cloud)]

    async def _look_at_bastions(self) -> None:
        """Read the few nodes that let people in: no stamp tells of them."""
        if self._guarded is None:
            guarded = (known.cluster for known in self._known.values() if known.cluster.bastion)
            self._guarded = tuple(bastion_id(each.id) for each in guarded)
        ids = self._guarded
        found = await self._store.read(lambda tx: _alone(tx, ids)) if ids else []
        before, self._bastions = self._bastions, {each.cluster.id: each for each in found}
        for id, known in self._bastions.items():
            if id in before:
                _carry_over(before[id], known)

    def _news(self, tx: Transaction) -> _News:
        there, before = tx.clusters.count(Query()), self._latest
        as_many = there == len(self._stamps)
        if before and as_many and tx.clusters.latest(before.many) == before.stamps:
            return _News((), None, before)
        found = self._newest_first(tx)
        new = [each.id for each in found if self._is_new(each)]
        touched = tx.clusters.find(Query(where={"id": tuple(new)})) if new else []
        ids = None
        if there != len(self._stamps.keys() | set(new)):
            ids = frozenset(each.id for each in tx.clusters.find_as(Query(), Stamp))
        return _News(self._read(tx, touched), ids, _latest(found))

    def _newest_first(self, tx: Transaction) -> list[Stamp]:
        order = (("updated_at", True),)
        if self._newest is None:
            return tx.clusters.find_as(Query(sort=order), Stamp)
        since = self._newest - OVERLAP
        limit = FIRST_FEW
        while True:
            found = tx.clusters.find_as(Query(sort=order, limit=limit), Stamp)
            oldest = found[-1].updated_at if found else None
            if len(found) < limit or oldest is None or oldest < since:
                return found
            limit *= 8

    def _is_new(self, stamp: Stamp) -> bool:
        known = stamp.id in self._stamps
        return not known or self._stamps[stamp.id] != stamp.updated_at

    def _read(self, tx: Transaction, clusters: Iterable[Cluster]) -> list[Known]:
        return [
            self._remembered(cluster) or _with_members(tx, cluster)
            if _has_a_crowd(cluster)
            else Known(cluster, ())
            for cluster in clusters
        ]

    def _remembered(self, cluster: Cluster) -> Known | None:
        """Return the members as our own last pass left them, None if another came after it."""
        last = self._memory.get(cluster.id)
        nodes = last.nodes if last else None
        if last is None or nodes is None or last.cluster != cluster:
            return None
        members = tuple(nodes.values())
        before = self._known.get(cluster.id)
        heard = before.probes if before else {}
        return Known(
            cluster=cluster,
            nodes=members,
            servers=tuple(node.server_id for node in members),
            probes={each.node_id: each for each in _judged(members, heard)},
        )

    def _take_in(self, known: Known) -> None:
        cluster = known.cluster
        self._stamps[cluster.id] = stamp = cluster.updated_at
        if stamp and (self._newest is None or stamp > self._newest):
            self._newest = stamp
        if not _has_a_crowd(cluster):
            self._known.pop(cluster.id, None)
            return
        before = self._known.get(cluster.id)
        if before:
            _carry_over(before, known)
        self._known[cluster.id] = known


def _latest(newest_first: Sequence[Stamp]) -> _Latest:
    """Return what the next look compares: the overlap, and one beyond so that none joins it."""
    stamps = [each.updated_at for each in newest_first if each.updated_at]
    many = 1 + sum(at >= stamps[0] - OVERLAP for at in stamps)
    return _Latest(many, stamps[:many])


def _carry_over(before: Known, known: Known) -> None:
    """Keep what was heard: failures in a row are counted here and not in the store."""
    for id, probe in known.probes.items():
        heard = before.probes.get(id)
        if heard and (heard.server_id, heard.condition) == (probe.server_id, probe.condition):
            known.probes[id] = heard


def _has_a_crowd(cluster: Cluster) -> bool:
    return bool(cluster.service or cluster.scaling or cluster.healing.watches)


def _judged(nodes: Iterable[Node], heard: Mapping[UUID, Probe]) -> Iterator[Probe]:
    """Yield what the last pass knew of each application, or what we heard if it is the same."""
    for node in nodes:
        condition = node.health.application
        if node.cluster_id is None or condition is Condition.UNKNOWN:
            continue
        mine, server_id = heard.get(node.id), node.server_id
        if mine and mine.condition is condition and mine.server_id == server_id:
            yield mine
            continue
        yield Probe(
            node_id=node.id,
            server_id=server_id,
            cluster_id=node.cluster_id,
            condition=condition,
            at=node.ready_at or node.since,
        )


def _with_members(tx: Transaction, cluster: Cluster) -> Known:
    ours = Query(where={"cluster_id": (cluster.id,)})
    nodes = tuple(tx.nodes.find(ours))
    answers = (*_judged(nodes, {}), *tx.probes.find(ours))  # later ones count: they are the newer
    return Known(
        cluster=cluster,
        nodes=nodes,
        servers=tuple(node.server_id for node in nodes),
        probes={probe.node_id: probe for probe in answers},
    )


def _alone(tx: Transaction, ids: tuple[UUID, ...]) -> list[Known]:
    """Return the nodes that stand alone, each with who looks after it."""
    these = Query(where={"id": ids})
    nodes = {node.id: node for node in tx.nodes.find(these)}
    probes = {each.node_id: each for each in tx.probes.find(these)}
    return [
        Known(
            cluster=keeper,
            nodes=(nodes[keeper.id],),
            servers=(nodes[keeper.id].server_id,),
            probes={id: probe for id, probe in probes.items() if id == keeper.id},
        )
        for keeper in tx.solos.find(these)
        if keeper.id in nodes
    ]
