"""How nodes of clusters leave a server before it is evacuated: others are made before."""

from datetime import timedelta

from muster.decide.server_clusters.draining import left
from muster.decide.server_clusters.jobs import Came
from muster.engine.server_jobs.caring import is_needed
from muster.engine.server_jobs.scene import OVER, Scene


async def drain(scene: Scene) -> Came:
    """Wait until no node of a cluster that could leave is there, or their time is over."""
    entry = scene.entry
    if not await is_needed(scene):
        return OVER
    since = scene.now - (entry.begun_at or scene.now)
    return left(scene.standing, since, timedelta(seconds=float(entry.body["within_s"])))
