"""How servers leave: emptied, reset, struck from the members."""

from collections.abc import Mapping
from typing import Any

from muster.base.errors import Permanent
from muster.base.ids import new_id
from muster.decide.server_clusters.jobs import Came
from muster.decide.server_clusters.making import VOLUMES
from muster.engine.server_jobs.holdings import anothers, held
from muster.engine.server_jobs.scene import OVER, Scene, as_object, found, told
from muster.engine.server_jobs.setting import set_settings
from muster.model.machine import INCUS_KINDS, Machine
from muster.ports.agent import Order

RESET_S = 240.0  # an Incus that waits for others that are gone takes its time to stop


async def nothing_left(scene: Scene) -> Came:
    """Refuse to take a server out that still has something of somebody."""
    name = scene.machine.name
    leader = await scene.leader()
    about = as_object(await found(scene.agents, leader, f"/1.0/cluster/members/{name}"))
    if about and about.get("status") != "Evacuated":
        return Came(refused="it has to be evacuated first", final=True)
    if left := await held(scene, leader, name):
        return Came(refused=f"it still has {left}", final=True)
    return OVER


async def cleared(scene: Scene) -> Came:
    """Take out what Incus keeps on a member for itself."""
    entry = {f"storage.{each}_volume": "" for each in VOLUMES}
    config = as_object(as_object(await scene.call("/1.0")).get("config"))
    here = {name: value for name, value in entry.items() if config.get(name)}
    if here:
        came = await set_settings(scene.saying(here))
        if came.refused:
            return came
    for value in sorted({str(config[name]) for name in here}):
        pool, _, volume = value.partition("/")
        path = f"/1.0/storage-pools/{pool}/volumes/custom/{volume}?target={scene.machine.name}"
        if await scene.found(path) is not None:
            await scene.call(path, "DELETE")
    return OVER


async def reset_before(scene: Scene) -> Mapping[str, Any] | Came:
    """Return what it is to come back by; a server that must be empty stays where it is not."""
    if scene.entry.body.get("empty"):
        left = await held(scene, await scene.leader(), scene.machine.name)
        if left:
            return Came(stays=f"it has {left}")
    return {"token": str(new_id())}


async def reset(scene: Scene) -> Came:
    """Have a server reset itself; it registers again by the token it is given with that."""
    machine = scene.machine
    if not machine.owes_reset:
        return OVER  # it has, and is here again
    token = str(scene.entry.kept["token"])
    line = await scene.known()
    await scene.agents.call(line, reset_order(machine, token, scene.url))
    return OVER


def reset_order(machine: Machine, token: str, url: str) -> Order:
    """Return what makes a machine as it was when it was new. Nothing on it stays."""
    primary = machine.kind if machine.kind in INCUS_KINDS else "incus"
    config = {"server_token": token}
    config |= {"server_url": url} if url else {}  # else where it has registered before
    body = {
        "allow_tpm_reset_failure": False,
        "wipe_existing_seeds": False,
        "seeds": {
            "applications": {"version": "1", "applications": [{"name": str(primary)}]},
            "incus": {"version": "1", "apply_defaults": False},
            "provider": {"version": "1", "name": "operations-center", "config": config},
        },
    }
    return Order(path="/os/1.0/system/:factory-reset", method="POST", body=body, within_s=RESET_S)


async def strike(scene: Scene) -> Came:
    """Have the other members strike a server out, whether it answers or not."""
    if not scene.others:
        return OVER
    path = f"/1.0/cluster/members/{scene.entry.server}"
    leader = await scene.leader()
    there = await found(scene.agents, leader, path)
    if there is None:
        return OVER
    if scene.entry.body.get("tried") and (why := await anothers(scene, leader, there)):
        return Came(refused=why, final=True)
    if there.get("status") == "Online":  # what is on it would go from their database
        return Came(refused="the other members still see it")
    try:
        await told(scene.agents, leader, Order(path=f"{path}?force=1", method="DELETE"))
    except Permanent as error:
        # Members that have not noticed yet that it is gone refuse; they are asked again.
        return Came(refused=error.text)
    return OVER


async def released(scene: Scene) -> Came:
    """Let a server go: what that means is in its row."""
    return OVER
