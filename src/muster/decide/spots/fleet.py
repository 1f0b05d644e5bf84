"""What stands on the hosts of a cloud: nodes with their needs and rules, and who cannot move."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from muster.decide.spots.bundles import bundles
from muster.decide.spots.wants import item_for
from muster.decide.vclusters.claims import left
from muster.model.cloud import Ability, About
from muster.model.cluster import Cluster, ClusterStatus
from muster.model.node import BASTION_OF, Node, NodeStatus
from muster.model.placing import with_own
from muster.model.profile import Profile
from muster.model.rebalancing import Crowd, Fleet, Standing
from muster.model.reservation import Reservation, Room
from muster.model.vcluster import VCluster
from muster.model.volume import Volume


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """What the store knows of a cloud's clusters, or of single nodes by their keepers."""

    clusters: Sequence[Cluster]
    nodes: Sequence[Node]
    profiles: Mapping[UUID, Profile]
    claims: Sequence[Reservation]
    vclusters: Sequence[VCluster] = ()


def fleet_of(
    about: About, room: Room, records: Records, volumes: Sequence[Volume], away: Collection[str]
) -> Fleet:
    """Return the fleet on the hosts that there are.

    A node whose server does not count in the room yet is left out: it is still on its way.
    """
    keepers = {each.id: each for each in records.clusters}
    there = {host.id for host in room.hosts}
    tied = tied_by(volumes)
    none = about.refusal(Ability.EVACUATE)
    nodes = tuple(
        Standing(
            id=node.id,
            name=node.name,
            crowd=keeper.id,
            host=node.host,
            item=replace(
                item_for(str(node.id), profile.server.flavor, _disks(profile)), host=node.host
            ),
            zones=profile.server.zones,
            serves=not node.standby,
            stays=none or _stays(node, keeper, profile, tied),
        )
        for node in records.nodes
        if node.host in there and node.server_id in room.counted
        for keeper in (keepers.get(node.cluster_id or node.id),)
        for profile in (records.profiles.get(node.profile_id),)
        if keeper and profile
    )
    bundled = [bundles(each, room, none or "") for each in records.vclusters]
    standing = (*nodes, *(each for _, standing in bundled for each in standing))
    hosts = left(room, records.claims)
    return Fleet(
        hosts=with_own(hosts, [each.item for each in standing]),
        crowds=(*(_crowd(each) for each in records.clusters), *(crowd for crowd, _ in bundled)),
        standing=standing,
        away=frozenset(away),
    )


def _crowd(keeper: Cluster) -> Crowd:
    placement = keeper.placement
    weights = {each.zone: each.weight for each in placement.shares}
    return Crowd(id=keeper.id, name=keeper.name, group=placement.group, weights=weights)


def _disks(profile: Profile) -> int:
    return sum(disk.size_gib for disk in profile.server.disks)


def tied_by(volumes: Sequence[Volume]) -> frozenset[object]:
    """Return the nodes, and the servers by the cloud's ids, that have volumes on their host."""
    return frozenset(_holders(volumes))


def is_tied(node: Node, tied: frozenset[object]) -> bool:
    """Return whether a node has volumes on its host, by what `tied_by` told."""
    return bool(tied & {node.id, node.server_id, node.ref})


def _holders(volumes: Sequence[Volume]) -> Iterator[object]:
    for each in volumes:
        if not each.shared:
            yield from (who for who in (each.node_id, each.keeper, each.server_ref) if who)


def _stays(node: Node, keeper: Cluster, profile: Profile, tied: frozenset[object]) -> str:
    """Return why a node cannot be moved now, "" if it can."""
    reasons = (
        (keeper.leaving or keeper.rollout is not None, f"{keeper.name} is being changed"),
        (keeper.status is not ClusterStatus.ACTIVE, f"{keeper.name} is not in order"),
        (node.status is not NodeStatus.ACTIVE or bool(node.leaving), "it is not in order"),
        (bool(node.parked), "it is at rest"),
        (node.protected, "it is protected"),
        (BASTION_OF in node.dependents, "it is a bastion"),
        (bool(profile.server.host), "its profile names its host"),
        (is_tied(node, tied), "its volumes lie there"),
    )
    return next((why for is_so, why in reasons if is_so), "")
