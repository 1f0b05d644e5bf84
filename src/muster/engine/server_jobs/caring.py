"""How servers of a cluster are updated, evacuated, rebooted and restored, one step at a time."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from muster.base.errors import Permanent, Transient
from muster.decide.server_clusters.jobs import Came
from muster.decide.server_clusters.rolling import MEMBERS, spared, votes
from muster.engine.server_jobs.scene import (
    CALL_S,
    OVER,
    SOON_S,
    Scene,
    as_object,
    ended,
    found,
    is_operation,
)
from muster.model.server_job import Verb
from muster.ports.agent import Order

_GOING_DOWN = timedelta(seconds=30)  # who has said that it reboots may answer for so long
_EVACUATING = "Evacuating cluster member"
_RESTORING = "Restoring cluster member"
_ALREADY = "already"  # as Incus says of what is so, or is on its way
_BEGINNINGS = 3  # of an evacuation or a restoring that came to nothing
_UPDATING_S = 5.0
_UNSURE_S = 5.0  # by which two clocks may differ


async def _state(scene: Scene) -> Mapping[str, Any]:
    path = f"/1.0/cluster/members/{scene.machine.name}"
    return as_object(await scene.found(path))


# Note [Its status comes first]
# A member is Evacuated from the moment its evacuation begins, so that says nothing of its end.
# What is waited for is the operation. Where its id was lost with us, it is looked for among those
# that run; where none does, the status is true.
async def evacuate(scene: Scene) -> Came:
    """Have everything leave a member. See Note [Its status comes first]."""
    if scene.entry.kept.get("operation"):
        return await _over(scene)
    if not await is_needed(scene):
        return OVER
    if running := await _running(scene, _EVACUATING):
        return Came(kept={"operation": running}, waits_s=SOON_S)
    if (await _state(scene)).get("status") == "Evacuated":
        return OVER
    return await _begin(scene, {"action": "evacuate", "mode": scene.entry.body.get("mode", "")})


async def restore(scene: Scene) -> Came:
    """Have a member take back what has left it; with mode "skip" only what is new."""
    if scene.entry.kept.get("operation"):
        return await _over(scene)
    if running := await _running(scene, _RESTORING):
        return Came(kept={"operation": running}, waits_s=SOON_S)
    if (await _state(scene)).get("status") not in ("Evacuated", "Restoring"):
        return OVER
    return await _begin(scene, {"action": "restore", "mode": scene.entry.body.get("mode", "")})


async def _begin(scene: Scene, body: Mapping[str, Any]) -> Came:
    path = f"/1.0/cluster/members/{scene.machine.name}/state"
    order = Order(path=path, method="POST", body=dict(body), within_s=30.0)
    try:
        said = await scene.agents.call(scene.line, order)
    except Permanent as error:
        if _ALREADY in error.text:
            return OVER
        raise
    if is_operation(said):
        return Came(kept={"operation": dict(said)}, waits_s=0.2)
    return OVER


async def _over(scene: Scene) -> Came:
    operation = scene.entry.kept["operation"]
    try:
        await ended(scene.agents, scene.line, operation)
    except Transient:
        return Came(waits_s=SOON_S)
    except Permanent as error:
        return await _undone(scene, error)
    return OVER


# Note [What came to nothing]
# An operation fails where an instance went that somebody deleted meanwhile, say, and then it is
# begun again: what was in the way is not there any more. One that is not found is either such a
# failure, or over for so long that Incus has forgotten it; then the status tells.
async def _undone(scene: Scene, error: Permanent) -> Came:
    """Return what is next where an operation failed. See Note [What came to nothing]."""
    wanted, begun = "evacuate" in scene.entry.verb, int(scene.entry.kept.get("begun", 1))
    is_gone = error.details.get("status") == 404
    if is_gone and ((await _state(scene)).get("status") == "Evacuated") is wanted:
        return OVER
    if begun >= _BEGINNINGS:
        return Came(refused=error.text, final=True)
    return Came(kept={"operation": None, "begun": begun + 1}, waits_s=SOON_S)


async def _running(scene: Scene, description: str) -> Mapping[str, Any] | None:
    said = as_object(await scene.found("/1.0/operations?recursion=1"))
    running = [as_object(each) for each in said.get("running") or ()]
    return next((each for each in running if each.get("description") == description), None)


# Note [Asked once]
# Whether a server has to reboot may change while it is worked on: an update comes, or somebody
# reboots it. A server that was not left is not to be evacuated, and a hook that was told of the
# beginning hears of the end. So it is asked by the first of its steps, before that begins, and
# what it says is kept in the journal for all of them.
async def need_before(scene: Scene) -> Mapping[str, Any]:
    """Return whether a server has to reboot at all. See Note [Asked once]."""
    return {"needed": await is_needed(scene)}


async def is_needed(scene: Scene) -> bool:
    """Return what `need_before` has, or would have. See Note [Asked once]."""
    if not scene.entry.body.get("if_needed"):
        return True
    for each in scene.mine:
        if "needed" in each.kept:
            return bool(each.kept["needed"])
    said = await scene.found("/os/1.0/system/update")
    return bool(as_object((said or {}).get("state")).get("needs_reboot"))


async def uptime_before(scene: Scene) -> Mapping[str, Any]:
    return {**await need_before(scene), "was_up_s": await _uptime(scene)}


async def _uptime(scene: Scene) -> float:
    said = as_object(as_object(await scene.call("/os/1.0")).get("environment"))
    up = said.get("uptime")
    return float(up) if isinstance(up, int | float) else 0.0


async def reboot(scene: Scene) -> Came:
    """Have a server reboot, and wait until it and its Incus are back."""
    entry = scene.entry
    if not entry.kept.get("ordered") and not await is_needed(scene):
        return OVER
    if not entry.kept.get("ordered") and not await _has_rebooted(scene):
        if why := await _has_to_wait(scene):
            return Came(waits_s=SOON_S, waits_for=why)
        await scene.call("/os/1.0/system/:reboot", "POST", {})
        return Came(kept={"ordered": True}, waits_s=SOON_S)
    try:
        if not await _has_rebooted(scene):
            return Came(waits_s=SOON_S)
        about = as_object(as_object(await scene.call("/os/1.0")).get("environment"))
        path = f"/1.0/cluster/members/{scene.machine.name}"
        seen = await found(scene.agents, await scene.leader(), path) if scene.others else {}
    except Transient:
        return Came(kept={"was_silent": True}, waits_s=SOON_S)
    if not about.get("system_is_ready", True) or as_object(seen).get("status") == "Offline":
        return Came(waits_s=SOON_S)
    return await _with_incus(scene)


async def _with_incus(scene: Scene) -> Came:
    """Return that it is back once its own Incus answers; the others miss it only after a while."""
    try:
        await scene.call("/1.0")
    except Permanent as error:  # as the agent says of an Incus that is starting
        return Came(waits_s=SOON_S, waits_for=error.text)
    return OVER


async def _has_to_wait(scene: Scene) -> str:
    """Return why a server cannot go now: too many that vote are away. See Note [A majority stays].

    Who votes changes whenever one goes or comes, so it is asked each time.
    """
    if not scene.others:
        return ""
    said = await scene.agents.call(await scene.leader(), Order(path=MEMBERS, within_s=CALL_S))
    voting = {str(each.get("server_name")): each for each in map(as_object, said) if votes(each)}
    if scene.machine.name not in voting:
        return ""
    others = {name for name in voting if name != scene.machine.name}
    away = {name for name in others if voting[name].get("status") == "Offline"}
    away |= others & scene.rebooting
    if not away or len(away) < spared(len(voting)):
        return ""
    return f"{', '.join(sorted(away))}: away, and votes; most of the {len(voting)} have to answer"


async def _has_rebooted(scene: Scene) -> bool:
    """Return whether it is up for less than it would be, had it not rebooted since."""
    entry = scene.entry
    since = scene.now - (entry.begun_at or scene.now)
    up = await _uptime(scene)
    if up:
        stayed = float(entry.kept.get("was_up_s", 0.0)) + since.total_seconds()
        return up < stayed - _UNSURE_S
    return bool(entry.kept.get("was_silent")) or since >= _GOING_DOWN


async def update(scene: Scene) -> Came:
    """Have a server update itself, and wait until it says that it has."""
    if not scene.entry.kept.get("ordered"):
        await scene.call("/os/1.0/system/update/:check", "POST", {})
        return Came(kept={"ordered": True}, waits_s=_UPDATING_S)
    said = as_object(await scene.call("/os/1.0/system/update"))
    state = as_object(said.get("state"))
    if "progress" in str(state.get("status", "")).lower():
        return Came(waits_s=_UPDATING_S)
    return OVER


async def settle(scene: Scene) -> Came:
    """Wait as long as the cluster wants its servers to rest, where this one has rebooted."""
    if not _was_told(scene, Verb.REBOOT):
        return OVER
    rest = float(scene.entry.body.get("rest_s", 0.0))
    since = scene.now - (scene.entry.begun_at or scene.now)
    left = rest - since.total_seconds()
    return Came(waits_s=left) if left > 0 else OVER


def _was_told(scene: Scene, verb: Verb) -> bool:
    job = scene.cluster.job
    mine = [each for each in job.entries if each.server == scene.entry.server] if job else []
    return any(each.kept.get("ordered") for each in mine if each.verb is verb)


async def set_certificate(scene: Scene) -> Came:
    """Give the cluster another certificate; its members are held to the old one or the new."""
    wanted = str(scene.entry.body["cluster_certificate"])
    about = as_object(as_object(await scene.call("/1.0")).get("environment"))
    if str(about.get("certificate", "")).strip() == wanted.strip():
        return Came(certificate=wanted)
    order = Order(path="/1.0/cluster/certificate", method="PUT", body=dict(scene.entry.body))
    try:
        await scene.agents.call(scene.line, order)
    except Transient:
        return Came(waits_s=SOON_S)  # its answer is lost where the certificate changes
    return Came(certificate=wanted)
