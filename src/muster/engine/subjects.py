"""Whom a pass looks after: a cluster, or a node that belongs to none. See Note [Solo]."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from muster.model.cluster import Cluster
from muster.model.node import Node
from muster.ports.store import Query, Table, Transaction


@dataclass(frozen=True, slots=True)
class Subject:
    cluster: Cluster
    solo: bool  # a node that belongs to no cluster, as the cluster that nobody sees


def subject(tx: Transaction, id: UUID) -> Subject | None:
    """Return whom a mark of this id is about, None if there is nobody any more."""
    if cluster := tx.clusters.get(id):
        return Subject(cluster, solo=False)
    alone = tx.solos.get(id)
    return Subject(alone, solo=True) if alone else None


def table(tx: Transaction, *, solo: bool) -> Table[Cluster]:
    return tx.solos if solo else tx.clusters


def members(tx: Transaction, who: Subject) -> list[Node]:
    if not who.solo:
        return tx.nodes.find(Query(where={"cluster_id": (who.cluster.id,)}))
    node = tx.nodes.get(who.cluster.id)
    return [node] if node and node.cluster_id is None else []


def on_cloud(tx: Transaction, name: str) -> list[UUID]:
    """Return everybody whose servers that cloud keeps."""
    there = Query(where={"cloud": (name,)})
    found = [each.id for rows in (tx.clusters, tx.solos) for each in rows.find(there)]
    return found + [each.id for each in tx.vclusters.find(there)]


def behind(tx: Transaction, tags: Iterable[UUID]) -> list[UUID]:
    """Return whom servers with these tags concern; see Note [Home] for those that moved."""
    wanted = tuple(tags)
    named = Query(where={"id": wanted})
    ids = {each.id for rows in (tx.clusters, tx.solos) for each in rows.find(named)}
    ids |= {each.id for each in tx.vclusters.find(named)}
    ids |= {each.cluster_id or each.id for each in moved(tx, wanted)}
    return sorted(ids)


def moved(tx: Transaction, tags: Iterable[UUID]) -> list[Node]:
    """Return the nodes that belong elsewhere now, and whose server still has one of these tags."""
    return tx.nodes.find(Query(where={"home": tuple(tags)}))
