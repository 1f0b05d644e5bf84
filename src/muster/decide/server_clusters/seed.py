"""What Incus begins with on a new cluster: what was asked for, and what is missing in that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from muster.base.certificates import bare
from muster.decide.server_clusters.documents import key_of

Item = Mapping[str, Any]
POOL, BRIDGE, MESH, INTERNAL = "local", "incusbr0", "meshbr0", "internal"
US = "muster"  # what its Incus calls us
_INTERNAL: Item = {
    "name": INTERNAL,
    "description": "Internal project to isolate fully managed resources",
}
DISK: Item = {"root": {"type": "disk", "path": "/", "pool": POOL}}


_FIRST_TUNNEL, _TUNNELS = 1000, 2**24 - 1000  # a VXLAN's number has 24 bits


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What the Incus of a cluster can do."""

    driver: str = "dir"  # of the pool that is made where none is asked for
    logs_volume: bool = False  # daemon_storage_logs


def merged(
    asked: Mapping[str, Any], ground: Ground, cluster: UUID, trusted: str = ""
) -> dict[str, Any]:
    """Return all that a new cluster gets. What was asked for wins, key by key.

    `trusted` is a certificate, in PEM, whose owner the cluster trusts: us.
    """
    kept = [each for each in asked.get("networks", ()) if each["name"] != MESH]
    ours = [_client(trusted)] if trusted else []
    volumes = ["backups", "images", *(["logs"] if ground.logs_volume else [])]
    return {
        **asked,
        "config": {f"storage.{each}_volume": f"{POOL}/{each}" for each in volumes}
        | dict(asked.get("config", {})),
        "storage_pools": _with(asked.get("storage_pools", ()), [_pool(ground)]),
        "projects": _with(asked.get("projects", ()), [_INTERNAL]),
        "networks": [*_with(kept, [{"name": BRIDGE, "type": "bridge"}]), _mesh(cluster)],
        "certificates": _with(asked.get("certificates", ()), ours),
        "storage_volumes": _with(asked.get("storage_volumes", ()), map(_volume, volumes)),
        "profiles": _with(
            asked.get("profiles", ()), [_profile("", BRIDGE), _profile(INTERNAL, MESH)]
        ),
    }


def _pool(ground: Ground) -> Item:
    source = {"source": f"{POOL}/incus"} if ground.driver == "zfs" else {}
    about = "Local storage pool"
    return {"name": POOL, "driver": ground.driver, "description": about, "config": source}


def _client(certificate: str) -> Item:
    return {"name": US, "type": "client", "certificate": bare(certificate)}


def trusts(seed: Item, certificate: str) -> bool:
    """Return whether a cluster of that seed trusts whoever shows a certificate, in PEM."""
    said = (str(each.get("certificate", "")) for each in seed.get("certificates") or ())
    return any(bare(each) == bare(certificate) for each in said)


def _volume(name: str) -> Item:
    return {"name": name, "type": "custom", "content_type": "filesystem", "pool": POOL}


def _profile(project: str, network: str) -> Item:
    nic = {"eth0": {"type": "nic", "network": network, "name": "eth0"}}
    return {"name": "default", "project": project, "devices": {**DISK, **nic}}


def _mesh(cluster: UUID) -> Item:
    """Return the network of the members among themselves; what tells it from others is derived.

    Which interface of a member it goes over is for the member to say.
    """
    tail = cluster.hex[-12:]
    prefix = f"fd42:{tail[:4]}:{tail[4:8]}:{tail[8:]}"
    config = {
        "ipv4.address": "none",
        "ipv6.address": f"{prefix}::1/64",
        "ipv6.nat": "true",
        "tunnel.mesh.protocol": "vxlan",
        "tunnel.mesh.id": str(_FIRST_TUNNEL + cluster.int % _TUNNELS),
    }
    return {"name": MESH, "type": "bridge", "config": config}


def _with(asked: Sequence[Item], defaults: Any) -> list[Item]:
    """Return what was asked for, filled from its default, then the defaults nobody asked for."""
    usual = {key_of(each): each for each in defaults}
    said = [_filled(each, usual.pop(key_of(each), {})) for each in asked]
    return [*said, *usual.values()]


def _filled(each: Item, usual: Item) -> Item:
    if not usual or each.get("driver", usual.get("driver")) != usual.get("driver"):
        return each  # another driver: what goes with the usual one does not go with it
    inner = {
        name: {**usual[name], **each[name]}
        for name in ("config", "devices")
        if name in each and name in usual
    }
    return {**usual, **each, **inner}
