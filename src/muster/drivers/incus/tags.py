"""How a server of ours is told apart from others: its name in Incus, and its tags."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from muster.model.step import ServerOrder

PREFIX = "user.muster."
NAME = re.compile(r"[^a-zA-Z0-9-]+")
LONGEST = 52  # of the readable part; 63 is what a host may be called


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    installation: UUID
    server: UUID
    node: UUID
    cluster: UUID
    project: str
    name: str
    image: str
    vcpus: float
    memory_mib: int
    group: str = ""  # those of one are kept together or apart


def instance_name(order: ServerOrder) -> str:
    """Return what the server is called in Incus; the same order has the same name always."""
    readable = NAME.sub("-", order.name).strip("-")[:LONGEST].strip("-")
    head = readable if readable[:1].isalpha() else f"m{readable}"
    return f"{head}-{order.server_id.hex[:10]}"


def written(order: ServerOrder, installation: UUID) -> Mapping[str, str]:
    """Return the configuration keys that `read` understands."""
    said = {
        "installation": installation,
        "server": order.server_id,
        "node": order.node_id,
        "cluster": order.cluster_id,
        "project": order.project,
        "name": order.name,
        "image": order.spec.image,
        "vcpus": order.spec.flavor.vcpus,
        "memory_mib": order.spec.flavor.memory_mib,
        "group": order.group.id if order.group else "",
    }
    return {f"{PREFIX}{name}": str(value) for name, value in said.items() if value != ""}


def read(config: Mapping[str, Any]) -> Tags | None:
    """Return the tags of what one of us has made, None for anything else."""
    said = {name: str(config.get(f"{PREFIX}{name}", "")) for name in Tags.__slots__}
    try:
        return Tags(
            installation=UUID(said["installation"]),
            server=UUID(said["server"]),
            node=UUID(said["node"]),
            cluster=UUID(said["cluster"]),
            project=said["project"],
            name=said["name"],
            image=said["image"],
            vcpus=float(said["vcpus"]),
            memory_mib=int(said["memory_mib"]),
            group=said["group"],
        )
    except ValueError:
        return None
