"""Clouds of clusters of servers: rows that follow their clusters."""

from datetime import datetime, timedelta
from uuid import UUID

from muster.base.ids import new_id
from muster.decide.server_clusters.clouds import Face, cloud_of, follows
from muster.engine.site import Site
from muster.model.admission import Admitted, cloud_id
from muster.model.event import About, Event
from muster.model.server_cluster import ServerCluster
from muster.ports.agent import OUR_CERTIFICATE, OUR_KEY
from muster.ports.store import Query, Transaction

AFRESH = timedelta(seconds=30)  # servers may have got other addresses, without any job


# Note [Clouds follow their clusters]
# The row of a cluster's cloud is written in the transaction that ends the step by which the
# cluster becomes ready, or changes: there is no moment at which one is there without the other,
# and nothing to resume. That its Incus trusts us is a step before, in the journal as every other.
# What changes without a step (a name, an address, the wish for a cloud) is seen soon after.
def follow(tx: Transaction, id: UUID, now: datetime) -> None:
    """Have the cloud of a cluster be as the cluster is. See Note [Clouds follow their clusters]."""
    due = _due(tx, id, now)
    if due is None:
        return
    kind = "cloud.changed" if tx.clouds.get(due.id) else "cloud.added"
    tx.clouds.put(due)
    tx.events.append(
        Event(
            id=new_id(),
            at=now,
            kind=kind,
            otype=About.CLOUD,
            oid=due.id,
            oname=due.name,
            project="",
        )
    )


class Followed:
    """Which clusters have been looked at, as they are now."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._seen: dict[UUID, int] = {}  # the generation of each at the last look
        self._again_at: datetime | None = None

    async def follow(self, clusters: list[ServerCluster]) -> None:
        """Have the clouds of clusters that have changed be as those are."""
        now = self._site.clock.now()
        if self._again_at is None or now >= self._again_at:
            self._seen, self._again_at = {}, now + AFRESH
        for each in clusters:
            if self._seen.get(each.id) != each.generation:
                await self._follow_one(each.id, now)
        self._seen = {each.id: each.generation for each in clusters}

    async def _follow_one(self, id: UUID, now: datetime) -> None:
        store = self._site.store
        if await store.read(lambda tx: _due(tx, id, now)):
            await store.write(lambda tx: follow(tx, id, now))


def _due(tx: Transaction, id: UUID, now: datetime) -> Admitted | None:
    """Return the row of a cluster's cloud that has to be written, if any has."""
    cluster, face = tx.server_clusters.get(id), _face(tx)
    if cluster is None or face is None:
        return None
    machines = tx.machines.find(Query(where={"cluster": (cluster.name,)}))
    wanted = cloud_of(cluster, machines, face, now)
    return follows(tx.clouds.get(cloud_id(cluster.name)), wanted) if wanted else None


def _face(tx: Transaction) -> Face | None:
    certificate, key = tx.settings.get(OUR_CERTIFICATE), tx.settings.get(OUR_KEY)
    return Face(certificate=certificate, key=key) if certificate and key else None
