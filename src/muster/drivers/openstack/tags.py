"""How what is ours is told apart from others: names, tags, and metadata."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from muster.model.step import ServerOrder

PREFIX = "muster."
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
    group: str = ""  # those of one are kept together or apart
    key: str = ""  # what the key pair is called that was made for it


def server_name(order: ServerOrder) -> str:
    """Return what the server is called in Nova; the same order has the same name always."""
    readable = NAME.sub("-", order.name).strip("-")[:LONGEST].strip("-")
    head = readable if readable[:1].isalpha() else f"m{readable}"
    return f"{head}-{order.server_id.hex[:10]}"


def installation_tag(installation: UUID) -> str:
    """Return the tag of everything of one installation that Nova and Neutron can find by tag."""
    return f"muster:{installation.hex}"


def part_name(installation: UUID, what: str) -> str:
    """Return a name for what has neither tag nor metadata: key pairs and server groups."""
    return f"muster-{installation.hex[:12]}-{what}"


def written(order: ServerOrder, installation: UUID, key: str = "") -> dict[str, str]:
    """Return the metadata that `read` understands."""
    said = {
        "installation": installation,
        "server": order.server_id,
        "node": order.node_id,
        "cluster": order.cluster_id,
        "project": order.project,
        "name": order.name,
        "image": order.spec.image,
        "group": order.group.id if order.group else "",
        "key": key,
    }
    return {f"{PREFIX}{name}": str(value) for name, value in said.items() if value != ""}


def read(metadata: Mapping[str, Any]) -> Tags | None:
    """Return the tags of what one of us has made, None for anything else."""
    said = {name: str(metadata.get(f"{PREFIX}{name}", "")) for name in Tags.__slots__}
    ids = ("installation", "server", "node", "cluster")
    try:
        known = {name: UUID(said.pop(name)) for name in ids}
    except ValueError:
        return None
    return Tags(**known, **said)  # type: ignore[arg-type]
