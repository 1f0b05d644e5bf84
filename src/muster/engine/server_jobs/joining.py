"""How servers become members: the first begins a cluster, the others join it."""

import json
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from muster.base.errors import Permanent, Transient
from muster.decide.server_clusters.jobs import Came
from muster.decide.server_clusters.making import addresses
from muster.engine.server_jobs.holdings import NAMESAKE, anothers
from muster.engine.server_jobs.scene import OVER, Scene, as_object, found, together, told
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
        is_over = await _ordered(scene, line, body)
        about = as_object(await scene.agents.call(line, Order(path="/1.0"))) if is_over else {}
        if _certificate(about).strip() in ("", line.certificate.strip()):  # it is to have another
            return Came(kept={"ordered": True}, waits_s=0.2)
    certificate = _certificate(about)
    if scene.entry.kept.get("member"):
        return Came(refused="its Incus is a member of a cluster already", final=True)
    return Came(certificate=certificate or line.certificate)


def _certificate(about: Mapping[str, Any]) -> str:
    return str(as_object(about.get("environment")).get("certificate") or "")


async def _ordered(scene: Scene, line: Line, body: Mapping[str, Any]) -> bool:
    """Order a change of membership; return whether it is known to be over.

    The answer may be lost where the certificate changes; what it came to is looked at again.
    """
    try:
        await told(scene.agents, line, Order(path="/1.0/cluster", method="PUT", body=body))
    except Transient:
        return False
    return True


def _is_member(about: Mapping[str, Any]) -> bool:
    return bool(as_object(about.get("environment")).get("server_clustered"))


async def join(scene: Scene) -> Came:
    """Have a server join: by a token that the others make, which is good once."""
    leader, is_joining = await together(scene.leader(), _is_joining(scene))
    if is_joining:
        return Came(waits_s=1.0)
    is_member = _is_member(as_object(await scene.call("/1.0")))  # after who is joining is over
    path = f"/1.0/cluster/members/{scene.machine.name}"
    there = await found(scene.agents, leader, path)
    if is_member:
        return _joined(there)
    if there is not None:
        if there.get("status") != "Offline":
            return Came(refused=NAMESAKE, final=True)
        if why := await anothers(scene, leader, there):
            return Came(refused=why, final=True)
        await told(scene.agents, leader, Order(path=f"{path}?force=1", method="DELETE"))
    if not await _ordered(scene, scene.line, await _ticket(scene, leader)):
        return Came(kept={"ordered": True}, waits_s=0.2)
    return _joined(await found(scene.agents, leader, path))


def _joined(there: Mapping[str, Any] | None) -> Came:
    """Return what came of a joining, by how the others see whoever is a member."""
    if there is None:
        return Came(refused="its Incus is a member of another cluster", final=True)
    if there.get("status") == "Offline":
        raise Transient("the other members do not see it")
    return OVER


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
    keys = [(_path(each, example), each) for each in asked.get("member_config") or ()]
    paths = list(dict.fromkeys(path for path, _ in keys))
    shown = await together(*(scene.agents.call(leader, Order(path=each)) for each in paths))
    seen = dict(zip(paths, map(as_object, shown), strict=True))
    made = []
    for path, each in keys:
        there = seen[path]
        if each["key"] == "source" and there.get("driver") in _LEADERS_ONLY:
            continue
        value = as_object(there.get("config")).get(each["key"], "")
        made.append({**each, "value": _own(each, there, value)})
    return made


def _path(asked: Mapping[str, Any], member: str) -> str:
    kind = "storage-pools" if asked["entity"] == "storage-pool" else "networks"
    return f"/1.0/{kind}/{asked['name']}?target={member}"


def _own(asked: Mapping[str, Any], pool: Mapping[str, Any], value: Any) -> str:
    """Return what the newcomer says; where Incus put a pool by itself, it does so there, too."""
    if asked["key"] == "source" and str(value).startswith("/var/lib/incus/"):
        return ""
    return str(value)
