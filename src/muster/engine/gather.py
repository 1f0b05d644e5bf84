"""Gather: everything a decision needs, read once."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from muster.base.errors import DriverError, Transient
from muster.base.log import log
from muster.decide.requests import profile_of
from muster.decide.spots.fleet import is_tied, tied_by
from muster.decide.spots.wants import MANY
from muster.decide.trees import is_tree
from muster.engine.asking import question
from muster.engine.cordon import cordon
from muster.engine.site import Reach, Remembered, Site
from muster.engine.subjects import Subject, members, subject
from muster.model.action import Action, ActionStatus, Verb
from muster.model.cloud import About
from muster.model.cluster import Cluster, Service, guards_of
from muster.model.node import Node, bastion_id
from muster.model.observed import Probe, Record, Seen, Server
from muster.model.plan import Limits, Snapshot
from muster.model.pool import Condition, PoolSeen
from muster.model.profile import Profile
from muster.ports.cloud import Cloud
from muster.ports.prober import Question
from muster.ports.store import Query, Transaction

ASK_EVERY = timedelta(seconds=0.15)

_READY = ActionStatus.READY
_OPEN = tuple(
    status.value
    for status in ActionStatus
    if status not in (ActionStatus.SUCCEEDED, ActionStatus.FAILED, ActionStatus.CANCELLED)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the store knows of one cluster, read in one go."""

    cluster: Cluster
    solo: bool
    nodes: dict[UUID, Node]
    profiles: Mapping[UUID, Profile]
    actions: tuple[Action, ...]
    probes: Mapping[UUID, Probe]
    bastion: Cluster | None
    cordoned: frozenset[str]
    as_left: bool  # nobody but us has been at work


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    snapshot: Snapshot
    fresh: tuple[Probe, ...]  # answers just got, not yet in the store
    rewritten: Set[UUID] = frozenset()  # the nodes of those of which an earlier one is there


async def gather(site: Site, cluster_id: UUID) -> Gathered | None:
    """Return what is to be decided on, or None if there is no such cluster any more."""
    remembered = site.memory.get(cluster_id)
    facts = await site.store.read(lambda tx: _facts(tx, cluster_id, remembered))
    if facts is None:
        return None
    reach = site.clouds.get(facts.cluster.cloud)
    if reach is None:
        raise Transient(f"no cloud is called {facts.cluster.cloud!r} here")
    listed, pool, record = await asyncio.gather(
        _servers(reach, facts, site.clock.now()),
        _pool(reach.cloud, facts),
        _record(reach.cloud, facts.cluster),
    )
    servers, elsewhere = await _without_moved(site, facts, listed)
    fresh = await _ask_starting(reach, facts, servers, site.clock.now())
    about = reach.cloud.about
    snapshot = Snapshot(
        now=site.clock.now(),
        cluster=facts.cluster,
        cloud=about,
        nodes=tuple(sorted(facts.nodes.values(), key=lambda node: node.index)),
        profiles=facts.profiles,
        servers=servers,
        solo=facts.solo,
        elsewhere=elsewhere,
        pool=pool,
        probes={**facts.probes, **{probe.node_id: probe for probe in fresh}},
        record=record,
        bastion=facts.bastion,
        actions=facts.actions,
        cordoned=facts.cordoned,
        tied=await _tied(reach.cloud, facts),
        limits=_limits(site, about, facts),
    )
    rewritten = facts.probes.keys() & {probe.node_id for probe in fresh}
    return Gathered(snapshot=snapshot, fresh=fresh, rewritten=rewritten)


def _limits(site: Site, about: About, facts: Facts) -> Limits:
    """Return what a pass may do; while a host is left, no more than places are found for."""
    usual = site.pace.limits(about)
    return replace(usual, creates=min(usual.creates, MANY)) if facts.cordoned else usual


def _facts(tx: Transaction, cluster_id: UUID, remembered: Remembered | None) -> Facts | None:
    who = subject(tx, cluster_id)
    if who is None:
        return None
    cluster = who.cluster
    as_left = remembered is not None and remembered.cluster == cluster
    known = remembered.nodes if remembered and as_left else None
    nodes = {node.id: node for node in members(tx, who)} if known is None else known
    profiles = remembered.profiles if remembered and as_left else {}
    actions = _actions(tx, who)
    return Facts(
        cluster=cluster,
        solo=who.solo,
        nodes=nodes,
        profiles=profiles or _profiles(tx, cluster, nodes.values(), actions),
        actions=actions,
        probes={probe.node_id: probe for probe in _probes(tx, cluster, nodes)},
        bastion=tx.solos.get(bastion_id(cluster.id)) if cluster.bastion else None,
        cordoned=cordon(tx, cluster.cloud),
        as_left=as_left,
    )


# Note [No news of the well]
# A node's row knows how its application was the last time. Where it was well, an answer that it
# is well tells nothing, and of such are nearly all. Nor is the first such answer of a member kept
# by itself: its row, written in the same moment, says so. What was asked at polled addresses is
# in the answers alone.
def _probes(tx: Transaction, cluster: Cluster, nodes: Mapping[UUID, Node]) -> Sequence[Probe]:
    """Return what applications have answered that may be news. See Note [No news of the well]."""
    ours = {"cluster_id": (cluster.id,)}
    if not (cluster.service or cluster.healing.visiting):
        return ()
    unsure = [id for id, node in nodes.items() if node.health.application is not Condition.GOOD]
    if cluster.healing.visiting or 2 * len(unsure) > len(nodes):
        return tx.probes.find(Query(where=ours))
    news = tx.probes.find(Query(where={**ours, "condition": (Condition.BAD.value,)}))
    if unsure:
        news += tx.probes.find(Query(where={"id": tuple(unsure)}))
    return news


def _actions(tx: Transaction, who: Subject) -> tuple[Action, ...]:
    ours = "target" if who.solo else "cluster_id"
    where = {ours: (who.cluster.id,), "status": _OPEN}
    found = tx.actions.find(Query(where=where, sort=(("created_at", False),)))
    trees = tuple(each.id for each in found if is_tree(each) and each.status is not _READY)
    if not trees:
        return tuple(found)
    known = {each.id: each for each in found}
    children = tx.actions.find(Query(where={ours: (who.cluster.id,), "parent": trees}))
    return tuple({**known, **{each.id: each for each in children}}.values())


def _profiles(
    tx: Transaction, cluster: Cluster, nodes: Iterable[Node], actions: Iterable[Action]
) -> Mapping[UUID, Profile]:
    ids = {cluster.profile_id, cluster.target, *(node.profile_id for node in nodes)}
    if cluster.rollout:
        ids |= {cluster.rollout.from_profile, cluster.rollout.to_profile}
    ids |= {id for each in actions if (id := profile_of(each))}
    ids |= guards_of(cluster)
    found = (tx.profiles.get(id) for id in sorted(ids))
    return {profile.id: profile for profile in found if profile}


async def _servers(reach: Reach, facts: Facts, now: datetime) -> Mapping[UUID, Server]:
    own = facts.cluster.id
    moved = (n for n in facts.nodes.values() if n.home or n.left_behind)
    homes = {tag for node in moved for tag in node.tags}
    if not facts.as_left:  # another may have deleted what we remember to have made
        reach.lookout.forget(own)
        for tag in homes:
            reach.lookout.distrust(tag)
    trust = reach.cloud.about.pace.look_every * 2
    servers = await reach.lookout.servers(own, now, trust)
    if not homes:
        return servers
    brought = await reach.lookout.servers_of(homes, now, trust)
    return {**servers, **{s.server_id: s for s in brought if _came_along(facts, s)}}


def _came_along(facts: Facts, server: Server) -> bool:
    node = facts.nodes.get(server.node_id)
    return node is not None and server.cluster_id in node.tags


async def _without_moved(
    site: Site, facts: Facts, servers: Mapping[UUID, Server]
) -> tuple[Mapping[UUID, Server], frozenset[UUID]]:
    """Leave out the servers that left with their nodes; name the nodes that left others behind.

    See Note [Home]. Nothing is read where every server belongs to a node that is here.
    """
    unknown = {s.node_id for s in servers.values() if s.node_id not in facts.nodes}
    if not unknown:
        return servers, frozenset()
    wanted = Query(where={"id": tuple(sorted(unknown))})
    there = await site.store.read(lambda tx: tx.nodes.find(wanted))
    gone_along = {node.server_id for node in there if node.home == facts.cluster.id}
    left = {id: server for id, server in servers.items() if id not in gone_along}
    return left, frozenset(node.id for node in there)


async def _tied(cloud: Cloud, facts: Facts) -> frozenset[UUID]:
    """Return whose volumes would stay behind on a host that is being left."""
    if not facts.cordoned or cloud.volumes is None:
        return frozenset()
    holders = tied_by(await cloud.volumes.list_volumes())
    return frozenset(each.id for each in facts.nodes.values() if is_tied(each, holders))


_MAY_END_A_POOL = frozenset({Verb.CLUSTER_DETACH_POLICY, Verb.CLUSTER_UPDATE_POLICY})


async def _pool(cloud: Cloud, facts: Facts) -> PoolSeen | None:
    """Return the pool of a cluster that serves, or did until a wish that is still open."""
    ends = any(each.verb in _MAY_END_A_POOL for each in facts.actions)
    if cloud.balancer is None or not (facts.cluster.service or ends):
        return None
    return await cloud.balancer.pool(facts.cluster.id)


# Note [Names can wait]
# A name server that is away must not keep a cluster from being healed. A name of which
# nothing is known is taken for unpublished, and publishing it is tried until that can be
# done. Only a cluster that goes waits for the server, for its name has to go with it.
async def _record(cloud: Cloud, cluster: Cluster) -> Record | None:
    """Return what stands under the cluster's name. See Note [Names can wait]."""
    if not (cloud.dns and cluster.service and cluster.service.dns_name):
        return None
    try:
        return await cloud.dns.record(cluster.service.dns_name)
    except DriverError as error:
        if cluster.leaving:
            raise
        log().warning("names.unknown", cluster=str(cluster.id), reason=error.text)
        return None


# Note [Starting]
# The regular probes come every few seconds, and a node that has just started should
# not wait for them, nor one whose cluster has begun to serve. So a pass asks those that
# run and of whom nothing is known yet, at most every 0.15 s per cluster. A bad answer is
# not held against them: how long a start may take is decided by the cluster's start
# timeout, not by counting answers.
async def _ask_starting(
    reach: Reach, facts: Facts, servers: Mapping[UUID, Server], now: datetime
) -> tuple[Probe, ...]:
    """Return the answers of those that are well now. See Note [Starting]."""
    cluster = facts.cluster
    asked = reach.asked.get(cluster.id)
    service = cluster.service
    if service is None or not service.asked or (asked and now - asked < ASK_EVERY):
        return ()
    questions = list(_questions(cluster.id, service, facts, servers))
    if not questions:
        reach.asked.pop(cluster.id, None)
        return ()
    reach.asked[cluster.id] = now
    answers = await reach.cloud.prober.ask(questions)
    well = (each for each in questions if answers.get(each.node_id, "no answer") is None)
    return tuple(_well(facts, each, now) for each in well)


def _well(facts: Facts, question: Question, now: datetime) -> Probe:
    """Return that an application is well, beside what polled addresses have said of it."""
    before = facts.probes.get(question.node_id)
    if before and before.server_id == question.server_id:
        return replace(before, condition=Condition.GOOD, at=now, failures=0, reason="")
    return Probe(
        node_id=question.node_id,
        server_id=question.server_id,
        cluster_id=facts.cluster.id,
        condition=Condition.GOOD,
        at=now,
    )


def _has_told(node: Node) -> bool:
    """Whether its row knows how its application is, or that it has begun to answer well."""
    application = node.health.application
    if node.ready_at is None:
        return application is Condition.GOOD
    return application is not Condition.UNKNOWN


def _questions(
    cluster_id: UUID, service: Service, facts: Facts, servers: Mapping[UUID, Server]
) -> Iterable[Question]:
    for node in facts.nodes.values():
        if node.leaving or _has_told(node):
            continue
        server, probe = servers.get(node.server_id), facts.probes.get(node.id)
        if server is None or server.seen is not Seen.RUNNING:
            continue
        if probe and probe.server_id == server.server_id and probe.condition is Condition.GOOD:
            continue
        yield question(service, node, server)
