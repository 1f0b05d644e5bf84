"""What nodes of one profile run on: a node or cluster that must stay for as long as it does."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from muster.base.errors import Invalid
from muster.model.profile import Profile
from muster.model.who import Who
from muster.ports.store import Transaction
from muster.service.identity import CLUSTER, NODE, referenced
from muster.service.lookup import as_id

_PROFILES = "profiles"
HOSTS = ("host_cluster", "host_node")


def host_of(tx: Transaction, who: Who, properties: Mapping[str, Any]) -> dict[str, str]:
    """Return the host that a specification names, by id; empty if it names none."""
    if said := properties.get("host_cluster"):
        return {"host_cluster": str(referenced(tx, who, CLUSTER, said).id)}
    if said := properties.get("host_node"):
        return {"host_node": str(referenced(tx, who, NODE, said).id)}
    return {}


def take(tx: Transaction, profile: Profile) -> None:
    """Have the host of the profile, if it has one, know that it is depended on."""
    _tell(tx, profile, there=True)


def give_back(tx: Transaction, profile: Profile) -> None:
    """Have the host forget the profile."""
    _tell(tx, profile, there=False)


def _tell(tx: Transaction, profile: Profile, *, there: bool) -> None:
    named = profile.server.metadata
    cluster_id, node_id = (as_id(named.get(each, "")) for each in HOSTS)
    node = tx.nodes.get(node_id) if node_id else None
    if node is not None:
        dependents = _with(node.dependents, profile.id, there=there)
        tx.nodes.put(replace(node, dependents=dependents))
    keeper_id = cluster_id or (node and (node.cluster_id or node.id))
    table = tx.clusters if cluster_id or (node and node.cluster_id) else tx.solos
    keeper = table.get(keeper_id) if keeper_id else None
    if keeper is None:
        if there and named.keys() & set(HOSTS) and node is None:
            raise Invalid("The host of this profile is gone.")
        return
    if cluster_id:
        keeper = replace(keeper, dependents=_with(keeper.dependents, profile.id, there=there))
    # A pass in progress began without this, so it must not write over it.
    table.put(replace(keeper, generation=keeper.generation + 1))
    tx.marks.mark(keeper.id)


def _with(dependents: Mapping[str, Any], id: UUID, *, there: bool) -> dict[str, Any]:
    rest = [each for each in dependents.get(_PROFILES, ()) if each != str(id)]
    mine = [*rest, str(id)] if there else rest
    other = {key: value for key, value in dependents.items() if key != _PROFILES}
    return {**other, _PROFILES: mine} if mine else other
