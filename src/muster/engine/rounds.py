"""Rounds: polling the addresses that health policies name, at each cluster's own interval."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from muster.engine.census import Known
from muster.engine.loop import attempt
from muster.engine.site import Reach, Site
from muster.model.cluster import Cluster
from muster.model.detection import Detector
from muster.model.node import Node
from muster.model.observed import Probe, Seen
from muster.model.pool import Condition
from muster.ports.prober import Visit
from muster.ports.store import Transaction

NAME = "{nodename}"  # in an address


@dataclass(frozen=True, slots=True)
class Heard:
    """What the addresses of one node said last, of which server, and since what was done to it."""

    server_id: UUID
    cured_at: datetime | None
    visits: Mapping[str, str]  # those that say the node is ill, and why


# Note [Rounds]
# A visit takes as long as its tries and pauses, which are its owner's to choose. So every
# cluster has a round of its own, in the background; one whose last has not ended misses its
# turn. Only what turned is written. A cluster in which anything is amiss is looked at after
# every round all the same, for a node that was too young to be called ill grows older.
class Rounds:
    """The rounds of one engine over all clusters with watches. See Note [Rounds]."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._due: dict[UUID, datetime] = {}
        self._under_way: dict[UUID, asyncio.Task[bool | None]] = {}
        self._heard: dict[UUID, Heard] = {}

    def begin(self, reach: Reach, crowd: Sequence[Known]) -> list[asyncio.Task[bool | None]]:
        """Begin the rounds that are due; return all that are under way on this cloud."""
        now = self._site.clock.now()
        watched = [known for known in crowd if _is_watched(known.cluster)]
        for known in watched:
            cluster = known.cluster
            last = self._under_way.get(cluster.id)
            due = self._due.get(cluster.id, now)
            if now < due or (last and not last.done()):
                continue
            every = timedelta(seconds=cluster.healing.interval_s)
            # In step with when it was due, not with when somebody came to look.
            self._due[cluster.id] = due + every if due + every > now else now + every
            going = attempt("watch", partial(self._round, reach, known))
            self._under_way[cluster.id] = asyncio.create_task(going)
        there = {known.cluster.id for known in watched}
        tasks = [task for id, task in self._under_way.items() if id in there]
        self._under_way = {id: task for id, task in self._under_way.items() if not task.done()}
        return tasks

    def stop(self) -> None:
        """Let the rounds go that are under way; what they would have found is found again."""
        for each in self._under_way.values():
            each.cancel()

    async def _round(self, reach: Reach, known: Known) -> bool:
        """Poll every address of one cluster once; return whether anything turned."""
        asked = list(_visits(reach, known))
        visitor = self._site.visitor
        answers = await asyncio.gather(
            *(visitor.visit(visit) for _, _, visit in asked if visitor is not None)
        )
        found: dict[UUID, tuple[Node, dict[str, str]]] = {}
        for (node, url, _), why in zip(asked, answers, strict=False):
            said = found.setdefault(node.id, (node, {}))[1]
            if why is not None:
                said[url] = why
        heard = {id: Heard(n.server_id, n.cured_at, said) for id, (n, said) in found.items()}
        turned = {id: each for id, each in heard.items() if self._heard.get(id) != each}
        for node in known.nodes:
            self._heard.pop(node.id, None)
        self._heard.update(heard)
        amiss = any(node.sick_since for node in known.nodes) or any(
            each.visits for each in heard.values()
        )
        if turned or amiss:
            now = self._site.clock.now()
            await self._site.store.write(lambda tx: _write(tx, known.cluster.id, turned, now))
        return bool(turned)


def _is_watched(cluster: Cluster) -> bool:
    return cluster.healing.enabled and bool(cluster.healing.watches) and not cluster.leaving


def _visits(reach: Reach, known: Known) -> Iterator[tuple[Node, str, Visit]]:
    """Yield what to ask: of nodes that run and have served, by every address."""
    watches = [w for w in known.cluster.healing.watches if w.url and w.detector in _BY_ADDRESS]
    if not watches:
        return
    servers = reach.lookout.known(known.cluster.id)
    for node, server_id in zip(known.nodes, known.servers, strict=True):
        there = reach.lookout.known(node.home) if node.home else servers
        server = there.get(server_id)
        if node.ready_at is None or server is None or server.seen is not Seen.RUNNING:
            continue
        for watch in watches:
            visit = Visit(
                node_id=node.id,
                url=watch.url.replace(NAME, node.name),
                expect=watch.expect,
                refused_is_ill=watch.refused_is_ill,
                tries=watch.tries,
                pause_s=watch.pause_s,
                verify=watch.verify,
            )
            yield node, watch.url, visit


_BY_ADDRESS = frozenset({Detector.NODE_STATUS_POLL_URL})


def _write(tx: Transaction, cluster_id: UUID, turned: Mapping[UUID, Heard], now: datetime) -> None:
    """Keep what turned beside what else is known of each node, and have the cluster looked at."""
    if tx.clusters.get(cluster_id) is None:
        return
    for node_id, heard in turned.items():
        before = tx.probes.get(node_id)
        if before is None or before.server_id != heard.server_id:
            before = Probe(
                node_id=node_id,
                server_id=heard.server_id,
                cluster_id=cluster_id,
                condition=Condition.UNKNOWN,
                at=now,
            )
        tx.probes.put(replace(before, visits=heard.visits, visited_at=now))
    tx.marks.mark(cluster_id)
