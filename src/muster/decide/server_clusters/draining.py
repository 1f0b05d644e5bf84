"""Whether nodes of clusters have left a server."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from muster.decide.server_clusters.jobs import Came
from muster.model.cluster import Cluster
from muster.model.node import Node

LOOK_S = 1.0


def left(standing: Sequence[tuple[Cluster, Node]], since: timedelta, within: timedelta) -> Came:
    """Return what came of draining a server, so long after it began; in time all is over."""
    if not standing:
        return Came()
    counts = Counter(cluster.name for cluster, _ in standing)
    said = ", ".join(f"{count} of '{name}'" for name, count in sorted(counts.items()))
    if since >= within:
        return Came(said=f"still there after {within}, and moved as they are: {said}")
    return Came(waits_s=LOOK_S, waits_for=f"nodes of clusters leave: {said}")
