"""Wishes as the service writes them, without a service."""

from datetime import datetime
from uuid import uuid5

from muster.model.action import Action, Verb
from muster.model.cluster import Cluster
from muster.ports.store import Store, Transaction


async def wished(store: Store, cluster: Cluster, verb: Verb, now: datetime) -> Action:
    """Write down the cluster as it is wished, the wish, and the mark; return the wish."""
    action = Action(
        id=uuid5(cluster.id, f"wish/{cluster.generation}"),
        name=verb.lower(),
        verb=verb,
        target=cluster.id,
        cluster_id=cluster.id,
        project=cluster.project,
        user=cluster.user,
        generation=cluster.generation,
        created_at=now,
    )

    def work(tx: Transaction) -> None:
        tx.clusters.put(cluster)
        tx.actions.put(action)
        tx.marks.mark(cluster.id)

    await store.write(work)
    return action
