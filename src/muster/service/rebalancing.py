"""What would better stand elsewhere on a cloud: worked out, and left to whoever asked."""

import asyncio
from collections.abc import Collection
from datetime import datetime

from muster.base.errors import Invalid, Unsupported
from muster.decide.server_clusters.lanes import closed
from muster.decide.spots.fleet import Records, fleet_of
from muster.decide.spots.rebalance import proposal, wrong
from muster.decide.vclusters.claims import in_force
from muster.model.cluster import Cluster
from muster.model.placing import Answer, Limit, Placed
from muster.model.rebalancing import Fleet, Proposal
from muster.model.reservation import without
from muster.ports.store import Query, Transaction
from muster.service.clouds import show
from muster.service.desk import Desk

LIMIT = Limit(work=5.0, seconds=5.0, relaxations=0)
FEW = 500  # nodes: more are looked at in a thread, so that others get a word in meanwhile


async def proposed(desk: Desk, cloud: str, away: Collection[str] = ()) -> Proposal:
    """Return which nodes of a cloud are worth moving. Nothing is moved, claimed or written down.

    All that can move leaves the hosts that are `away`. Raises `NotFound` for a cloud that is not
    there, `Invalid` for a host that is not, `Unsupported` for a cloud that does not tell of them.
    """
    fleet = await _fleet(desk, cloud, away)
    answer = await _righted(desk, fleet)
    if len(fleet.standing) < FEW:
        return proposal(fleet, answer)
    return await asyncio.to_thread(proposal, fleet, answer)


async def _fleet(desk: Desk, name: str, away: Collection[str]) -> Fleet:
    show(desk, name)
    cloud = desk.clouds[name]
    if cloud.hosts is None:
        raise Unsupported(f"cloud {name} does not tell what its hosts have free")
    mine = Query(where={"name": (name,)})
    servers = await desk.store.read(lambda tx: tx.server_clusters.find(mine))
    room = without(await cloud.hosts.room(), closed(servers))
    there = {host.id for host in room.hosts}
    if unknown := sorted({*away} - there):
        text = f"there is no host '{unknown[0]}'; there is {', '.join(sorted(there))}"
        raise Invalid(text, field="away")
    volumes = await cloud.volumes.list_volumes() if cloud.volumes else ()
    now = desk.clock.now()
    records = await desk.store.read(lambda tx: records_of(tx, name, now))
    return fleet_of(cloud.about, room, records, volumes, away)


async def _righted(desk: Desk, fleet: Fleet) -> Answer | None:
    """Return how broken rules are put right with the fewest moves, None where none is broken."""
    answer: Answer | None = None
    for problem in wrong(fleet):
        answer = await desk.solver.solve(problem, LIMIT)
        if isinstance(answer, Placed):
            break
    return answer


def records_of(tx: Transaction, cloud: str, now: datetime) -> Records:
    mine = Query(where={"cloud": (cloud,)})
    clusters, solos = tx.clusters.find(mine), tx.solos.find(mine)
    within = Query(where={"cluster_id": tuple(each.id for each in clusters)})
    alone = Query(where={"id": tuple(each.id for each in solos)})
    nodes = (*tx.nodes.find(within), *tx.nodes.find(alone))
    profiles = tx.profiles.find(Query(where={"id": tuple({each.profile_id for each in nodes})}))
    keepers: list[Cluster] = [*clusters, *solos]
    return Records(
        clusters=keepers,
        nodes=nodes,
        profiles={each.id: each for each in profiles},
        vclusters=tx.vclusters.find(mine),
        claims=in_force(tx.reservations.find(mine), now),
    )
