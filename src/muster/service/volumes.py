"""Volumes of all clouds: list, make, give to an instance, take away, move, enlarge, delete."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from muster.base.errors import Conflict, DriverError, Invalid, NotFound, Unsupported
from muster.base.ids import new_id
from muster.model.cloud import Ability
from muster.model.event import About, Event, Level
from muster.model.node import Node
from muster.model.volume import Volume, VolumeOrder, elsewhere
from muster.model.who import Who
from muster.ports.cloud import Cloud
from muster.ports.store import Query, Transaction
from muster.ports.volumes import Volumes
from muster.service import instances
from muster.service.clouds import chosen
from muster.service.desk import Desk
from muster.service.intent import Intent, plain
from muster.service.lookup import sees


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeOf:
    """A volume, the cloud that has it, and the instance that uses it."""

    cloud: str
    volume: Volume
    instance: Node | None = None
    former: Node | None = None  # it was given to this one, whose present server has not got it

    @property
    def note(self) -> str:
        """What is to be known of a volume that its instance has lost. See Note [Followers]."""
        if self.former is None:
            return ""
        why = elsewhere(self.volume, self.former.name, self.former.host)
        return why or f"it goes to the next server of {self.former.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeAsk:
    """What somebody asks of a new volume; "" is what he leaves to us."""

    name: str
    size_gib: int
    cloud: str = ""
    host: str = ""
    zone: str = ""


async def listing(desk: Desk, who: Who, cloud: str = "") -> list[VolumeOf]:
    """Return the caller's volumes by name."""
    found = [
        (each.about.name, volume)
        for each in chosen(desk, cloud)
        if each.volumes
        for volume in await each.volumes.list_volumes()
        if sees(who, volume.project)
    ]
    refs = {volume.server_ref for _, volume in found} - {""}
    nodes = await desk.store.read(lambda tx: _users(tx, refs))
    lost = {each.node_id for _, each in found if each.node_id and each.server_ref not in nodes}
    former = await desk.store.read(lambda tx: _named(tx, lost)) if lost else {}
    made = [
        VolumeOf(
            cloud=name,
            volume=volume,
            instance=nodes.get(volume.server_ref),
            former=former.get(volume.node_id) if volume.server_ref not in nodes else None,
        )
        for name, volume in found
    ]
    return sorted(made, key=lambda one: (one.volume.name, str(one.volume.id)))


def _users(tx: Transaction, refs: set[str]) -> dict[str, Node]:
    """Return who has these servers. Few have volumes, so nothing finds nodes by that."""
    nodes = tx.nodes.find(Query()) if refs else []
    return {node.ref: node for node in nodes if node.ref in refs}


def _named(tx: Transaction, ids: set[UUID]) -> dict[UUID | None, Node]:
    """Return those of these nodes that are there."""
    found: list[Node] = tx.nodes.find(Query(where={"id": tuple(sorted(ids))}))
    return {node.id: node for node in found}


async def show(desk: Desk, who: Who, said: str) -> VolumeOf:
    """Return the volume of that id or name. Raises `NotFound` for those of other projects."""
    volumes = await listing(desk, who)
    found = [each for each in volumes if said == str(each.volume.id)]
    found = found or [each for each in volumes if said == each.volume.name]
    if len(found) > 1:
        raise Conflict(f"several volumes are called '{said}'; give an id")
    if not found:
        raise NotFound(f"there is no volume '{said}'")
    return found[0]


def _volumes(cloud: Cloud) -> Volumes:
    """Return the cloud's volumes. Raises `Unsupported` where it has no such thing."""
    if cloud.volumes is None:
        why = cloud.about.refusal(Ability.VOLUMES) or "its disks come and go with their servers"
        raise Unsupported(f"cloud {cloud.about.name} keeps no volumes: {why}")
    return cloud.volumes


async def creation(desk: Desk, who: Who, ask: VolumeAsk) -> Intent[VolumeOf]:
    """Return the intent to make a volume of the caller's project."""
    cloud = chosen(desk, ask.cloud or desk.default_cloud)[0]
    volumes = _volumes(cloud)
    if ask.zone and cloud.about.zones and ask.zone not in cloud.about.zones:
        known = ", ".join(cloud.about.zones)
        text = f"cloud {cloud.about.name} has no zone '{ask.zone}'; it has {known}"
        raise Invalid(text, field="zone")
    named = await listing(desk, who, cloud.about.name)
    if any((each.volume.name, each.volume.project) == (ask.name, who.project) for each in named):
        raise Conflict(f"this project has a volume named '{ask.name}' already", field="name")
    order = VolumeOrder(
        volume_id=new_id(),
        name=ask.name,
        project=who.project,
        size_gib=ask.size_gib,
        host=ask.host,
        zone=ask.zone,
    )
    where = f" on {ask.host or ask.zone}" if ask.host or ask.zone else ""
    step = f"make volume {ask.name} of {ask.size_gib} GiB in cloud {cloud.about.name}{where}"
    return _changing(desk, cloud, step, do=lambda: volumes.create_volume(order))


async def attachment(desk: Desk, who: Who, said: str, instance: str, path: str) -> Intent[VolumeOf]:
    """Return the intent to give the volume to an instance of the same cloud."""
    seen, user = await show(desk, who, said), await instances.show(desk, who, instance)
    volume, node, cloud = seen.volume, user.node, desk.cloud(seen.cloud)
    volumes = _volumes(cloud)
    if user.cluster.cloud != seen.cloud:
        raise Conflict(
            f"volume '{volume.name}' is in cloud {seen.cloud}, "
            f"and instance '{node.name}' in {user.cluster.cloud}"
        )
    if not node.ref:
        raise Conflict(f"instance '{node.name}' has no server yet: it is {node.status}")
    if volume.server_ref not in ("", node.ref):
        raise Conflict(f"volume '{volume.name}' is attached to {_user(seen)}: detach it first")
    step = f"attach volume {volume.name} to {node.name}"
    return _changing(desk, cloud, step, do=lambda: volumes.attach_volume(volume.id, node.ref, path))


async def detachment(desk: Desk, who: Who, said: str) -> Intent[VolumeOf]:
    """Return the intent to take the volume from the instance that has it."""
    seen = await show(desk, who, said)
    cloud, volume = desk.cloud(seen.cloud), seen.volume
    volumes = _volumes(cloud)
    _refuse_kept(seen)
    step = f"detach volume {volume.name} from {_user(seen)}" if volume.server_ref else ""
    steps = (step,) if step else ()
    return _changing(desk, cloud, *steps, do=lambda: volumes.detach_volume(volume.id))


async def moving(desk: Desk, who: Who, said: str, host: str) -> Intent[VolumeOf]:
    """Return the intent to bring a volume that nobody has to another host."""
    seen = await show(desk, who, said)
    cloud, volume = desk.cloud(seen.cloud), seen.volume
    volumes = _volumes(cloud)
    if volume.server_ref and volume.host != host:
        raise Conflict(f"volume '{volume.name}' is attached to {_user(seen)}: detach it first")
    if cloud.hosts and host not in {each.id for each in (await cloud.hosts.room()).hosts}:
        raise Invalid(f"cloud {seen.cloud} has no host '{host}'", field="host")

    async def move() -> Volume:
        try:
            moved = await volumes.move_volume(volume.id, host)
        except DriverError as error:
            await _tell_move(desk, who, volume, ("error", f"not moved to {host}: {error.text}"))
            raise
        if volume.host != host:
            await _tell_move(desk, who, volume, ("end", f"moved from {volume.host} to {host}"))
        return moved

    step = f"move volume {volume.name} from {volume.host} to {host}"
    return _changing(desk, cloud, step, do=move)


async def _tell_move(desk: Desk, who: Who, volume: Volume, outcome: tuple[str, str]) -> None:
    status, reason = outcome
    event = Event(
        id=new_id(),
        at=desk.clock.now(),
        kind="volume.moved",
        level=Level.WARN if status == "error" else Level.INFO,
        otype=About.VOLUME,
        oid=volume.id,
        oname=volume.name,
        project=volume.project,
        user=who.user,
        status=status,
        reason=reason,
    )
    await desk.store.write(lambda tx: tx.events.append(event))


async def enlargement(desk: Desk, who: Who, said: str, size_gib: int) -> Intent[VolumeOf]:
    seen = await show(desk, who, said)
    cloud, volume = desk.cloud(seen.cloud), seen.volume
    volumes = _volumes(cloud)
    if size_gib < volume.size_gib:
        text = f"must be at least {volume.size_gib}, which it has: a volume does not shrink"
        raise Invalid(text, field="size_gib")
    step = f"make volume {volume.name} {size_gib} GiB large"
    return _changing(desk, cloud, step, do=lambda: volumes.resize_volume(volume.id, size_gib))


async def deletion(desk: Desk, who: Who, said: str) -> Intent[None]:
    """Return the intent to delete a volume that nobody has, with what is in it."""
    seen = await show(desk, who, said)
    volume = seen.volume
    volumes = _volumes(desk.cloud(seen.cloud))
    if volume.server_ref:
        _refuse_kept(seen)
        raise Conflict(f"volume '{volume.name}' is attached to {_user(seen)}: detach it first")

    async def delete() -> None:
        await volumes.delete_volume(volume.id)

    lost = (f"volume {volume.name} ({volume.size_gib} GiB) and what is in it",)
    return plain(delete, f"delete volume {volume.name}", loses=lost, reversible=False)


def _refuse_kept(seen: VolumeOf) -> None:
    if seen.volume.keeper:
        name = seen.volume.name
        raise Conflict(f"volume '{name}' was made with {_user(seen)}, and goes with it only")


def _user(seen: VolumeOf) -> str:
    return seen.instance.name if seen.instance else seen.volume.server_ref or "its instance"


def _changing(
    desk: Desk, cloud: Cloud, *steps: str, do: Callable[[], Awaitable[Volume]]
) -> Intent[VolumeOf]:
    async def change() -> VolumeOf:
        changed = await do()
        users = await desk.store.read(lambda tx: _users(tx, {changed.server_ref} - {""}))
        return VolumeOf(
            cloud=cloud.about.name, volume=changed, instance=users.get(changed.server_ref)
        )

    return plain(change, *steps)
