"""Adopting servers that somebody else made: each becomes a node on its own, as it runs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from muster.base.copies import altered
from muster.base.errors import DriverError, Forbidden, Invalid, NotFound, Permanent, Unsupported
from muster.base.ids import new_id
from muster.decide.joins import solo
from muster.decide.naming import FORMAT, node_name
from muster.decide.profile_types import properties_of
from muster.model.action import Verb
from muster.model.catalog import Flavor
from muster.model.cloud import Ability
from muster.model.cluster import Cluster, ClusterStatus
from muster.model.event import OF_VERB, About, Event
from muster.model.node import Node, NodeStatus
from muster.model.observed import Foreign, Server
from muster.model.profile import Profile
from muster.model.profile_type import ProfileType
from muster.model.step import ServerOrder
from muster.model.who import Right, Who
from muster.ports.cloud import Cloud
from muster.ports.compute import Finder
from muster.ports.store import Transaction
from muster.service.clustering.views import Seen
from muster.service.desk import Desk
from muster.service.flavors import listing
from muster.service.made_of import made_of
from muster.service.types import find

ADOPTED = "Node adopted successfully"
_SERVER = "os.nova.server"


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptAsk:
    """A server to be adopted, as a request says it."""

    identity: str  # the cloud's own id of it
    type: str
    name: str = ""
    role: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    overrides: Mapping[str, Any] = field(default_factory=dict)
    snapshot: bool = False  # the profile's image is to be one of the server as it is


@dataclass(frozen=True, slots=True)
class _Found:
    """A server that may be adopted, and the cloud that keeps it."""

    kind: ProfileType
    cloud: Cloud
    server: Foreign


async def preview(desk: Desk, who: Who, ask: AdoptAsk) -> dict[str, Any]:
    """Return the specification of the profile that the server would get."""
    found = await _found(desk, who, ask)
    return _spec(found, ask)


async def _found(desk: Desk, who: Who, ask: AdoptAsk) -> _Found:
    """Look the server up. Raises `Invalid`, `Unsupported`, and what the cloud has against it."""
    try:
        kind = find(desk.profile_types, "profile_type", ask.type)
    except NotFound as error:
        raise Invalid(error.text, field="type") from None
    context = ask.overrides.get("context")
    region = context.get("region_name") if isinstance(context, Mapping) else None
    cloud = _cloud(desk, str(region or desk.default_cloud))
    finder = _finder(cloud, kind)
    try:
        server = await finder.find_server(ask.identity)
    except DriverError as error:
        raise _failed(ask, error) from error
    _refuse_foreigners(who, server)
    if not (server.flavor or "flavor" in ask.overrides):
        server = altered(server, flavor=_fitting(await listing(desk, who), server))
    return _Found(kind, cloud, server)


# Note [Whose servers]
# All projects may share one account of a cloud, and with it everything that others run there:
# the operator's own database, the machine that Muster itself is on. Whoever adopts a server may
# enter it as root and delete it. So it has to be given to his project by whoever owns it, or he
# operates the whole. Where a project sees in its cloud what is its own alone, all may.
def _refuse_foreigners(who: Who, server: Foreign) -> None:
    """Raise `Forbidden` for a server that is not his project's. See Note [Whose servers]."""
    if server.project in (None, who.project) or who.may(Right.OPERATE):
        return
    text = f"server '{server.ref}' is not given to project {who.project}"
    raise Forbidden(f"{text}: who operates Muster may adopt it, or its owner gives it")


def _cloud(desk: Desk, name: str) -> Cloud:
    if name not in desk.clouds:
        raise Invalid(f"there is no region '{name}'", field="overrides")
    return desk.clouds[name]


def _fitting(flavors: Iterable[Flavor], server: Foreign) -> str:
    """Return the least flavor that has all the server may use now.

    Raises `Invalid` where there is none, or where the server may use whatever is there.
    """
    fits = [
        each
        for each in flavors
        if each.vcpus >= server.vcpus > 0 and each.memory_mib >= server.memory_mib > 0
    ]
    if not fits:
        text = f"no flavor has the size of server '{server.ref}': name one in overrides.flavor"
        raise Invalid(text, field="overrides")
    return min(fits, key=lambda each: (each.memory_mib, each.vcpus, each.name)).name


def _finder(cloud: Cloud, kind: ProfileType) -> Finder:
    if cloud.finder is None:
        text = f"cloud {cloud.about.name} keeps no servers that others made"
        raise Unsupported(text, field="identity")
    if kind.name != _SERVER:
        raise Unsupported(f"only servers can be adopted, not a {kind.name}", field="type")
    return cloud.finder


def _failed(ask: AdoptAsk, error: DriverError) -> Permanent:
    text = f"Failed in adopting server '{ask.identity}': {error.text}"
    return Permanent(text, type="ProfileOperationFailed")


def _spec(found: _Found, ask: AdoptAsk) -> dict[str, Any]:
    server = found.server
    seen = {
        "flavor": server.flavor,
        "image": server.image,
        "name": server.name,
        "networks": [{"network": server.network}] if server.network else [],
        "metadata": dict(server.metadata),
        "availability_zone": server.zone,
        "key_name": server.key_name,
    }
    said = {name: value for name, value in seen.items() if value}
    properties = {**said, "auto_disk_config": True, **ask.overrides}
    return {
        "type": found.kind.name,
        "version": found.kind.version,
        "properties": dict(sorted(properties.items())),
    }


# Note [Adopting]
# What is ours and fills no place is a stray, and strays are removed. So the node is written
# down before the cloud is told whose the server is: were we stopped in between, there would be
# a node in error, which is not healed and can be deleted, and the server would go on as it
# was, nobody's but its maker's. Only where the cloud refuses the node is taken out again.
async def adopt(desk: Desk, who: Who, ask: AdoptAsk) -> Seen:
    """Return the node that the server has become. See Note [Adopting]."""
    found = await _found(desk, who, ask)
    _refuse_snapshot(found.cloud, ask)
    spec = _spec(found, ask)
    made = await made_of(desk, who, found.kind, properties_of(found.kind, spec["properties"]))
    now = desk.clock.now()
    id = new_id()
    name = ask.name or node_name(FORMAT, 0, id)
    profile = Profile(
        id=new_id(),
        project=who.project,
        user=who.user,
        domain=who.domain,
        name=f"prof-{name}",
        type=found.kind.key,
        spec=spec,
        server=made.server,
        cloud=made.cloud,
        kept=True,
        created_at=now,
    )
    node = Node(
        id=id,
        cluster_id=None,
        project=who.project,
        user=who.user,
        domain=who.domain,
        index=-1,
        name=name,
        profile_id=profile.id,
        role=ask.role,
        metadata=ask.metadata,
        status=NodeStatus.ACTIVE,
        reason=ADOPTED,
        ref=ask.identity,
        port=made.server.port or 0,
        since=now,
        created_at=now,
        began_at=now,
        ready_at=now,
    )
    keeper = _settled(solo(node, found.cloud.about.name, now))
    await desk.store.write(lambda tx: _write(tx, profile, node, keeper))
    try:
        server = await _handed_over(found.cloud, ask, node, profile)
        profile = await _with_image(found.cloud, ask, profile)
    except DriverError as error:
        await desk.store.write(lambda tx: _unwrite(tx, profile, node))
        raise _failed(ask, error) from error
    return await desk.store.write(lambda tx: _finish(tx, profile, node, server))


def _settled(keeper: Cluster) -> Cluster:
    return replace(
        keeper,
        settled_generation=keeper.generation,
        status=ClusterStatus.ACTIVE,
        created_at=keeper.init_at,
    )


def _refuse_snapshot(cloud: Cloud, ask: AdoptAsk) -> None:
    why = cloud.about.refusal(Ability.SNAPSHOT)
    if ask.snapshot and why:
        raise Unsupported(f"cloud {cloud.about.name} cannot do this: {why}", field="snapshot")


def _write(tx: Transaction, profile: Profile, node: Node, keeper: Cluster) -> None:
    tx.profiles.put(profile)
    tx.nodes.put(node)
    tx.solos.put(keeper)


def _unwrite(tx: Transaction, profile: Profile, node: Node) -> None:
    tx.profiles.drop(profile.id)
    tx.nodes.drop(node.id)
    tx.solos.drop(node.id)


async def _handed_over(cloud: Cloud, ask: AdoptAsk, node: Node, profile: Profile) -> Server:
    order = ServerOrder(
        server_id=node.server_id,
        node_id=node.id,
        cluster_id=node.id,
        project=node.project,
        name=node.name,
        index=node.index,
        spec=replace(profile.server, taken=cloud.about.open_catalog),
    )
    return await cloud.compute.adopt_server(ask.identity, order)


async def _with_image(cloud: Cloud, ask: AdoptAsk, profile: Profile) -> Profile:
    """Return the profile with an image of the server as it is, where that is asked for."""
    if not ask.snapshot:
        return profile
    name = f"snapshot-{profile.name}"
    image = await cloud.images.snapshot(new_id(), name, profile.project, ask.identity)
    properties = {**profile.spec["properties"], "image": image.name}
    return replace(
        profile,
        spec={**profile.spec, "properties": properties},
        server=replace(profile.server, image=image.id, image_name=image.name),
    )


def _finish(tx: Transaction, profile: Profile, node: Node, server: Server) -> Seen:
    """Write down what the cloud says of the server, and have the engine look after it."""
    adopted = altered(node, ref=server.ref, address=server.address, host=server.host)
    adopted = altered(adopted, zone=server.zone)
    tx.profiles.put(profile)
    tx.nodes.put(adopted)
    tx.events.append(
        Event(
            id=new_id(),
            at=node.since,
            kind=OF_VERB[Verb.NODE_CREATE],
            otype=About.NODE,
            oid=node.id,
            oname=node.name,
            project=node.project,
            user=node.user,
            action=Verb.NODE_CREATE,
            status="end",
            reason=ADOPTED,
            data={"physical_id": server.ref},
        )
    )
    tx.marks.mark(node.id)
    return Seen(adopted, profile.name)
