"""What a node becomes when it joins a cluster or leaves one, and its own cluster that nobody sees.

See Note [Solo] and Note [Home].
"""

from dataclasses import replace
from datetime import datetime

from muster.base.copies import altered
from muster.model.cluster import Cluster, ClusterStatus, Healing
from muster.model.node import Node
from muster.model.rollout import Strategy, UpdateKind

_ALONE = Healing(enabled=False, max_tries=3)


def joined(node: Node, cluster: Cluster, now: datetime) -> Node:
    """Return the node as the next member of `cluster`, whose next index the caller raises."""
    return altered(
        node,
        cluster_id=cluster.id,
        index=cluster.next_index,
        home=None if node.tag == cluster.id else node.tag,
        updated_at=now,
    )


def left(node: Node, now: datetime) -> Node:
    """Return a member as it is once it belongs to no cluster: with its server, and at peace."""
    return altered(
        node,
        cluster_id=None,
        index=-1,
        home=None if node.tag == node.id else node.tag,
        leaving=None,
        standby=False,
        open_requests=0,
        updated_at=now,
    )


def alone(node: Node, cluster: Cluster, now: datetime) -> Cluster:
    """Return the cluster that looks after a node which has left `cluster`."""
    return replace(
        solo(node, cluster.cloud, now),
        settled_generation=1,
        status=ClusterStatus.ACTIVE,
        timeout_s=cluster.timeout_s,
        created_at=node.created_at or now,
    )


def solo(node: Node, cloud: str, now: datetime) -> Cluster:
    """Return the cluster that looks after a node which belongs to none, as its first wish."""
    return Cluster(
        id=node.id,
        project=node.project,
        user=node.user,
        domain=node.domain,
        name=node.name,
        cloud=cloud,
        profile_id=node.profile_id,
        desired=1,
        healing=_ALONE,
        strategy=Strategy(kind=UpdateKind.IN_PLACE),
        init_at=now,
        updated_at=now,
    )
