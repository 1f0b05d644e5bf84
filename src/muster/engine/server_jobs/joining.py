"""How servers become members: the first begins a cluster, the others join it."""

import json
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from muster.base.errors import Permanent, Transient
from muster.decide.server_clusters.jobs import Came
from muster.decide.server_clusters.making import addresses
from muster.engine.server_jobs.scene import OVER, Scene, as_object, found, told
from muster.ports.agent import Line, Order, line_of

_JOINING = "Joining cluster"  # what Incus calls it
_LEADERS_ONLY = frozenset({"ceph", "cephfs", "cephobject", "linstor"})  # no source of a member's


async def alone_before(scene: Scene) -> Mapping[str, Any]:
    """Say that it was seen before, held to its own certificate."""
    return {"member": _is_member(as_object(await scene.call("/1.0")))}


async def bootstrap(scene: Scene) -> Came:
    """Have a server begin the cluster. See Note [Whose certificate is it]."""
    line = await scene.known()
    about = as_object(await scene.agents.call(line, Order(path="/1.0")))
    if not _is_member(about):
        if line != scene.line:
            raise Permanent("it shows another certificate, and is in no cluster")
        body = {"server_name": scene.machine.name, "enabled": True}
        await _ordered(scene, line, body)
        return Came(kept={"ordered": True}, waits_s=0.2)
    certificate = str(as_object(about.get("environment")).get("certificate") or "")
    if scene.entry.kept.get("member"):
        return Came(refused="its Incus is a member of a cluster already", final=True)
    return Came(certificate=certificate or line.certificate)


async def _ordered(scene: Scene, line: Line, body: Mapping[str, Any]) -> None:
    """Order a change of membership; its answer may be lost where the certificate changes."""
    try:
        await told(scene.agents, line, Order(path="/1.0/cluster", method="PUT", body=body))
    except Transient:
        return  # what it came to is looked at again


def _is_member(about: Mapping[str, Any]) -> bool:
    return bool(as_object(about.get("environment")).get("server_clustered"))


async def join(scene: Scene) -> Came:
    """Have a server join: by a token that the others make, which is good once."""
    name, leader = scene.machine.name, await scene.leader()
    there = await found(scene.agents, leader, f"/1.0/cluster/members/{name}")
    if _is_member(as_object(await scene.call("/1.0"))):
        if there is None:
            return Came(refused="its Incus is a member of another cluster", final=True)
        if there.get("status") == "Offline":
            raise Transient("the other members do not see it")
        return OVER
    if await _is_joining(scene):
        return Came(waits_s=1.0)
    if there is not None and there.get("status") == "Online":
        return Came(refused="the cluster has another member of its name", final=True)
    if there is not None:  # of an earlier try that broke off
        order = Order(path=f"/1.0/cluster/members/{name}?force=1", method="DELETE")
        await told(scene.agents, leader, order)
    await _ordered(scene, scene.line, await _ticket(scene, leader))
    return Came(kept={"ordered": True}, waits_s=0.2)


# A server goes on joining where whoever ordered it is gone: ordered again meanwhile, it would be
# taken out on the one side and go in on the other.
async def _is_joining(scene: Scene) -> bool:
    said = as_object(await scene.found("/1.0/operations?recursion=1"))
    running = said.get("running") or ()
    return any(as_object(each).get("description") == _JOINING for each in running)


async def _ticket(scene: Scene, leader: Line) -> dict[str, Any]:
    """Return what a server is told that is to join."""
    name = scene.machine.name
    order = Order(path="/1.0/cluster/members", method="POST", body={"server_name": name})
    said = as_object(await scene.agents.call(leader, order))
    made = as_object(said.get("metadata"))
    token = {
        "server_name": name,
        "fingerprint": made.get("fingerprint"),
        "addresses": made.get("addresses"),
        "secret": made.get("secret"),
        "expires_at": made.get("expiresAt"),
    }
    about = as_object(await scene.agents.call(leader, Order(path="/1.0")))
    config = as_object(about.get("config"))
    return {
        "server_name": name,
        "enabled": True,
        "cluster_address": config.get("cluster.https_address"),
        "cluster_certificate": scene.cluster.certificate,
        "server_address": addresses(scene.machine)["cluster.https_address"],
        "cluster_token": b64encode(json.dumps(token).encode()).decode(),
        "member_config": await _own_settings(scene, leader),
    }


async def _own_settings(scene: Scene, leader: Line) -> list[dict[str, Any]]:
    """Return what each pool and network has of a member's own, as another member has it."""
    asked = as_object(await scene.agents.call(leader, Order(path="/1.0/cluster")))
    example = next(each for each in scene.others if line_of(each) == leader).name
    made = []
    for each in asked.get("member_config") or ():
        kind = "storage-pools" if each["entity"] == "storage-pool" else "networks"
        path = f"/1.0/{kind}/{each['name']}?target={example}"
        there = as_object(await scene.agents.call(leader, Order(path=path)))
        if each["key"] == "source" and there.get("driver") in _LEADERS_ONLY:
            continue
        value = as_object(there.get("config")).get(each["key"], "")
        made.append({**each, "value": _own(each, there, value)})
    return made


def _own(asked: Mapping[str, Any], pool: Mapping[str, Any], value: Any) -> str:
    """Return what the newcomer says; where Incus put a pool by itself, it does so there, too."""
    if asked["key"] == "source" and str(value).startswith("/var/lib/incus/"):
        return ""
    return str(value)
