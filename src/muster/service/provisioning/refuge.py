"""Whether nodes of clusters would have a place elsewhere while servers are away."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from muster.decide.placement.solve import solve
from muster.decide.server_clusters.preflight import Finding
from muster.decide.spots.fleet import Records, tied_by
from muster.decide.spots.refuge import (
    busiest,
    capped,
    elsewhere,
    homeless,
    kept_there,
    parties,
    wanted,
)
from muster.decide.spots.seats import places, problem
from muster.decide.spots.wants import claim
from muster.model.cloud import About
from muster.model.placing import Answer, Impossible, Limit, Placed, Problem
from muster.model.reservation import Room
from muster.service.desk import Desk
from muster.service.rebalancing import records_of

LIMIT = Limit(work=1.0, seconds=2.0, relaxations=0, why=False)


async def homeless_on(
    desk: Desk, cloud: str, names: Sequence[str], at_once: int
) -> tuple[Finding, ...]:
    """Return which nodes of clusters could not leave these hosts, so many of them away at once.

    Where the cloud is none of Muster's, or tells nothing of its hosts, there is nothing to say.
    """
    there = desk.clouds.get(cloud)
    if there is None or there.hosts is None:
        return ()
    records = await desk.store.read(lambda tx: records_of(tx, cloud, desk.clock.now()))
    if not list(parties(names, records, movable=False)):
        return ()
    room = await there.hosts.room()
    volumes = await there.volumes.list_volumes() if there.volumes else ()
    found = list(kept_there(names, records, tied_by(volumes)))
    away = [(name,) for name in names] if at_once == 1 else [busiest(names, records, at_once)]
    for each in away:
        found += await _without_place(desk, there.about, each, records, room)
    return tuple(found)


async def _without_place(
    desk: Desk, about: About, away: Sequence[str], records: Records, room: Room
) -> list[Finding]:
    """Return for which clusters there is no place elsewhere, what others need being theirs."""
    found: list[Finding] = []
    for party in parties(away, records):
        if at_most := capped(party, away):
            found.append(at_most)
            continue
        wants = wanted(party, records, about)
        scene = elsewhere(party, wants, records, room, away)
        answer = await _answer(desk, problem(scene, wants)) if wants else None
        if isinstance(answer, Placed):
            hosts, now = places(answer.places), desk.clock.now()
            taken = (claim(each, party.cluster, hosts[str(each.id)], now) for each in wants)
            records = replace(records, claims=(*records.claims, *taken))
        elif isinstance(answer, Impossible):
            found.append(homeless(party, scene, wants, away))
    return found


async def _answer(desk: Desk, asked: Problem) -> Answer:
    if desk.placer is None:
        return await asyncio.to_thread(solve, asked, LIMIT)
    return await desk.placer.solve(asked, LIMIT)
