"""What a request for a virtual cluster names, looked up: cloud, room, and what members are of."""

from collections.abc import Iterator, Sequence
from uuid import UUID

from muster.base.errors import Unsupported
from muster.decide.server_clusters.lanes import closed
from muster.decide.vclusters.checks import faults
from muster.model.cloud import Ability
from muster.model.profile import ServerSpec
from muster.model.reservation import Room, without
from muster.model.vcluster import (
    Instance,
    Member,
    ServerWords,
    VClusterAsk,
    VolumeSpec,
    VolumeWords,
    attachments,
    member_id,
)
from muster.model.who import Who
from muster.ports.cloud import Cloud
from muster.ports.store import Query
from muster.service.ask import Ask, Fault, refuse
from muster.service.desk import Desk
from muster.service.lookup import References, references

_Named = tuple[str, str, str, str]  # image, flavor, network, key
# What `references` calls a thing, and what a request does.
_FIELDS = {
    "image": "image_ref",
    "flavor": "flavor_ref",
    "backend_network": "networks",
    "keypair": "key_name",
}


def cloud_of(desk: Desk, ask: VClusterAsk) -> Cloud:
    """Return the cloud that is asked for, after all that can be told before it is asked.

    Raises `Invalid` for a request that contradicts itself, and for an unknown cloud.
    """
    if wrong := faults(ask):
        refuse(Fault(f"vcluster.{field}", text) for field, text in wrong)
    cloud = desk.clouds.get(ask.cloud or desk.default_cloud)
    if cloud is None:
        known = ", ".join(sorted(desk.clouds))
        refuse([Fault("vcluster.cloud", f"there is no cloud '{ask.cloud}'; there is {known}")])
    return cloud


async def room_of(desk: Desk, cloud: Cloud) -> Room:
    """Return what the cloud's hosts have free, nothing new to go to those that are being left.

    Raises `Unsupported` where it does not tell.
    """
    if cloud.hosts is None:
        text = f"cloud {cloud.about.name} does not tell what its hosts have free"
        raise Unsupported(f"{text}: it places by itself, one server after another")
    mine = Query(where={"name": (cloud.about.name,)})
    there = await cloud.hosts.room()
    return without(there, closed(await desk.store.read(lambda tx: tx.server_clusters.find(mine))))


async def members_of(
    desk: Desk, who: Who, cloud: Cloud, ask: VClusterAsk, id: UUID
) -> tuple[Member, ...]:
    """Return the members of a new vcluster, everything that they name looked up and pinned.

    Raises `Invalid` with every thing that is not there.
    """
    room = await room_of(desk, cloud)
    pools = {room.default_pool, *(pool for host in room.hosts for pool in host.disk_gib)}
    found: dict[_Named, References] = {}
    for each in ask.instances:
        if each.server and (named := _named(each.server)) not in found:
            found[named] = await references(desk, who, cloud, _ask(named))
    wrong = [
        Fault(f"vcluster.instances[{number}].spec.{field}", text)
        for number, each in enumerate(ask.instances)
        for field, text in _faults(cloud, each, found, pools)
    ]
    if wrong:
        refuse(wrong)
    attached = attachments(ask.instances, ask.groupings)
    return tuple(
        Member(
            id=member_id(id, each.name),
            name=each.name,
            server=_spec(each.server, found[_named(each.server)]) if each.server else None,
            volume=_volume(each.volume, attached.get(each.name, ""), room) if each.volume else None,
            zone=each.server.zone if each.server else "",
        )
        for each in ask.instances
    )


def _named(server: ServerWords) -> _Named:
    return server.image, server.flavor, next(iter(server.networks), ""), server.key_name


def _ask(named: _Named) -> Ask:
    image, flavor, network, key = named
    given = {"image", "flavor"} | ({"backend_network"} if network else set())
    return Ask(
        given=frozenset(given),
        image=image,
        flavor=flavor,
        backend_network=network,
        keypair=key or None,
    )


def _faults(
    cloud: Cloud, each: Instance, found: dict[_Named, References], pools: set[str]
) -> Iterator[tuple[str, str]]:
    if each.server:
        for fault in found[_named(each.server)].faults:
            yield _FIELDS[fault.field], fault.message
        yield from _server_faults(cloud, each.server)
    if each.volume:
        yield from _volume_faults(cloud, each.volume, pools)


def _server_faults(cloud: Cloud, server: ServerWords) -> Iterator[tuple[str, str]]:
    about = cloud.about
    if server.zone and about.zones and server.zone not in about.zones:
        known = ", ".join(about.zones)
        yield "availability_zone", f"cloud {about.name} has no zone '{server.zone}'; it has {known}"
    if len(server.networks) > 1:
        yield "networks", "a server is on one network here"
    needs: Sequence[tuple[str, str, Ability]] = (
        ("key_name", server.key_name, Ability.KEYPAIR),
        ("user_data", server.user_data, Ability.USER_DATA),
    )
    for field, said, ability in needs:
        if said and (why := about.refusal(ability)):
            yield field, f"cloud {about.name} cannot do this: {why}"


def _volume_faults(cloud: Cloud, volume: VolumeWords, pools: set[str]) -> Iterator[tuple[str, str]]:
    name = cloud.about.name
    if cloud.volumes is None:
        why = cloud.about.refusal(Ability.VOLUMES) or "its disks come and go with their servers"
        yield "size", f"cloud {name} keeps no volumes: {why}"
    if volume.image:
        yield "image_ref", "volumes are made empty here"
    if volume.pool and volume.pool not in pools:
        known = ", ".join(sorted(pools - {""})) or "only the one that need not be named"
        yield "volume_type", f"cloud {name} has no storage pool '{volume.pool}'; it has {known}"


def _spec(server: ServerWords, found: References) -> ServerSpec:
    image, flavor, network, key = found.image, found.flavor, found.network, found.keypair
    assert image
    assert flavor
    return ServerSpec(
        image=image.id,
        image_name=image.name,
        flavor=flavor,
        network=network.id if network else "",
        network_name=network.name if network else "",
        key_name=key.name if key else "",
        public_key=key.public_key if key else "",
        user_data=server.user_data,
        metadata=dict(server.metadata),
        port=image.port,
        health_path=image.health_path or "",
    )


def _volume(volume: VolumeWords, server: str, room: Room) -> VolumeSpec:
    pool = "" if volume.pool == room.default_pool else volume.pool
    return VolumeSpec(size_gib=volume.size_gib, pool=pool, attach_to=server)
