"""Probing: asking every application how it is, and telling the store when that turns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from muster.engine.asking import question
from muster.engine.census import Known
from muster.engine.site import Reach, Site
from muster.engine.subjects import subject
from muster.model.cluster import Cluster
from muster.model.node import Node
from muster.model.observed import Probe, Seen
from muster.model.pool import Condition
from muster.ports.prober import Question
from muster.ports.store import Query, Transaction

# What is on a host that does not answer may answer itself. See Note [Lost hosts].
_ASKED = frozenset({Seen.RUNNING, Seen.UNREACHABLE})


async def probe(site: Site, reach: Reach, crowd: Sequence[Known]) -> int:
    """Ask every running member of `crowd`; return how many turned from good to bad or back."""
    asked = [(known, node, each) for known in crowd for node, each in _questions(reach, known)]
    if not asked:
        return 0
    answers = await reach.cloud.prober.ask([each for _, _, each in asked])
    now = site.clock.now()
    turned: list[Probe] = []
    for known, node, each in asked:
        before = known.probes.get(node.id)
        why = answers.get(node.id, "no answer")
        if why is None and before and _was_well(before, each):
            continue  # the usual answer says nothing new
        after = heard(known.cluster, before, Answer(each, why, now))
        if node.ready_at is None and after.condition is Condition.BAD:
            continue  # it is still starting: see Note [Starting]
        known.probes[node.id] = after
        if (before.condition if before else Condition.UNKNOWN) is not after.condition:
            turned.append(after)
    if turned:
        await site.store.write(lambda tx: _write(tx, turned))
        for cluster_id in {each.cluster_id for each in turned}:
            reach.lookout.distrust(cluster_id)
    return len(turned)


def _was_well(before: Probe, question: Question) -> bool:
    good = before.condition is Condition.GOOD and not before.failures
    return good and before.server_id == question.server_id


def _write(tx: Transaction, turned: Sequence[Probe]) -> None:
    """Keep what turned, and have the clusters looked at; one struck out meanwhile has none."""
    there = {id for id in {each.cluster_id for each in turned} if subject(tx, id)}
    mine = [each for each in turned if each.cluster_id in there]
    stored = tx.probes.find(Query(where={"id": tuple(each.node_id for each in mine)}))
    before = {each.node_id: each for each in stored}
    tx.probes.put(*(_beside(before.get(each.node_id), each) for each in mine))
    tx.marks.mark(*sorted(there))


def _beside(before: Probe | None, probe: Probe) -> Probe:
    """Return the answer with what polled addresses have said of the same server."""
    if before is None or before.server_id != probe.server_id:
        return probe
    return replace(probe, visits=before.visits, visited_at=before.visited_at)


def _questions(reach: Reach, known: Known) -> Iterator[tuple[Node, Question]]:
    service = known.cluster.service
    if service is None or not service.asked:
        return
    servers = reach.lookout.known(known.cluster.id)
    for node, server_id in zip(known.nodes, known.servers, strict=True):
        server = servers.get(server_id)
        if node.home:
            server = reach.lookout.known(node.home).get(server_id)
        if server and server.seen in _ASKED:
            yield node, question(service, node, server)


@dataclass(frozen=True, slots=True)
class Answer:
    question: Question
    why: str | None  # it is not well; None: it is
    at: datetime


def _patience(cluster: Cluster) -> int:
    """Return how many bad answers in a row make a member sick."""
    monitor = cluster.service.monitor if cluster.service else None
    return (monitor.failures if monitor else 0) or cluster.healing.failures


def heard(cluster: Cluster, before: Probe | None, answer: Answer) -> Probe:
    """Return what is known of an application after one more answer.

    One good answer is enough; bad ones must come as many times in a row as the cluster's
    healing says. What an earlier server of the place answered counts for nothing.
    """
    asked = answer.question
    mine = before if before and before.server_id == asked.server_id else None
    failures = 0 if answer.why is None else 1 + (mine.failures if mine else 0)
    if answer.why is None:
        condition = Condition.GOOD
    elif failures >= _patience(cluster):
        condition = Condition.BAD
    else:
        condition = mine.condition if mine else Condition.UNKNOWN
    return Probe(
        node_id=asked.node_id,
        server_id=asked.server_id,
        cluster_id=cluster.id,
        condition=condition,
        at=answer.at,
        failures=failures,
        reason=answer.why or "",
    )
