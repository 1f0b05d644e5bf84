"""Servers that carry our tag and fill no place: what clouds have of ours that nobody sees."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from muster.model.node import Node
from muster.model.observed import Server
from muster.model.who import Who
from muster.ports.store import Query, Transaction
from muster.service.desk import Desk
from muster.service.lookup import sees

_AT_ONCE = 500  # looked up together; a database takes only so many values in one question


@dataclass(frozen=True, slots=True, kw_only=True)
class Stray:
    server: Server
    cloud: str


async def listing(desk: Desk, who: Who) -> list[Stray]:
    """Return the strays that `who` may see, by cloud and name. See Note [Strays].

    Raises `DriverError` if a cloud does not answer: a list without its own would be wrong.
    """
    found = [stray for name in desk.clouds for stray in await _of(desk, who, name)]
    return sorted(found, key=lambda each: (each.cloud, each.server.name, each.server.ref))


async def _of(desk: Desk, who: Who, name: str) -> list[Stray]:
    servers = await desk.cloud(name).compute.list_servers()
    mine = [each for each in servers if sees(who, each.project)]
    # Places are read after servers are listed: a server made meanwhile has one by then.
    places = await desk.store.read(lambda tx: _places(tx, mine))
    return [Stray(server=each, cloud=name) for each in mine if each.server_id not in places]


def _places(tx: Transaction, servers: Sequence[Server]) -> set[UUID]:
    """Return which servers fill a node, or are an instance of a virtual cluster."""
    ids = sorted({each.node_id for each in servers})
    found: set[UUID] = set()
    for start in range(0, len(ids), _AT_ONCE):
        query = Query(where={"id": tuple(ids[start : start + _AT_ONCE])})
        nodes: list[Node] = tx.nodes.find(query)
        found |= {node.server_id for node in nodes}
    tags = sorted({each.cluster_id for each in servers if each.server_id not in found})
    for start in range(0, len(tags), _AT_ONCE):
        query = Query(where={"id": tuple(tags[start : start + _AT_ONCE])})
        found |= {member.id for one in tx.vclusters.find(query) for member in one.members}
    return found
