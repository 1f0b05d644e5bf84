"""Instances, in clusters or alone: list, show, log, snapshot, replace, protect, delete."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from muster.base.errors import Conflict, NotFound, Unsupported
from muster.base.ids import new_id
from muster.model.action import Verb
from muster.model.catalog import Image
from muster.model.cloud import Ability
from muster.model.cluster import Cluster
from muster.model.event import About, Event
from muster.model.node import BASTION_OF, Leaving, Node, Why
from muster.model.observed import Server
from muster.model.profile import Profile
from muster.model.who import Who
from muster.ports.store import Query, Table, Transaction
from muster.service.clusters import profiles_of
from muster.service.desk import Desk
from muster.service.images import ImageOf
from muster.service.intent import Intent, plain
from muster.service.lookup import as_id, sees
from muster.service.preview import foretell
from muster.service.wish import Wish, Wished, grown, record, still


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """A node with the cluster that looks after it and the revision it was made from.

    Of one that belongs to no cluster, that is the one nobody sees: see Note [Solo] in ports/store.
    """

    node: Node
    cluster: Cluster
    profile: Profile | None
    server: Server | None = None  # as its cloud shows it now, where somebody asked for one


async def listing(desk: Desk, query: Query) -> list[Instance]:
    """Return the instances; bastions are told with their clusters."""
    return await desk.store.read(lambda tx: _listed(tx, query))


def _listed(tx: Transaction, query: Query) -> list[Instance]:
    nodes = tx.nodes.find(query)
    keepers = _by_id(tx.clusters, {each.cluster_id for each in nodes if each.cluster_id})
    keepers |= _by_id(tx.solos, {each.id for each in nodes if not each.cluster_id})
    wanted = tuple({each.profile_id for each in nodes})
    profiles = tx.profiles.find(Query(where={"id": wanted})) if wanted else []
    made_from = {each.id: each for each in profiles}
    return [
        Instance(node=node, cluster=keepers[keeper], profile=made_from.get(node.profile_id))
        for node in nodes
        if (keeper := node.cluster_id or node.id) in keepers and BASTION_OF not in node.dependents
    ]


def _by_id(rows: Table[Cluster], ids: set[UUID]) -> dict[UUID, Cluster]:
    found = rows.find(Query(where={"id": tuple(ids)})) if ids else []
    return {each.id: each for each in found}


def find(tx: Transaction, who: Who, said: str) -> Instance:
    """Return the instance of that id or name. Raises `NotFound` for those of other projects."""
    id = as_id(said)
    node = tx.nodes.get(id) if id else None
    if node is None:
        named = tx.nodes.find(Query(project=who.scope, where={"name": (said,)}, limit=2))
        if len(named) > 1:
            raise Conflict(f"several instances are called '{said}'; give an id")
        node = named[0] if named else None
    if node is None or BASTION_OF in node.dependents or not sees(who, node.project):
        raise NotFound(f"there is no instance '{said}'")
    cluster = tx.clusters.get(node.cluster_id) if node.cluster_id else tx.solos.get(node.id)
    if cluster is None:
        raise NotFound(f"there is no instance '{said}'")
    return Instance(node=node, cluster=cluster, profile=tx.profiles.get(node.profile_id))


async def show(desk: Desk, who: Who, said: str) -> Instance:
    """Return the instance as stored, with its server as the cloud shows it now."""
    found = await desk.store.read(lambda tx: find(tx, who, said))
    cloud = desk.cloud(found.cluster.cloud)
    for server in await cloud.compute.list_servers(found.node.tag):
        if server.server_id == found.node.server_id:
            return replace(found, server=server)
    return found


async def log(desk: Desk, who: Who, said: str, lines: int) -> str:
    """Return the newest lines that the instance has printed."""
    found = await desk.store.read(lambda tx: find(tx, who, said))
    cloud = desk.cloud(found.cluster.cloud)
    why = cloud.about.refusal(Ability.CONSOLE_LOG)
    if why is not None:
        raise Unsupported(f"cloud {cloud.about.name} cannot do this: {why}")
    return await cloud.compute.console_log(server_of(found), lines)


def server_of(found: Instance) -> str:
    """Return the cloud's id of the server. Raises `Conflict` where there is none yet."""
    if not found.node.ref:
        raise Conflict(f"instance '{found.node.name}' has no server yet: it is {found.node.status}")
    return found.node.ref


async def snapshot(desk: Desk, who: Who, said: str, name: str) -> Intent[ImageOf]:
    """Return the intent to make an image of the instance as it is."""
    found = await desk.store.read(lambda tx: find(tx, who, said))
    cloud = desk.cloud(found.cluster.cloud)
    why = cloud.about.refusal(Ability.SNAPSHOT)
    if why is not None:
        raise Unsupported(f"cloud {cloud.about.name} cannot do this: {why}")
    ref = server_of(found)

    async def save() -> ImageOf:
        image = await cloud.images.snapshot(new_id(), name, found.node.project, ref)
        event = _saved(who, found, image, desk.clock.now())
        await desk.store.write(lambda tx: tx.events.append(event))
        return ImageOf(cloud=cloud.about.name, image=image)

    return plain(save, f"save {found.node.name} as image {name}")


def _saved(who: Who, found: Instance, image: Image, now: datetime) -> Event:
    return Event(
        id=new_id(),
        at=now,
        kind="image.saved",
        otype=About.IMAGE,
        oid=as_id(image.id) or found.node.id,
        oname=image.name,
        cluster_id=found.node.cluster_id,
        project=found.node.project,
        user=who.user,
        status="end",
        reason=f"image {image.name} was made of {found.node.name}",
        data={"image": image.id, "instance": str(found.node.id)},
    )


async def replacement(desk: Desk, who: Who, said: str) -> Intent[Wished]:
    """Return the intent to put another instance in the place of this one, drained first."""
    found = await desk.store.read(lambda tx: find(tx, who, said))
    _refuse_alone(found, f"replace it by itself: muster node recover {said}")
    _refuse_leaving(found)
    wish = Wish(
        verb=Verb.CLUSTER_REPLACE_NODES,
        kind="node.replace_asked",
        reason=f"{who.user} asked to replace {found.node.name}",
        inputs={"nodes": [str(found.node.id)]},
    )
    return await _changed(desk, who, found, wish, _leave(found, desk.clock.now(), who))


async def deletion(desk: Desk, who: Who, said: str) -> Intent[Wished]:
    """Return the intent to remove this instance, the cluster being one smaller then."""
    found = await desk.store.read(lambda tx: find(tx, who, said))
    _refuse_alone(found, f"remove it by itself: muster node delete {said}")
    _refuse_leaving(found)
    smaller = found.cluster.desired - 1
    if smaller < found.cluster.min_size:
        raise Conflict(
            f"cluster '{found.cluster.name}' would be below its min_size of "
            f"{found.cluster.min_size}; replace the instance instead, or lower min_size first"
        )
    wish = Wish(
        verb=Verb.CLUSTER_DEL_NODES,
        kind="node.delete_asked",
        reason=f"{who.user} asked to remove {found.node.name}",
        inputs={
            "nodes": [str(found.node.id)],
            "before": found.cluster.desired,
            "desired_size": smaller,
        },
    )
    change = _leave(found, desk.clock.now(), who)
    return await _changed(desk, who, found, wish, change)


async def protection(desk: Desk, who: Who, said: str, *, on: bool) -> Intent[Wished]:
    """Return the intent to keep scaling and updates off this instance, or to let them again."""
    found = await desk.store.read(lambda tx: find(tx, who, said))
    _refuse_alone(found, "nobody scales or updates it but on request")
    word = "protect" if on else "unprotect"
    wish = Wish(
        verb=Verb.CLUSTER_OPERATION,
        kind="node.protected" if on else "node.unprotected",
        reason=f"{who.user} asked to {word} {found.node.name}",
        inputs={"operation": word, "nodes": [str(found.node.id)]},
        at_once=True,
    )
    return await _changed(desk, who, found, wish, lambda node: replace(node, protected=on))


def _refuse_alone(found: Instance, instead: str) -> None:
    if found.node.cluster_id is None:
        raise Conflict(f"instance '{found.node.name}' belongs to no cluster; {instead}")


def _refuse_leaving(found: Instance) -> None:
    if found.node.leaving is not None or found.cluster.leaving:
        raise Conflict(f"instance '{found.node.name}' is on its way out already")


def _leave(found: Instance, now: datetime, who: Who) -> Callable[[Node], Node]:
    patience = timedelta(seconds=found.cluster.service.drain_s if found.cluster.service else 0)
    why = f"{who.user} asked for it"
    leaving = Leaving(why=Why.REQUEST, since=now, deadline=now + patience, reason=why)
    return lambda node: replace(node, leaving=leaving)


async def _changed(
    desk: Desk,
    who: Who,
    found: Instance,
    wish: Wish,
    change: Callable[[Node], Node],
) -> Intent[Wished]:
    """Return the intent to change one node by a wish of its cluster, which may name a new size."""
    seen, now = found.cluster, desk.clock.now()
    size = int(wish.inputs.get("desired_size", seen.desired))
    imagined = replace(grown(seen, now), desired=size)
    profiles = await desk.store.read(lambda tx: profiles_of(tx, seen))

    def write(tx: Transaction) -> Wished:
        stored = still(tx, seen)
        node = find(tx, who, str(found.node.id)).node
        tx.nodes.put(change(node))
        return record(tx, who, replace(grown(stored, now), desired=size), wish, now)

    stamp = f"{wish.kind}/{found.node.id}/{seen.generation}"
    return Intent(
        foretell=lambda: foretell(desk, imagined, profiles, stamp, (change(found.node),)),
        do=lambda: desk.store.write(write),
    )
