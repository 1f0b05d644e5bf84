"""Hosts that are being left, as the journals of their clusters' jobs have it, and who is there."""

from datetime import datetime, timedelta

from muster.decide.cordon import bound, is_idle
from muster.decide.server_clusters.lanes import closed
from muster.model.cluster import Cluster
from muster.model.node import Node, NodeStatus
from muster.ports.store import Query, Transaction

UNSURE = timedelta(seconds=5)  # by which clocks may differ, and a pass's time from its commit's


def cordon(tx: Transaction, cloud: str) -> frozenset[str]:
    """Return the hosts of a cloud that take nothing. See Note [Cordoned by the journal]."""
    return closed(tx.server_clusters.find(Query(where={"name": (cloud,)})))


def standing(
    tx: Transaction, cloud: str, host: str, since: datetime | None
) -> list[tuple[Cluster, Node]]:
    """Return the nodes of clusters that are to leave a host, and those that may yet come to it.

    Those are the ones asked for before it was cordoned that nobody has seen so far.
    """
    clusters = {each.id: each for each in tx.clusters.find(Query(where={"cloud": (cloud,)}))}
    nodes = tx.nodes.find(Query(where={"cluster_id": tuple(clusters)})) if clusters else ()
    there = [n for n in nodes if n.host == host or _may_come(n, since)]
    named = tuple({each.profile_id for each in there})
    profiles = tx.profiles.find(Query(where={"id": named})) if named else ()
    known = {each.id: each for each in profiles}
    return [
        (clusters[each.cluster_id], each)
        for each in there
        if each.cluster_id and not is_idle(each) and not bound(each, known.get(each.profile_id))
    ]


def _may_come(node: Node, since: datetime | None) -> bool:
    asked = node.began_at is not None and (since is None or node.began_at <= since + UNSURE)
    return asked and not node.host and node.status is NodeStatus.CREATING and not node.retry_at
