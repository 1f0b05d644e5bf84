"""Whether whoever stands on hosts that are to be left would have a place elsewhere."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid5

from muster.decide.cordon import allowance, bound, is_idle
from muster.decide.server_clusters.preflight import Finding
from muster.decide.spots.fleet import Records, is_tied
from muster.decide.spots.seats import Setting, setting, why_not
from muster.decide.spots.wants import Ground, Want, item_for
from muster.model.cloud import About
from muster.model.cluster import Cluster
from muster.model.node import Node
from muster.model.placement import Group
from muster.model.reservation import Room, without


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """The nodes of one cluster that are to leave hosts together."""

    cluster: Cluster
    nodes: tuple[Node, ...]


def kept_there(
    away: Collection[str], records: Records, tied: frozenset[object]
) -> Iterator[Finding]:
    """Yield the nodes of clusters on these hosts that nothing replaces elsewhere."""
    for party in parties(away, records, movable=False):
        for node in party.nodes:
            why = bound(node, records.profiles.get(node.profile_id))
            if not why and is_tied(node, tied):
                why = "its volumes lie there"
            if why:
                text = f"node '{node.name}' of cluster '{party.cluster.name}' cannot leave: {why}"
                yield Finding(server=node.host, what="cannot_leave", text=text)


def parties(away: Collection[str], records: Records, *, movable: bool = True) -> Iterator[Party]:
    """Yield who serves on these hosts, cluster by cluster; the movable ones alone, or all."""
    profiles = records.profiles
    for cluster in sorted(records.clusters, key=lambda each: each.name):
        nodes = tuple(
            each
            for each in records.nodes
            if each.cluster_id == cluster.id
            and each.host in away
            and not (is_idle(each) or each.leaving)
            and not (movable and bound(each, profiles.get(each.profile_id)))
        )
        if nodes and not cluster.leaving:
            yield Party(cluster=cluster, nodes=nodes)


def busiest(names: Sequence[str], records: Records, at_once: int) -> tuple[str, ...]:
    """Return which hosts, so many of them, most nodes would have to leave together."""
    counts = Counter(node.host for party in parties(names, records) for node in party.nodes)
    return tuple(sorted(sorted(names, key=lambda name: -counts[name])[:at_once]))


def wanted(party: Party, records: Records, about: About) -> tuple[Want, ...]:
    """Return the nodes that have to be made elsewhere: as many as the cluster cannot spare."""
    budget = allowance(party.cluster)
    spare = max(party.cluster.desired - budget.floor, 0)
    named = tuple(each.zone for each in party.cluster.placement.shares if each.weight)
    wants = []
    for number, node in enumerate(party.nodes[spare:]):
        profile, id = records.profiles.get(node.profile_id), uuid5(node.id, "elsewhere")
        if profile is None:
            continue
        zones = profile.server.zones or named
        if about.open_catalog and not {*zones} <= {*about.zones}:
            zones = ()
        item = item_for(str(id), profile.server.flavor)
        wants.append(Want(step=number, id=id, name=node.name, item=item, zones=zones))
    return tuple(wants)


def elsewhere(
    party: Party,
    wants: Sequence[Want],
    records: Records,
    room: Room,
    away: Collection[str],
) -> Setting:
    """Return the hosts as a pass of that cluster would see them while these are left."""
    group = party.cluster.placement.group
    return setting(
        Ground(
            room=without(room, away),
            claims=tuple(records.claims),
            standing=_standing(records, {party.cluster.id}),
            group=_standing(records, _company(records, party.cluster, group)),
        ),
        group,
        wants,
        strict=False,
    )


def _standing(records: Records, clusters: Collection[UUID]) -> dict[UUID, str]:
    nodes = (each for each in records.nodes if each.cluster_id in clusters)
    return {each.server_id: each.host for each in nodes if each.host}


def _company(records: Records, cluster: Cluster, group: Group | None) -> set[UUID]:
    """Return the other clusters that are of the group."""
    if group is None:
        return set()
    shared = (e for e in records.clusters if e.placement.group and e.id != cluster.id)
    return {e.id for e in shared if e.placement.group and e.placement.group.id == group.id}


def homeless(party: Party, scene: Setting, wants: Sequence[Want], away: Sequence[str]) -> Finding:
    """Return in words that a cluster cannot leave these hosts and serve as its budget says."""
    name, why = party.cluster.name, why_not(scene, wants[0])
    server = away[0] if len(away) == 1 else ""
    left = f"while {', '.join(away)} are away: " if len(away) > 1 else ""
    if party.cluster.desired == 1:
        text = f"{left}node '{party.nodes[0].name}' serves cluster '{name}' alone: {why}"
        return Finding(server=server, what="serves_alone", text=text)
    count = len(wants)
    text = f"{left}{count} more of cluster '{name}' would have to be elsewhere: {why}"
    return Finding(server=server, what="no_place", text=text)


def capped(party: Party, away: Sequence[str]) -> Finding | None:
    """Return that a cluster may neither have another node nor spare one, where that is so."""
    budget, cluster = allowance(party.cluster), party.cluster
    if budget.surge or budget.floor < cluster.desired:
        return None
    text = f"node '{party.nodes[0].name}' serves cluster '{cluster.name}' alone, "
    text += f"which may have no more than {cluster.placement.cap}"
    return Finding(server=away[0], what="serves_alone", text=text)
