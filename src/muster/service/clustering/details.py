"""What the cloud says of a node's server, in the words of the clustering API."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from muster.base.errors import DriverError
from muster.model.node import Node
from muster.model.observed import Seen, Server
from muster.model.profile import Profile
from muster.ports.store import Transaction
from muster.service.clustering.case import keeper_of
from muster.service.desk import Desk

STATUSES: Mapping[Seen, str] = {
    Seen.NOTHING: "DELETED",
    Seen.BUILDING: "BUILD",
    Seen.RUNNING: "ACTIVE",
    Seen.STOPPED: "SHUTOFF",
    Seen.BROKEN: "ERROR",
    Seen.UNREACHABLE: "UNKNOWN",
}
_POWER = {"ACTIVE": 1, "PAUSED": 3, "SHUTOFF": 4, "ERROR": 6, "SUSPENDED": 7}
_PARKED = {"pause": "PAUSED", "suspend": "SUSPENDED", "rescue": "RESCUE"}
Details = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Seat:
    """A node with what else its details tell of, and where its server is listed."""

    node: Node
    profile: Profile | None
    cloud: str
    tag: UUID


async def details_of(desk: Desk, nodes: Sequence[Node]) -> dict[UUID, Details]:
    """Return the details of each node that has a server; what went wrong is told in them."""
    with_server = [each for each in nodes if each.ref]
    seats = await desk.store.read(lambda tx: [_seat(tx, desk, each) for each in with_server])
    listed: dict[tuple[str, UUID], Mapping[UUID, Server] | DriverError] = {}
    for cloud, tag in dict.fromkeys((each.cloud, each.tag) for each in seats):
        listed[cloud, tag] = await _servers(desk, cloud, tag)
    return {each.node.id: _details(each, listed[each.cloud, each.tag]) for each in seats}


def _seat(tx: Transaction, desk: Desk, node: Node) -> _Seat:
    profile = tx.profiles.get(node.profile_id)
    return _Seat(node, profile, keeper_of(tx, desk, node).cloud, node.tag)


async def _servers(desk: Desk, cloud: str, tag: UUID) -> Mapping[UUID, Server] | DriverError:
    try:
        found = await desk.cloud(cloud).compute.list_servers(tag)
    except DriverError as error:
        return error
    return {each.server_id: each for each in found}


def _details(seat: _Seat, listed: Mapping[UUID, Server] | DriverError) -> Details:
    if isinstance(listed, DriverError):
        return {"Error": {"code": 500, "message": listed.text}}
    server = listed.get(seat.node.server_id)
    if server is None:
        text = f"No Server found for {seat.node.ref}"
        return {"Error": {"code": 404, "message": text}}
    return shown(server, seat.node, seat.profile)


def shown(server: Server, node: Node, profile: Profile | None) -> dict[str, Any]:
    """Return a server as its cloud's own interface would show it, keys sorted."""
    spec = profile.server if profile else None
    status = _PARKED.get(node.parked) or STATUSES[server.seen]
    created = f"{server.created.isoformat(timespec='seconds')[:19]}Z"
    network = (spec.network_name if spec else "") or "private"
    addresses = {network: [address(server.address)]} if server.address else {}
    return {
        "OS-EXT-AZ:availability_zone": server.zone,
        "OS-EXT-SRV-ATTR:host": server.host,
        "OS-EXT-STS:power_state": _POWER.get(status, 0),
        "OS-EXT-STS:vm_state": status.lower(),
        "addresses": addresses,
        "attached_volumes": [],
        "config_drive": bool(_said(profile, "config_drive")),
        "created": created,
        "flavor": str(spec.flavor.id) if spec else "",
        "id": server.ref,
        "image": server.image or (spec.image if spec else ""),
        "key_name": spec.key_name if spec else "",
        "metadata": dict(spec.metadata) if spec else {},
        "name": server.name,
        "progress": 0,
        "security_groups": _groups(profile),
        "status": status,
        "updated": created,
    }


def address(said: str) -> dict[str, Any]:
    host = said.rpartition(":")[0] if said.count(":") == 1 else said
    return {"addr": host, "version": 6 if ":" in host else 4}


def _said(profile: Profile | None, name: str) -> Any:
    properties = profile.spec.get("properties", {}) if profile else {}
    return properties.get(name) if isinstance(properties, Mapping) else None


def _groups(profile: Profile | None) -> str | list[str]:
    """Return the names as clients know them: one is a word, several are a list."""
    said = _said(profile, "security_groups")
    names = [str(each) for each in said] if isinstance(said, list) else []
    return names if len(names) > 1 else (names[0] if names else "")
