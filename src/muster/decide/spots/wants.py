"""Which steps of a plan want a host, and what they want of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import ceil
from uuid import UUID

from muster.model.catalog import Flavor
from muster.model.cluster import Cluster
from muster.model.node import Node, server_id
from muster.model.placement import Affinity, Group
from muster.model.placing import Item
from muster.model.plan import Snapshot
from muster.model.reservation import Reservation, Room, arrival_id
from muster.model.step import CreateServer, OperateServer, Operation, ServerOrder, Step

APART = frozenset({Affinity.ANTI_AFFINITY, Affinity.SOFT_ANTI_AFFINITY})
SOFT = frozenset({Affinity.SOFT_AFFINITY, Affinity.SOFT_ANTI_AFFINITY})
_FORCED = frozenset({"true", "yes", "1"})  # wherever somebody says, whatever rules say
HELD = timedelta(seconds=120)  # longer than from a look at the cloud to the end of the making
MANY = 300  # at once: more than a hard rule can part are left to the cloud, which spreads them


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What is known of the hosts at the moment when places are looked for."""

    room: Room
    claims: tuple[Reservation, ...] = ()  # of others, counted by the room or not
    standing: Mapping[UUID, str] = field(default_factory=dict)  # the cluster's servers -> hosts
    group: Mapping[UUID, str] = field(default_factory=dict)  # others of its group, likewise
    lying: Mapping[UUID, str] = field(default_factory=dict)  # where what a node was given lies


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """One server that needs a host."""

    step: int  # its number in the plan
    id: UUID  # of the server
    name: str
    item: Item
    zones: tuple[str, ...] = ()  # it belongs into one of them; none: any
    spare: tuple[str, ...] = ()  # where it may be if those do not take it; none: no other
    roams: bool = False  # it may be in any, then
    near: str = ""  # the host that would be best, for something of it lies there
    host: str = ""  # the only one that will do
    leaves: str = ""  # where it is now and must not stay


# Note [Who is placed]
# A cloud finds a host for a server by itself, one server after another: the emptiest one will
# do where nobody cares. Where a cluster's placement says more, servers are placed together,
# for the first one decides where the last can go; so is a single server that somebody has
# launched and named no place for. While a host is being left, which its cloud does not know, no
# server is left to the cloud. Finding out what is free asks the cloud, which is why all
# others are left alone.
def asks_for_hosts(snapshot: Snapshot, steps: Sequence[Step]) -> bool:
    """Return whether any of the steps needs a host to be found. See Note [Who is placed]."""
    placement = snapshot.cluster.placement
    if placement.group or placement.shares or snapshot.solo or snapshot.cordoned:
        return any(isinstance(each, CreateServer) or _evacuates(each) for each in steps)
    return any(map(_evacuates, steps)) if len(steps) <= MANY else False


def wants(snapshot: Snapshot, steps: Sequence[Step], ground: Ground) -> tuple[Want, ...]:
    """Return who of the steps needs a host, in their order; () for more than are placed at once."""
    found = [
        want
        for number, step in enumerate(steps)
        if (want := _want(snapshot, number, step, ground)) is not None
    ]
    group = snapshot.cluster.placement.group
    loose = group is None or group.affinity in SOFT
    return () if loose and len(found) > MANY else tuple(found)


def eased(want: Want) -> Want:
    """Return the same with all that is only better left out."""
    zones = () if want.roams else want.spare or want.zones
    return replace(want, zones=zones, near="")


# Note [Held for a while]
# What an engine has found for a server is claimed in the database, so that another engine, or a
# virtual cluster, does not find the same. The claim outlives the making, for whoever has looked
# at the cloud before that knows nothing else of it; then the cloud tells by itself.
def claim_id(want: Want) -> UUID:
    """Return the id of the claim: of one that comes from elsewhere the cloud counts that place."""
    return arrival_id(want.id) if want.leaves else want.id


def claim(want: Want, cluster: Cluster, host: str, now: datetime) -> Reservation:
    """Return what a server holds on the host that was found for it. See Note [Held for a while]."""
    group = cluster.placement.group
    return Reservation(
        id=claim_id(want),
        project=cluster.project,
        cloud=cluster.cloud,
        owner=cluster.id,
        host=host,
        vcpus=want.item.vcpus,
        ram_mib=want.item.ram_mib,
        disk_gib=want.item.disk_gib,
        created_at=now,
        until=now + HELD,
        group=group.id if group else None,
    )


def is_apart(group: Group | None) -> bool:
    return group is not None and group.affinity in APART


def item_for(id: str, flavor: Flavor, disks_gib: int = 0) -> Item:
    """Return what a server of that size needs. A part of a vCPU is taken for a whole one."""
    disk = flavor.disk_gib + disks_gib
    return Item(
        id=id,
        vcpus=ceil(flavor.vcpus),
        ram_mib=flavor.memory_mib,
        disk_gib={"": disk} if disk else {},
    )


def _want(snapshot: Snapshot, number: int, step: Step, ground: Ground) -> Want | None:
    match step:
        case CreateServer(order=order):
            if order.host or order.server_id in ground.room.counted or _made_up(snapshot, order):
                return None
            return _new(snapshot, number, order, ground)
        case OperateServer() if _evacuates(step):
            node = next((each for each in snapshot.nodes if each.id == step.node_id), None)
            return _refugee(snapshot, number, step, node) if node else None
    return None


def _made_up(snapshot: Snapshot, order: ServerOrder) -> bool:
    """Return whether it names a zone that nobody knows, where any name will do."""
    known, named = snapshot.cloud.zones, (order.zone,) if order.zone else order.spec.zones
    return snapshot.cloud.open_catalog and not {*named} <= {*known}


def _new(snapshot: Snapshot, number: int, order: ServerOrder, ground: Ground) -> Want:
    first = order.server_id == server_id(order.node_id, 1)
    own, shares = order.spec.zones, snapshot.cluster.placement.shares
    return Want(
        step=number,
        id=order.server_id,
        name=order.name,
        item=item_for(
            str(order.server_id), order.spec.flavor, sum(disk.size_gib for disk in order.spec.disks)
        ),
        zones=(order.zone,) if order.zone else own,
        spare=own or tuple(each.zone for each in shares if each.weight),
        near="" if first else ground.lying.get(order.node_id, ""),
    )


def _refugee(snapshot: Snapshot, number: int, step: OperateServer, node: Node) -> Want | None:
    profile = snapshot.profiles.get(node.profile_id)
    server = snapshot.servers.get(node.server_id)
    if profile is None or server is None or not server.host:
        return None
    named = tuple(each.zone for each in snapshot.cluster.placement.shares if each.weight)
    allowed = profile.server.zones or named
    return Want(
        step=number,
        id=node.server_id,
        name=node.name,
        item=item_for(str(node.server_id), profile.server.flavor),
        zones=(server.zone,)
        if server.zone and (not allowed or server.zone in allowed)
        else allowed,
        spare=allowed,
        roams=not allowed,
        host=str(step.params.get("host") or ""),
        leaves=server.host,
    )


def _evacuates(step: Step) -> bool:
    return (
        isinstance(step, OperateServer)
        and step.operation is Operation.EVACUATE
        and str(step.params.get("force", "")).lower() not in _FORCED
    )
