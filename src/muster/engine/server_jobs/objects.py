"""What a new cluster's Incus begins with: pools, networks, volumes, profiles; each made once."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from muster.base.certificates import bare
from muster.base.errors import Permanent
from muster.decide.server_clusters.jobs import Came
from muster.engine.server_jobs.scene import OVER, Scene, as_object, together

Item = Mapping[str, Any]
# Settings that each member has for itself: they are told with the member, the others without.
_OWN: Mapping[str, frozenset[str]] = {
    "storage-pools": frozenset(
        {
            "size",
            "source",
            "source.wipe",
            "lvm.thinpool_name",
            "lvm.vg.force_reuse",
            "lvm.vg_name",
            "zfs.pool_name",
        }
    ),
    "networks": frozenset(
        {"bgp.ipv4.nexthop", "bgp.ipv6.nexthop", "bridge.external_interfaces", "parent"}
    ),
}
_REMOTE = frozenset({"ceph", "cephfs", "cephobject", "linstor", "lvmcluster"})  # of all members
_MADE = "Created"
_CHANGEABLE = ("description", "config", "devices")


async def make_object(scene: Scene) -> Came:
    """Make one object, or what is missing of it."""
    kind, _, _ = scene.entry.what.rpartition("/")
    item = scene.entry.body
    if kind in _OWN:
        return await _on_each_member(scene, kind, item)
    if kind == "volumes":
        return await _volume(scene, item)
    if kind == "certificates":
        return await _certificate(scene, item)
    path = f"/1.0/{kind}/{quote(str(item['name']), safe='')}{_project(item)}"
    there = await scene.found(path)
    if there is None:
        body = {name: value for name, value in item.items() if name != "project"}
        await scene.call(f"/1.0/{kind}{_project(item)}", "POST", body)
    elif not _is_like(there, item):
        await scene.call(path, "PUT", _changed(there, item))
    return OVER


def _project(item: Item, **more: str) -> str:
    said = {"project": str(item["project"])} if item.get("project") else {}
    query = urlencode({**said, **more})
    return f"?{query}" if query else ""


def _is_like(there: Item, item: Item) -> bool:
    return all(
        as_object(there.get(part)).items() >= as_object(item[part]).items()
        if part != "description"
        else there.get(part) == item[part]
        for part in _CHANGEABLE
        if part in item
    )


def _changed(there: Item, item: Item) -> dict[str, Any]:
    """Return an object that is there with what is asked for put over it."""
    parts: dict[str, Any] = {name: there[name] for name in _CHANGEABLE if name in there}
    if "members" in there:
        parts["members"] = item.get("members", there["members"])
    for name in ("config", "devices"):
        if name in item:
            parts[name] = {**as_object(parts.get(name)), **item[name]}
    return {**parts, **({"description": item["description"]} if "description" in item else {})}


# Note [Twice for every member]
# In a cluster a pool or a network is told to each member first, with what is the member's own,
# and then to all of them with the rest. What broke off in between is pending, and says where.
async def _on_each_member(scene: Scene, kind: str, item: Item) -> Came:
    """Make a pool or a network. See Note [Twice for every member]."""
    path = f"/1.0/{kind}/{quote(str(item['name']), safe='')}{_project(item)}"
    there = await scene.found(path)
    if there is not None and there.get("status", _MADE) == _MADE:
        return OVER
    config = as_object(item.get("config"))
    own = {name: value for name, value in config.items() if name in _OWN[kind]}
    common = {name: value for name, value in config.items() if name not in own}
    plain = {name: value for name, value in item.items() if name not in ("project", "config")}
    told = (there or {}).get("locations") or ()
    for member in await _members(scene):
        if member not in told:
            body = {**plain, "config": own}
            await scene.call(f"/1.0/{kind}{_project(item, target=member)}", "POST", body)
    await scene.call(f"/1.0/{kind}{_project(item)}", "POST", {**plain, "config": common})
    return OVER


async def _members(scene: Scene) -> Sequence[str]:
    said = await scene.call("/1.0/cluster/members")
    return [str(each).rpartition("/")[2] for each in said or ()]


async def _volume(scene: Scene, item: Item) -> Came:
    """Make a volume on every member, or once where its pool is the same for all."""
    pool = quote(str(item.get("pool") or "local"), safe="")
    said = await scene.found(f"/1.0/storage-pools/{pool}")
    if said is None:
        raise Permanent(f"there is no pool '{item.get('pool')}' for volume '{item['name']}'")
    where = f"/1.0/storage-pools/{pool}/volumes/custom"
    body = {k: v for k, v in item.items() if k not in ("project", "pool", "type")}
    remote = said.get("driver") in _REMOTE
    targets = [{}] if remote else [{"target": each} for each in await _members(scene)]
    name = quote(str(item["name"]), safe="")

    async def make(target: Mapping[str, str]) -> None:
        if await scene.found(f"{where}/{name}{_project(item, **target)}") is None:
            await scene.call(f"{where}{_project(item, **target)}", "POST", body)

    await together(*map(make, targets))
    return OVER


async def _certificate(scene: Scene, item: Item) -> Came:
    """Have a certificate be trusted, unless it is already, by whatever name."""
    said = await scene.call("/1.0/certificates?recursion=1")
    wanted = (item["name"], bare(str(item.get("certificate", ""))))
    there = [as_object(each) for each in said or ()]
    known = {(each.get("name"), bare(str(each.get("certificate", "")))) for each in there}
    if not any(name == wanted[0] or shown == wanted[1] for name, shown in known):
        await scene.call("/1.0/certificates", "POST", dict(item))
    return OVER
