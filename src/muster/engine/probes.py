"""Probing: asking every application how it is, and telling the store when that turns."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from muster.engine.asking import question
from muster.engine.census import Known, Round
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


# Note [The usual answer]
# Of ten thousand applications nearly all say again what they said the last time. So what is
# to be asked of a cluster is worked out once and kept until its members or their servers are
# others, and clusters in which everybody was well before and is well again are not gone
# through node by node. While a pass is under way it is the one to ask who is starting: see
# Note [Starting]. It could only be told to do so.
async def probe(site: Site, reach: Reach, crowd: Sequence[Known]) -> int:
    """Ask every running member of `crowd`; return how many turned from good to bad or back.

    See Note [The usual answer].
    """
    busy = site.under_way
    rounds = [(each, _round(reach, each, starting=each.cluster.id not in busy)) for each in crowd]
    questions = [each for _, round in rounds for each in round.questions]
    if not questions:
        return 0
    answers = await reach.cloud.prober.ask(questions)
    now = site.clock.now()
    unwell = {each.node_id for each in questions if answers.get(each.node_id, "no answer")}
    turned: list[Probe] = []
    for known, round in rounds:
        if round.well and (not unwell or unwell.isdisjoint(round.ids)):
            continue
        turned += _listened(known, round, answers, now)
        round.well = all(_is_well(known, each) for each in round.questions)
    if turned:
        await site.store.write(lambda tx: _write(tx, turned))
        for cluster_id in {each.cluster_id for each in turned}:
            reach.lookout.distrust(cluster_id)
    return len(turned)


def _listened(
    known: Known, round: Round, answers: Mapping[UUID, str | None], now: datetime
) -> Iterator[Probe]:
    """Take in what one cluster's members answered; yield what turned."""
    for node, each in zip(round.nodes, round.questions, strict=True):
        why = answers.get(node.id, "no answer")
        if why is None and _is_well(known, each):
            continue  # the usual answer says nothing new
        before = known.probes.get(node.id)
        after = heard(known.cluster, before, Answer(each, why, now))
        if node.ready_at is None and after.condition is Condition.BAD:
            continue  # it is still starting: see Note [Starting]
        known.probes[node.id] = after
        if (before.condition if before else Condition.UNKNOWN) is not after.condition:
            yield after


def _is_well(known: Known, question: Question) -> bool:
    """Whether this very server answered well the last time."""
    before = known.probes.get(question.node_id)
    if before is None or before.condition is not Condition.GOOD or before.failures:
        return False
    return before.server_id == question.server_id


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


def _round(reach: Reach, known: Known, *, starting: bool) -> Round:
    """Return what to ask of a cluster, as the last time where nothing has changed since."""
    edition = (starting, *(reach.lookout.edition(tag) for tag in known.tags))
    if known.round is None or known.round.edition != edition:
        asked = list(_questions(reach, known, starting=starting))
        known.round = Round(
            edition=edition,
            nodes=tuple(node for node, _ in asked),
            questions=tuple(each for _, each in asked),
            ids=frozenset(node.id for node, _ in asked),
        )
    return known.round


def _questions(reach: Reach, known: Known, *, starting: bool) -> Iterator[tuple[Node, Question]]:
    service = known.cluster.service
    if service is None or not service.asked:
        return
    servers = reach.lookout.known(known.cluster.id)
    for node, server_id in zip(known.nodes, known.servers, strict=True):
        if node.ready_at is None and not starting:
            continue
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
