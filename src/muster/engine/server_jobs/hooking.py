"""Whoever has to know is told before something is done to a server in turn, and after it."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid5

from muster.base.errors import Permanent
from muster.decide.server_clusters.jobs import Came
from muster.engine.server_jobs.caring import is_needed, need_before
from muster.engine.server_jobs.scene import OVER, Scene
from muster.model.server_job import BEFORE, Entry, EntryStatus, Verb

_DOINGS = frozenset({Verb.UPDATE, Verb.REBOOT})


async def due_before(scene: Scene) -> Mapping[str, Any]:
    return await need_before(scene) if scene.entry.what == BEFORE else {}


# Note [A hook lets servers go]
# What storage and others have to be told before a server goes (Ceph: that nothing is to be moved
# meanwhile) differs from place to place. So a URL of theirs is told, and what it answers decides:
# that it is well, that it is to be asked again later, or that the round is to stop. It is told of
# the end wherever it was told of the beginning, also where the round is cancelled in between.
async def ask(scene: Scene) -> Came:
    """Tell a hook, and go on once it says so. See Note [A hook lets servers go]."""
    body = scene.entry.body
    due = await is_needed(scene) if scene.entry.what == BEFORE else _is_owed(scene)
    if not due:
        return OVER
    if scene.hooks is None:
        raise Permanent("nobody here tells hooks anything")
    token = uuid5(scene.job_id, f"{scene.entry.server}/{body['doing']}/{scene.entry.what}")
    said: dict[str, Any] = {
        "token": str(token),
        "cluster": scene.cluster.name,
        "server": scene.entry.server,
        "operation": body["doing"],
        "when": scene.entry.what,
    }
    if scene.entry.what != BEFORE:
        said["done"] = any(each.status is EntryStatus.DONE for each in _mine(scene, _DOINGS))
    await scene.hooks.send(str(body["url"]), token, said)
    return Came(kept={"told": True})


def _is_owed(scene: Scene) -> bool:
    """Return whether something was done to the server, or was about to be."""
    told = any(each.kept.get("told") for each in _mine(scene, frozenset({Verb.HOOK})))
    return told or any(_is_at(each) for each in _mine(scene, _DOINGS))


def _is_at(entry: Entry) -> bool:
    return bool(entry.kept.get("ordered"))


def _mine(scene: Scene, verbs: frozenset[Verb]) -> list[Entry]:
    return [each for each in scene.mine if each.verb in verbs]
