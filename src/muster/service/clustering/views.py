"""Nodes as they are listed and shown."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from muster.base.errors import Invalid
from muster.model.node import Node
from muster.model.who import Who
from muster.ports.store import Query, Transaction
from muster.service.clusters import Named
from muster.service.desk import Desk
from muster.service.identity import CLUSTER, NODE, find, found


@dataclass(frozen=True, slots=True)
class Seen:
    """A node with the name of its profile."""

    node: Node
    profile_name: str


async def listing(desk: Desk, who: Who, query: Query, cluster: str) -> list[Seen]:
    """Return the nodes that the query names; `cluster` narrows it to one, "" to none."""

    def work(tx: Transaction) -> list[Seen]:
        wanted = query
        if cluster:
            mine = found(tx, who, CLUSTER, cluster)
            if mine is None:
                raise Invalid(f"Cannot find the given cluster: {cluster}.", field="cluster_id")
            wanted = replace(query, where={**query.where, "cluster_id": (mine.id,)})
        return with_profiles(tx, tx.nodes.find(wanted))

    return await desk.store.read(work)


def with_profiles(tx: Transaction, nodes: Sequence[Node]) -> list[Seen]:
    """Return the nodes with the names of their profiles."""
    ids = tuple({each.profile_id for each in nodes})
    profiles = tx.profiles.find_as(Query(where={"id": ids}), Named) if ids else []
    names: dict[UUID, str] = {each.id: each.name for each in profiles}
    return [Seen(each, names.get(each.profile_id, "")) for each in nodes]


async def show(desk: Desk, who: Who, said: str) -> Seen:
    """Return the node of that id, name, or beginning of an id."""
    return await desk.store.read(lambda tx: with_profiles(tx, [find(tx, who, NODE, said)])[0])


async def of_cluster(desk: Desk, who: Who, said: str) -> list[Seen]:
    """Return the members of the cluster that is meant, by their index."""

    def work(tx: Transaction) -> list[Seen]:
        cluster = find(tx, who, CLUSTER, said)
        mine = Query(where={"cluster_id": (cluster.id,)}, sort=(("index", False),))
        return with_profiles(tx, tx.nodes.find(mine))

    return await desk.store.read(work)
