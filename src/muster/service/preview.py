"""Plan without committing: what a wish would do to a cluster, from the planner itself."""

import asyncio
from collections.abc import Sequence

from muster.decide.foresee import foresee
from muster.model.cluster import Cluster
from muster.model.node import Node, bastion_id
from muster.model.observed import Server
from muster.model.plan import Snapshot
from muster.model.profile import Profile
from muster.ports.cloud import Cloud
from muster.ports.store import Query, Transaction
from muster.service.desk import Desk
from muster.service.intent import Foretold


async def foretell(
    desk: Desk,
    imagined: Cluster,
    profiles: Sequence[Profile],
    stamp: str,
    changed: Sequence[Node] = (),
) -> Foretold:
    """Return what the engine would do if the cluster were as imagined.

    The rest is as it is now: nodes and probes from the store, servers and pool from the
    cloud. Nothing is written.
    """
    cloud = desk.cloud(imagined.cloud)
    servers = await _servers(desk, cloud, imagined)
    offers = imagined.service and cloud.balancer
    pool = await cloud.balancer.pool(imagined.id) if offers and cloud.balancer else None
    name = imagined.service.dns_name if imagined.service else ""
    record = await cloud.dns.record(name) if name and cloud.dns else None

    def snapshot(tx: Transaction) -> Snapshot:
        mine = Query(where={"cluster_id": (imagined.id,)})
        nodes = {each.id: each for each in (*tx.nodes.find(mine), *changed)}
        return Snapshot(
            now=desk.clock.now(),
            cluster=imagined,
            cloud=cloud.about,
            nodes=tuple(sorted(nodes.values(), key=lambda each: each.index)),
            profiles={each.id: each for each in profiles},
            servers={each.server_id: each for each in servers},
            pool=pool,
            probes={each.node_id: each for each in tx.probes.find(mine)},
            record=record,
            bastion=tx.solos.get(bastion_id(imagined.id)) if imagined.bastion else None,
        )

    now = await desk.store.read(snapshot)
    seen = await asyncio.to_thread(foresee, now)  # a large cluster takes a while
    return Foretold(steps=seen.steps, loses=seen.loses, reversible=seen.reversible, stamp=stamp)


async def _servers(desk: Desk, cloud: Cloud, cluster: Cluster) -> list[Server]:
    """Return the members' servers, those that they brought along too. See Note [Home]."""
    mine = Query(where={"cluster_id": (cluster.id,)})
    nodes = await desk.store.read(lambda tx: tx.nodes.find(mine))
    tags = {cluster.id, *(tag for node in nodes for tag in node.tags)}
    listed = [await cloud.compute.list_servers(tag) for tag in sorted(tags)]
    members = {node.id for node in nodes}
    return [server for each in listed for server in each if server.node_id in members]
