"""Spots: hosts found for the steps of a plan before they are run."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from muster.base.copies import altered
from muster.base.errors import DriverError, Stale
from muster.decide.placement.solve import solve
from muster.decide.spots.seats import Setting, at_most, places, problem, setting, why_not
from muster.decide.spots.wants import Ground, Want, asks_for_hosts, claim, eased, wants
from muster.decide.vclusters.claims import in_force, left, overdrawn
from muster.engine.run import run_steps
from muster.engine.site import Reach, Site
from muster.model.node import Node
from muster.model.placement import Affinity, Group
from muster.model.placing import Answer, Limit, Placed, Problem
from muster.model.plan import Snapshot
from muster.model.reservation import Reservation, arrival_id, without
from muster.model.step import CreateServer, Done, OperateServer, Outcome, Retry, Step
from muster.ports.hosts import Hosts
from muster.ports.store import Query, Transaction

LIMIT = Limit(work=1.0, seconds=2.0, why=False)
TRIES = 5  # to find hosts that nobody else claims meanwhile

Spots = Mapping[UUID, str]  # of servers: their hosts
Claims = Mapping[UUID, Reservation]  # by server


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Hosts are looked for, for the steps of one pass, at one moment."""

    site: Site
    hosts: Hosts
    snapshot: Snapshot
    steps: Sequence[Step]
    now: datetime


async def run_on_hosts(site: Site, snapshot: Snapshot, steps: Sequence[Step]) -> list[Outcome]:
    """Return how each step ended. Those that want a host run on the one that is found for them.

    What has none is not asked of the cloud: it is tried again, like what the cloud has refused.
    """
    reach, cluster = site.clouds[snapshot.cluster.cloud], snapshot.cluster
    hosts = reach.cloud.hosts
    if hosts is None or not asks_for_hosts(snapshot, steps):
        return await run_steps(reach, cluster, steps)
    now = site.clock.now()
    search = Search(site=site, hosts=hosts, snapshot=snapshot, steps=steps, now=now)
    found, refused = await _looked_for(search)
    todo = [number for number in range(len(steps)) if number not in refused]
    sent = [_on(steps[number], found.get(number, "")) for number in todo]
    outcomes = dict(zip(todo, await run_steps(reach, cluster, sent), strict=True))
    made = {number for number, outcome in outcomes.items() if isinstance(outcome, Done)}
    await _let_go(search, found, made)
    return [outcomes.get(n) or Retry(refused[n]) for n in range(len(steps))]


async def _looked_for(search: Search) -> tuple[Mapping[int, str], Mapping[int, str]]:
    """Return the hosts found for steps, by their number, and why others have none.

    What was found is claimed; where somebody else was quicker, it is looked for again.
    """
    snapshot, steps = search.snapshot, search.steps
    group = snapshot.cluster.placement.group
    for _ in range(TRIES):
        try:
            ground = await _ground(search)
            wanting = wants(snapshot, steps, ground)
            claims = await _found(search, ground, wanting)
            await search.site.store.write(
                partial(_claim, search=search, ground=ground, claims=claims)
            )
        except Stale:
            search = replace(search, now=search.site.clock.now())
            continue
        except DriverError as error:
            strict = group or snapshot.cordoned
            made = [n for n, each in enumerate(steps) if strict and isinstance(each, CreateServer)]
            return {}, dict.fromkeys(made, error.text)
        return _told(setting(ground, group, wanting), wanting, claims)
    return {}, dict.fromkeys((want.step for want in wanting), "others took the hosts meanwhile")


def _told(
    scene: Setting, wanting: Sequence[Want], claims: Claims
) -> tuple[Mapping[int, str], Mapping[int, str]]:
    found = {want.step: claims[want.id].host for want in wanting if want.id in claims}
    return found, {w.step: why_not(scene, w) for w in wanting if w.step not in found}


def _claim(tx: Transaction, search: Search, ground: Ground, claims: Claims) -> None:
    """Record the claims. Raises `Stale` where somebody has come first."""
    if not claims:
        return
    cluster, now = search.snapshot.cluster, search.now
    # As in Note [Names one at a time]; no clock of another machine keeps the row from changing.
    tx.leases.take("vclusters", str(cluster.id), now + timedelta(days=1), now)
    every = tx.reservations.find(Query(where={"cloud": (cluster.cloud,)}))
    mine = {each.id for each in claims.values()}
    others = [each for each in in_force(every, now) if each.id not in mine]
    hosts = [replace(host, open=True) for host in left(ground.room, others)]
    if short := overdrawn(hosts, list(claims.values())):
        raise Stale(short[0])
    if _company(tx, search, others) - ground.group.items() - _own(search, ground):
        raise Stale("others of the group have come")
    tx.reservations.put(*claims.values())


def _own(search: Search, ground: Ground) -> set[tuple[UUID, str]]:
    return {(each.id, each.host) for each in ground.claims} | {
        (each.server_id, each.host) for each in search.snapshot.servers.values()
    }


async def _let_go(search: Search, found: Collection[int], made: Collection[int]) -> None:
    """Give back what was claimed for steps that came to nothing, and for who has arrived."""
    steps = {number: search.steps[number] for number in found}
    ids = {
        each.order.server_id
        for number, each in steps.items()
        if isinstance(each, CreateServer) and number not in made
    }
    nodes = {each.node_id for each in steps.values() if isinstance(each, OperateServer)}
    ids |= {arrival_id(n.server_id) for n in search.snapshot.nodes if n.id in nodes}
    if ids:
        await search.site.store.write(lambda tx: tx.reservations.drop(*ids))


async def _ground(search: Search) -> Ground:
    site, snapshot = search.site, search.snapshot
    cluster, now = snapshot.cluster, search.now
    room = await search.hosts.room()
    claims, company = await site.store.read(lambda tx: _kept(tx, search))
    return Ground(
        room=without(room, snapshot.cordoned),
        claims=tuple(in_force(claims, now)),
        standing={each.server_id: each.host for each in snapshot.servers.values() if each.host},
        group={id: host for id, host in company if _is_other(snapshot, id)},
        lying=await _lying(site.clouds[cluster.cloud], snapshot),
    )


def _is_other(snapshot: Snapshot, server_id: UUID) -> bool:
    server = snapshot.servers.get(server_id)
    return server is None or not server.host


def _kept(tx: Transaction, search: Search) -> tuple[list[Reservation], set[tuple[UUID, str]]]:
    cluster = search.snapshot.cluster
    every = tx.reservations.find(Query(where={"cloud": (cluster.cloud,)}))
    claims = in_force(every, search.now)
    return claims, _company(tx, search, claims)


def _company(
    tx: Transaction, search: Search, claims: Sequence[Reservation]
) -> set[tuple[UUID, str]]:
    """Return who is of the cluster's group, or comes, on which host; of others as well."""
    cluster, group = search.snapshot.cluster, search.snapshot.cluster.placement.group
    if group is None:
        return set()
    found = {(each.id, each.host) for each in claims if each.group == group.id}
    for other in tx.clusters.find(
        Query(project=cluster.project, where={"cloud": (cluster.cloud,)})
    ):
        shared = other.placement.group
        if other.id == cluster.id or shared is None or shared.id != group.id:
            continue
        nodes: Sequence[Node] = tx.nodes.find(Query(where={"cluster_id": (other.id,)}))
        found |= {(node.server_id, node.host) for node in nodes if node.host}
    return found


async def _lying(reach: Reach, snapshot: Snapshot) -> Spots:
    """Return where most of what was given to a node lies, for nodes that had a server before."""
    again = any(node.incarnation > 1 for node in snapshot.nodes)
    if reach.cloud.volumes is None or not again:
        return {}
    volumes = await reach.cloud.volumes.list_volumes()
    return {each.node_id: each.host for each in volumes if each.node_id and not each.shared}


# Note [As many as can be]
# Where not all that are missing have a place, as many as can be are made, the first ones first.
# What no room was found for when all wishes were kept is looked at once more without those that
# are only wishes: its share of a zone, and the host where its volumes lie.
async def _found(search: Search, ground: Ground, wanting: Sequence[Want]) -> Claims:
    """Return what servers hold on the hosts found. See Note [As many as can be]."""
    cluster, now = search.snapshot.cluster, search.now
    group, found = cluster.placement.group, dict[UUID, Reservation]()
    for strict in (True, False):
        waiting = [w if strict else eased(w) for w in wanting if w.id not in found]
        if not waiting or (not strict and _same(waiting, wanting, group)):
            continue
        spots = await _most(search.site, ground, group, waiting, strict=strict)
        claims = {w.id: claim(w, cluster, spots[w.id], now) for w in waiting if w.id in spots}
        ground = replace(
            ground,
            claims=(*(c for c in ground.claims if c.id not in spots), *claims.values()),
            group={**ground.group, **spots},
        )
        found |= claims
    return found


def _same(left: Sequence[Want], wanting: Sequence[Want], group: Group | None) -> bool:
    """Return whether nothing that is only wished for could be left out."""
    soft = group is not None and group.affinity is Affinity.SOFT_AFFINITY
    before = {want.id: want for want in wanting}
    return not soft and all(before[want.id] == want for want in left)


async def _most(
    site: Site, ground: Ground, group: Group | None, wanting: Sequence[Want], *, strict: bool
) -> dict[UUID, str]:
    """Return hosts for as many of the first ones as there is an answer for."""
    scene = setting(ground, group, wanting, strict=strict)
    best: dict[str, str] = {}
    least, most = 0, at_most(scene, wanting)
    size = most
    while least < most:
        answer = await _answer(site, problem(scene, wanting[:size]))
        if isinstance(answer, Placed):
            best, least = places(answer.places), size
        else:
            most = size - 1
        size = (least + most + 1) // 2
    return {want.id: best[str(want.id)] for want in wanting if str(want.id) in best}


async def _answer(site: Site, asked: Problem) -> Answer:
    if site.solver is None:
        return await asyncio.to_thread(solve, asked, LIMIT)
    return await site.solver.solve(asked, LIMIT)


def _on(step: Step, host: str) -> Step:
    """Return the step with the host that was found for it, if one was."""
    match step:
        case CreateServer() if host:
            return altered(step, order=altered(step.order, host=host, zone=""))
        case OperateServer() if host:
            return altered(step, params={**step.params, "host": host})
    return step
