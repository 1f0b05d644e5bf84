"""How nodes of clusters leave a server before it is evacuated: others are made before."""

from collections.abc import Sequence
from datetime import timedelta

from muster.decide.server_clusters.draining import left
from muster.decide.server_clusters.jobs import Came
from muster.decide.spots.fleet import is_tied, tied_by
from muster.engine.server_jobs.caring import need_before
from muster.engine.server_jobs.scene import Scene
from muster.model.cluster import Cluster
from muster.model.node import Node


async def drain(scene: Scene) -> Came:
    """Wait until no node of a cluster that could leave is there, or their time is over."""
    entry = scene.entry
    kept = entry.kept or await need_before(scene)  # nobody could tell before it began
    if not kept["needed"]:
        return Came(kept=kept)
    since = scene.now - (entry.begun_at or scene.now)
    within = timedelta(seconds=float(entry.body["within_s"]))
    there = scene.standing if since >= within else await _leaving(scene)
    return left(there, since, within)


async def _leaving(scene: Scene) -> Sequence[tuple[Cluster, Node]]:
    """Return the nodes that are to leave without those that have volumes there, and stay."""
    if not scene.standing or scene.volumes is None:
        return scene.standing
    tied = tied_by(await scene.volumes.list_volumes())
    return [(cluster, node) for cluster, node in scene.standing if not is_tied(node, tied)]
