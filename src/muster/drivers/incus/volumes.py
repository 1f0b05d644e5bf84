"""The volumes port over Incus: custom volumes, of the pool of root disks unless one is named."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import UUID

from muster.base.errors import DriverError, Permanent, Transient
from muster.drivers.incus.answers import is_missing, is_taken
from muster.drivers.incus.look import Lookout
from muster.drivers.incus.members import Members, Roster
from muster.drivers.incus.options import Options
from muster.drivers.incus.placing import ONLINE
from muster.drivers.incus.pools import pool_of, pools
from muster.drivers.incus.rest import WRITE_S, Call, Rest, path
from muster.drivers.incus.tags import PREFIX
from muster.model.volume import Volume, VolumeOrder

COPY_S = 600.0
CHANGED = 412  # it is not as it was read any more
FROM = f"{PREFIX}from"
NODE = f"{PREFIX}node"
PATH = f"{PREFIX}path"  # kept while it is to go to the next server of a node
UNLIMITED = frozenset({"dir"})  # drivers of pools that hold no volume to its size
_NEEDED = ("architecture", "config", "description", "devices", "ephemeral", "profiles", "stateful")


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A volume of ours as Incus shows it."""

    said: Mapping[str, Any]
    pool: str
    limited: bool

    @property
    def ref(self) -> str:
        return str(self.said["name"])

    @property
    def location(self) -> str:
        """The member that it lies on, "" where there is one server only."""
        return str(self.said["location"]).replace("none", "")

    @property
    def size_gib(self) -> int:
        return int(self.said["config"]["size"].removesuffix("GiB"))

    @property
    def holder(self) -> str:
        """The name of the instance that has it, "" while none has."""
        users = (urlsplit(each).path.split("/") for each in self.said.get("used_by") or ())
        found = (unquote(each[3]) for each in users if each[2] == "instances" and len(each) == 4)
        return next(found, "")

    def tag(self, name: str) -> str:
        return str(self.said["config"].get(f"{PREFIX}{name}", ""))

    def at(self, **params: str) -> dict[str, str]:
        """Return the parameters of a call about it: others may have its name on their own disks."""
        return params | ({"target": self.location} if self.location else {})


class IncusVolumes:
    def __init__(self, rest: Rest, lookout: Lookout, members: Members, options: Options) -> None:
        self._rest = rest
        self._lookout = lookout
        self._members = members
        self._options = options
        self._installation = lookout.installation
        self._turns: defaultdict[UUID, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._limited: dict[str, bool] = {}  # by pool

    async def list_volumes(self) -> Sequence[Volume]:
        roster = await self._members.roster()
        return [_shown(each, roster) for each in await self._all()]

    async def create_volume(self, order: VolumeOrder) -> Volume:
        async with self._turns[order.volume_id]:
            there = await self._find(order.volume_id)
            if there is None:
                await self._make(order)
                there = await self._must(order.volume_id)
        return _shown(there, await self._members.roster())

    async def attach_volume(self, volume_id: UUID, server_ref: str, path: str = "") -> Volume:
        async with self._turns[volume_id]:
            held = await self._must(volume_id)
            instance = await self._lookout.ours(server_ref)
            if instance is None:
                raise Permanent(f"there is no server {server_ref}", ref=server_ref)
            if held.holder not in ("", server_ref):
                raise Permanent(f"volume {held.tag('name')} is attached to {held.holder}")
            if not held.holder:
                if held.location:
                    held = await self._moved(held, instance["location"].replace("none", ""))
                where = path or held.tag("path") or f"/mnt/{held.tag('name')}"
                await self._given(held, instance, where)
                held = await self._must(volume_id)
        return _shown(held, await self._members.roster())

    async def detach_volume(self, volume_id: UUID) -> Volume:
        async with self._turns[volume_id]:
            held = await self._must(volume_id)
            await self._configure(held, {NODE: None, PATH: None})
            if held.holder:
                await self.take_away(held.holder, held.ref)
            held = await self._must(volume_id)
        return _shown(held, await self._members.roster())

    async def move_volume(self, volume_id: UUID, host: str) -> Volume:
        roster = await self._members.roster()
        async with self._turns[volume_id]:
            held = await self._must(volume_id)
            if host not in roster.members:
                raise Permanent(f"there is no host {host}", host=host)
            held = await self._moved(held, host if roster.clustered else "")
        return _shown(held, roster)

    async def resize_volume(self, volume_id: UUID, size_gib: int) -> Volume:
        async with self._turns[volume_id]:
            held = await self._must(volume_id)
            if size_gib < held.size_gib:
                name = held.tag("name")
                raise Permanent(f"volume {name} has {held.size_gib} GiB and stays so")
            await self._configure(held, {"size": f"{size_gib}GiB"})
            held = await self._must(volume_id)
        return _shown(held, await self._members.roster())

    async def delete_volume(self, volume_id: UUID) -> None:
        async with self._turns[volume_id]:
            held = await self._find(volume_id)
            if held and held.holder:
                raise Permanent(f"volume {held.tag('name')} is attached to {held.holder}")
            for each in await self._listed() if held else ():
                if each.ref == ref(volume_id):
                    await self._tried("DELETE", each)
        self._turns.pop(volume_id, None)

    async def lying_for(self, node_id: UUID) -> str:
        """Return the member where most of what was given to a node lies, "" for nowhere."""
        given = (each.location for each in await self._all() if each.tag("node") == str(node_id))
        return next((name for name, _ in Counter(filter(None, given)).most_common(1)), "")

    async def kept_for(self, server_id: UUID) -> Sequence[Held]:
        """Return the disks that a server was made with."""
        return [each for each in await self._all() if each.tag("server") == str(server_id)]

    # Note [Detaching]
    # A PATCH of an instance merges devices: one that is left out stays. So the whole instance is
    # put without it, if it is still as it was read; else what Incus has written into it meanwhile
    # would be taken back.
    async def take_away(self, server_ref: str, *sources: str) -> None:
        """Have the instance do without these volumes. See Note [Detaching]."""
        where = path("instances", server_ref)
        for _ in range(3):
            said, stamp = await self._rest.stamped(where)
            kept = {
                name: device
                for name, device in said["devices"].items()
                if device.get("source") not in sources
            }
            if kept == said["devices"]:
                return
            body = {name: said[name] for name in _NEEDED if name in said} | {"devices": kept}
            headers = {"If-Match": stamp}
            call = Call(method="PUT", path=where, body=body, headers=headers, deadline_s=WRITE_S)
            try:
                await self._rest.put_into_effect(call)
            except DriverError as error:
                if error.details.get("status") != CHANGED:
                    raise
            else:
                return
        raise Transient(f"{server_ref} is being changed by others all the while")

    async def _make(self, order: VolumeOrder) -> None:
        target = await self._target(order)
        tags = {
            "installation": str(self._installation),
            "volume": str(order.volume_id),
            "name": order.name,
            "project": order.project,
            "server": str(order.keeper or ""),
        }
        config = {f"{PREFIX}{name}": value for name, value in tags.items() if value}
        body = {
            "name": ref(order.volume_id),
            "type": "custom",
            "content_type": "filesystem",
            "config": config | {"size": f"{order.size_gib}GiB"},
        }
        pool = order.pool or await pool_of(self._rest, self._options)
        where = path("storage-pools", pool, "volumes", "custom")
        params = {"target": target} if target else {}
        try:
            await self._rest.put_into_effect(
                Call(method="POST", path=where, params=params, body=body, deadline_s=WRITE_S)
            )
        except DriverError as error:
            if not is_taken(error):
                raise

    async def _target(self, order: VolumeOrder) -> str:
        """Return the member that a new one lies on: of those that may be, that with the fewest."""
        roster = await self._members.roster()
        if order.host and order.host not in roster.members:
            raise Permanent(f"there is no host {order.host}", host=order.host)
        members = [
            each
            for each in roster.members.values()
            if order.host in ("", each.name) and (not order.zone or order.zone in each.zones)
        ]
        if not members:
            raise Permanent(f"there is no zone {order.zone} here", zone=order.zone)
        in_order = await self._well()
        well = [each.name for each in members if each.name in in_order]
        if not well:
            raise Transient(f"no member that volume {order.name} may lie on is in order")
        lying = [each.location for each in await self._all()]
        return min(well, key=lambda name: (lying.count(name), name)) if roster.clustered else ""

    async def _given(self, held: Held, instance: Mapping[str, Any], where: str) -> None:
        for name, device in instance["expanded_devices"].items():
            if device["type"] == "disk" and device.get("path") == where:
                raise Permanent(f"{instance['name']} has another disk at {where}: {name}")
        whom = None if held.tag("server") else instance["config"].get(NODE)
        await self._configure(held, {PATH: where, NODE: whom, FROM: None})
        devices = {held.ref: device_of(held, where)}
        await self._rest.put_into_effect(
            Call(
                method="PATCH",
                path=path("instances", instance["name"]),
                body={"devices": devices},
                deadline_s=WRITE_S,
            )
        )

    # Note [Moved by a copy]
    # A volume that Incus moves between members loses its configuration, our tags and its size
    # with it, and arrives after the operation has ended. So it is copied with all of that, and
    # the tag of where from; then the first is deleted, then that tag. Of two with one name the
    # copy does not count: it may be half there. One that is alone is whole, whatever its tag; the
    # tag goes before it is copied again, or neither of the two would count. A member that was
    # killed meanwhile knows nothing of the operation: then the first stays, and is copied again.
    async def _moved(self, held: Held, location: str) -> Held:
        """Return it as it is on that member. See Note [Moved by a copy]."""
        if held.location != location and held.holder:
            raise Permanent(f"volume {held.tag('name')} is attached to {held.holder}")
        await self._cleared(held)
        if held.location == location:
            return held
        await self._configure(held, {FROM: None})
        source = {
            "type": "copy",
            "name": held.ref,
            "pool": held.pool,
            "location": held.location,
        }
        body = {
            "name": held.ref,
            "type": "custom",
            "content_type": "filesystem",
            "config": {**held.said["config"], FROM: held.location},
            "source": source,
        }
        call = Call(
            method="POST",
            path=path("storage-pools", held.pool, "volumes", "custom"),
            params={"target": location},
            body=body,
            deadline_s=COPY_S,
            to_be_seen=True,
        )
        await self._rest.put_into_effect(call)
        await self._tried("DELETE", held)
        moved = await self._must(UUID(held.tag("volume")))
        await self._configure(moved, {FROM: None})
        return moved

    async def _cleared(self, held: Held) -> None:
        """Delete what earlier moves left half done, but on members that do not answer now."""
        reached = await self._well()
        for each in await self._listed():
            if each.ref == held.ref and each.location != held.location and each.location in reached:
                await self._tried("DELETE", each)

    async def _well(self) -> frozenset[str]:
        """Return the members that are in order, as far as is known."""
        roster, doubted = await self._members.roster(), self._members.doubted()
        online = (each.name for each in roster.members.values() if each.status == ONLINE)
        return frozenset(online) - doubted

    async def _configure(self, held: Held, change: Mapping[str, str | None]) -> None:
        """Change these of its configuration; None takes one out."""
        config = {**held.said["config"], **change}
        body = {
            "config": {name: value for name, value in config.items() if value is not None},
            "description": held.said.get("description", ""),
        }
        if body["config"] != held.said["config"]:
            await self._rest.put_into_effect(
                Call(
                    method="PUT",
                    path=_where(held),
                    params=held.at(),
                    body=body,
                    deadline_s=WRITE_S,
                )
            )

    async def _tried(self, method: str, held: Held) -> None:
        try:
            await self._rest.put_into_effect(
                Call(method=method, path=_where(held), params=held.at(), deadline_s=WRITE_S)
            )
        except DriverError as error:
            if not is_missing(error):
                raise

    async def _all(self) -> list[Held]:
        """Return those that count. See Note [Moved by a copy]."""
        listed = await self._listed()
        twice = Counter(each.ref for each in listed)
        return [each for each in listed if twice[each.ref] == 1 or not each.tag("from")]

    async def _listed(self) -> list[Held]:
        return [each for pool in await pools(self._rest) for each in await self._lying_in(pool)]

    async def _lying_in(self, pool: str) -> list[Held]:
        if pool not in self._limited:
            about = await self._rest.get(path("storage-pools", pool))
            self._limited[pool] = about["driver"] not in UNLIMITED
        listed = await self._rest.get(
            path("storage-pools", pool, "volumes", "custom"), recursion="1"
        )
        held = [Held(said=each, pool=pool, limited=self._limited[pool]) for each in listed]
        return [each for each in held if each.tag("installation") == str(self._installation)]

    async def _find(self, volume_id: UUID) -> Held | None:
        wanted = ref(volume_id)
        return next((each for each in await self._all() if each.ref == wanted), None)

    async def _must(self, volume_id: UUID) -> Held:
        found = await self._find(volume_id)
        if found is None:
            raise Permanent(f"there is no volume {volume_id}")
        return found


def ref(volume_id: UUID) -> str:
    return f"muster-{volume_id.hex}"


def device_of(held: Held, where: str) -> Mapping[str, str]:
    return {"type": "disk", "pool": held.pool, "source": held.ref, "path": where}


def _where(held: Held) -> str:
    return path("storage-pools", held.pool, "volumes", "custom", held.ref)


def _shown(held: Held, roster: Roster) -> Volume:
    keeper, node_id = held.tag("server"), held.tag("node")
    host = held.location or next(iter(roster.members), "")
    return Volume(
        id=UUID(held.tag("volume")),
        ref=held.ref,
        name=held.tag("name"),
        project=held.tag("project"),
        size_gib=held.size_gib,
        host=host,
        zone=roster.zone(host),
        server_ref=held.holder,
        path=held.tag("path") if held.holder else "",
        keeper=UUID(keeper) if keeper else None,
        node_id=UUID(node_id) if node_id else None,
        shared=roster.clustered and not held.location,
        limited=held.limited,
        created=datetime.fromisoformat(held.said["created_at"]),
    )
