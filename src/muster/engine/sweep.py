"""Sweeping: every cluster is looked at once in a while, and what no cluster has is removed."""

from datetime import timedelta
from uuid import UUID

from muster.base.errors import DriverError
from muster.base.log import log
from muster.engine.site import Reach, Site
from muster.model.cluster import Cluster
from muster.ports.store import Query, Transaction

AT_ONCE = 32  # so few need no spreading


async def mark_all(site: Site) -> None:
    """Have every cluster looked at, spread over half the time until the next sweep."""
    now = site.clock.now()
    half = timedelta(seconds=site.pace.sweep_every_s / 2)

    def work(tx: Transaction) -> None:
        ids = [each.id for rows in (tx.clusters, tx.solos) for each in rows.find(Query())]
        ids += [each.id for each in tx.vclusters.find(Query())]
        for place, id in enumerate(ids):
            share = place / len(ids) if len(ids) > AT_ONCE else 0.0
            tx.marks.mark(id, due=now + half * share)

    await site.store.write(work)


async def release(site: Site) -> None:
    """Drop the claims on hosts whose time is up."""
    now = site.clock.now()

    def work(tx: Transaction) -> None:
        every = tx.reservations.find(Query())
        tx.reservations.drop(*(each.id for each in every if each.until and each.until <= now))

    await site.store.write(work)


# Note [Listed first]
# A pool or a record is made only after its cluster's row, and the row goes only after
# them; a way is made only for the server that a node's row names. So what was listed
# before the rows were read and has no row, is nobody's.
async def tidy(site: Site, reach: Reach) -> None:
    """Remove pools, names and ways that nobody has. See Note [Listed first]."""
    try:
        await _pools(site, reach)
        await _records(site, reach)
        await _ways(site, reach)
    except DriverError as error:
        log(cloud=reach.cloud.about.name).warning("sweep.setback", reason=error.text)


async def _pools(site: Site, reach: Reach) -> None:
    balancer = reach.cloud.balancer
    if balancer is None:
        return
    listed = await balancer.list_pools()
    clusters = await _clusters(site)
    for cluster_id in listed:
        cluster = clusters.get(cluster_id)
        if cluster is None or cluster.service is None:
            await balancer.remove_pool(cluster_id)
            log(cluster=str(cluster_id)).info("sweep.pool_removed")


async def _records(site: Site, reach: Reach) -> None:
    dns = reach.cloud.dns
    if dns is None:
        return
    listed = await dns.list_records()
    clusters = await _clusters(site)
    for record in listed:
        cluster = clusters.get(record.owner)
        named = cluster and cluster.service and cluster.service.dns_name == record.name
        if not named:
            await dns.drop_record(record.name, record.owner)
            log(name=record.name).info("sweep.record_removed")


async def _ways(site: Site, reach: Reach) -> None:
    ways = reach.cloud.ways
    if ways is None or not (listed := await ways.list_ways()):
        return
    nodes = await site.store.read(lambda tx: tx.nodes.find(Query()))
    for server_id in set(listed) - {each.server_id for each in nodes}:
        await ways.close_ways(server_id)
        log(server=str(server_id)).info("sweep.ways_closed")


async def _clusters(site: Site) -> dict[UUID, Cluster]:
    def everybody(tx: Transaction) -> list[Cluster]:
        return [*tx.clusters.find(Query()), *tx.solos.find(Query())]

    return {each.id: each for each in await site.store.read(everybody)}
