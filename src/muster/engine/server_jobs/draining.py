"""How nodes of clusters leave a server before it is evacuated: others are made before."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from muster.decide.server_clusters.draining import left
from muster.decide.server_clusters.jobs import Came
from muster.engine.server_jobs.caring import is_needed
from muster.engine.server_jobs.scene import Scene


async def need_before(scene: Scene) -> Mapping[str, Any]:
    return {"needed": await is_needed(scene)}


async def drain(scene: Scene) -> Came:
    """Wait until no node of a cluster that could leave is there, or their time is over."""
    entry = scene.entry
    kept = entry.kept or await need_before(scene)  # nobody could tell before it began
    if not kept["needed"]:
        return Came(kept=kept)
    since = scene.now - (entry.begun_at or scene.now)
    return left(scene.standing, since, timedelta(seconds=float(entry.body["within_s"])))
