"""The volumes port over Cinder: what servers are given, by Nova."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from muster.base.errors import DriverError, Permanent, Transient
from muster.drivers.openstack.answers import BAD, TAKEN, is_missing, status_of
from muster.drivers.openstack.grounds import Grounds
from muster.drivers.openstack.listing import Listing, Records, host_of
from muster.drivers.openstack.options import Options
from muster.drivers.openstack.rest import Rest
from muster.drivers.openstack.tags import PREFIX
from muster.model.volume import Volume, VolumeOrder

SERVICE = "block-storage"
SETTLE_S = 40.0
FIRST_LOOK_S, LONGEST_LOOK_S = 0.2, 2.0
FREE, USED = "available", "in-use"
LOST = ("error", "error_deleting", "error_extending", "error_restoring")
Said = Mapping[str, Any]


# Note [Places of volumes]
# Cinder's storage is reached from every host, unless somebody has set it up otherwise, and has
# zones of its own, which need not be those of servers. So a volume is everywhere where servers
# are; the host or zone that it was ordered for is written beside it, and asked of Cinder only
# where it has a zone of that name. While a server has it, it is where that server is.
class OpenStackVolumes:
    """See Note [Places of volumes]."""

    def __init__(self, rest: Rest, listing: Listing, grounds: Grounds, options: Options) -> None:
        self._rest = rest
        self._listing = listing
        self._grounds = grounds
        self._options = options
        self._installation = str(listing.installation)
        self._turns: defaultdict[UUID, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def list_volumes(self) -> Sequence[Volume]:
        listed, servers = await asyncio.gather(self._all(), self._listing.records())
        return [_shown(each, servers) for each in listed]

    async def create_volume(self, order: VolumeOrder) -> Volume:
        async with self._turns[order.volume_id]:
            there = await self._find(order.volume_id)
            if there is None:
                await self._check_place(order)
                there = await self._make(order)
            settled = await self._until(there["id"], _settles)
        return await self._told(settled)

    async def attach_volume(self, volume_id: UUID, server_ref: str, path: str = "") -> Volume:
        async with self._turns[volume_id]:
            said = await self._until((await self._must(volume_id))["id"], _settles)
            server = await self._listing.record(server_ref)
            if server is None:
                raise Permanent(f"there is no server {server_ref}", ref=server_ref)
            if _holder(said) not in ("", server_ref):
                raise Permanent(f"volume {_tag(said, 'name')} is attached to {_holder(said)}")
            if not _holder(said):
                node = server["metadata"].get(f"{PREFIX}node", "")
                await self._mark(said, {"node": "" if _tag(said, "keeper") else node})
                body = {"volumeAttachment": {"volumeId": said["id"]}}
                where = f"/servers/{server_ref}/os-volume_attachments"
                await self._rest.post("compute", where, body)
            said = await self._until(said["id"], _settles)
        return await self._told(said)

    async def detach_volume(self, volume_id: UUID) -> Volume:
        async with self._turns[volume_id]:
            said = await self._must(volume_id)
            await self._mark(said, {"node": ""})
            if holder := _holder(said):
                where = f"/servers/{holder}/os-volume_attachments/{said['id']}"
                try:
                    await self._rest.delete("compute", where)
                except DriverError as error:  # it is going already, or its server is
                    if status_of(error) not in (BAD, TAKEN):
                        raise
            said = await self._until(said["id"], lambda each: each["status"] == FREE)
        return await self._told(said)

    async def move_volume(self, volume_id: UUID, host: str) -> Volume:
        async with self._turns[volume_id]:
            said = await self._must(volume_id)
            shown = await self._told(said)
            if host != shown.host:
                await self._check_host(host)
                if shown.server_ref:
                    raise Permanent(f"volume {shown.name} is attached to {shown.server_ref}")
                await self._mark(said, {"host": host})
                said = await self._must(volume_id)
        return await self._told(said)

    async def resize_volume(self, volume_id: UUID, size_gib: int) -> Volume:
        async with self._turns[volume_id]:
            said = await self._until((await self._must(volume_id))["id"], _settles)
            if size_gib < said["size"]:
                text = f"volume {_tag(said, 'name')} has {said['size']} GiB, and does not shrink"
                raise Permanent(text)
            if size_gib > said["size"]:
                body = {"os-extend": {"new_size": size_gib}}
                await self._rest.post(SERVICE, f"/volumes/{said['id']}/action", body)
                said = await self._until(
                    said["id"], lambda each: _settles(each) and each["size"] >= size_gib
                )
        return await self._told(said)

    async def delete_volume(self, volume_id: UUID) -> None:
        async with self._turns[volume_id]:
            said = await self._find(volume_id)
            if said is None:
                return
            if holder := _holder(said):
                raise Permanent(f"volume {_tag(said, 'name')} is attached to {holder}")
            await self._until(said["id"], lambda each: each["status"] in (FREE, *LOST))
            await self.drop([said["id"]])
        self._turns.pop(volume_id, None)

    async def keepers(self) -> Mapping[UUID, Sequence[str]]:
        """Return the volumes that nobody has, of servers that they were made to go with."""
        found: dict[UUID, list[str]] = {}
        for each in await self._all():
            if (keeper := _uuid(each, "keeper")) and not _holder(each):
                found.setdefault(keeper, []).append(each["id"])
        return found

    async def drop(self, refs: Collection[str]) -> None:
        """Have these be gone, with what is in them."""
        for ref in refs:
            await self._rest.delete(SERVICE, f"/volumes/{ref}")
        for ref in refs:
            await self._until(ref, lambda each: False)

    async def _make(self, order: VolumeOrder) -> Said:
        tags = {
            "installation": self._installation,
            "volume": str(order.volume_id),
            "name": order.name,
            "project": order.project,
            "keeper": str(order.keeper or ""),
            "host": order.host,
            "zone": order.zone,
        }
        body: dict[str, Any] = {
            "name": order.name,
            "size": order.size_gib,
            "metadata": {f"{PREFIX}{name}": value for name, value in tags.items() if value},
        }
        if kind := order.pool or self._options.volume_type:
            body["volume_type"] = kind
        if order.zone in await self._zones():
            body["availability_zone"] = order.zone
        said: Said = (await self._rest.post(SERVICE, "/volumes", {"volume": body}))["volume"]
        return said

    async def _check_place(self, order: VolumeOrder) -> None:
        if order.host:
            await self._check_host(order.host)
        if order.zone and order.zone not in await self._zones():
            await self._grounds.check_zones(order.zone)

    async def _check_host(self, host: str) -> None:
        """Raises `Permanent` for a host that nobody knows: of servers, or a zone of either."""
        known = {*await self._grounds.hosts(), *await self._grounds.zones(), *await self._zones()}
        known |= {host_of(each) for each in (await self._listing.records()).values()}
        known |= {_lying(each) for each in await self._all()}
        if host not in known:
            raise Permanent(f"there is no host {host}", host=host)

    async def _zones(self) -> Collection[str]:
        return await self._grounds.volume_zones()

    async def _mark(self, said: Said, change: Mapping[str, str]) -> None:
        """Change these of its tags; an empty one goes."""
        where = f"/volumes/{said['id']}/metadata"
        told = {f"{PREFIX}{k}": v for k, v in change.items() if v and _tag(said, k) != v}
        if told:
            await self._rest.post(SERVICE, where, {"metadata": told})
        for name in [name for name, value in change.items() if not value and _tag(said, name)]:
            await self._rest.delete(SERVICE, f"{where}/{PREFIX}{name}")

    async def _until(self, ref: str, holds: Callable[[Said], bool]) -> Said:
        """Return the volume as soon as that holds of it, {} once it is gone.

        Raises `Transient` where it takes too long, `Permanent` where Cinder gives it up.
        """
        pause = FIRST_LOOK_S
        try:
            async with asyncio.timeout(SETTLE_S):
                while True:
                    said = await self._volume(ref)
                    if said is None:
                        return {}
                    if holds(said):
                        return said
                    if said["status"] in LOST:
                        raise Permanent(f"volume {ref}: Cinder says {said['status']}")
                    await asyncio.sleep(pause)
                    pause = min(pause * 1.5, LONGEST_LOOK_S)
        except TimeoutError:
            raise Transient(f"Cinder has been at volume {ref} for {SETTLE_S:g} s") from None

    async def _volume(self, ref: str) -> Said | None:
        try:
            said: Said = (await self._rest.get(SERVICE, f"/volumes/{ref}"))["volume"]
        except DriverError as error:
            if is_missing(error):
                return None
            raise
        return said

    async def _all(self) -> list[Said]:
        if not await self._rest.offers(SERVICE):
            return []
        listed = await self._rest.listed(SERVICE, "/volumes/detail", "volumes")
        return [
            each
            for each in listed
            if _tag(each, "installation") == self._installation
            and _uuid(each, "volume")
            and each["status"] != "deleting"
        ]

    async def _find(self, volume_id: UUID) -> Said | None:
        found = [each for each in await self._all() if _tag(each, "volume") == str(volume_id)]
        return min(found, key=lambda each: (each["created_at"], each["id"]), default=None)

    async def _must(self, volume_id: UUID) -> Said:
        found = await self._find(volume_id)
        if found is None:
            raise Permanent(f"there is no volume {volume_id}")
        return found

    async def _told(self, said: Said) -> Volume:
        if not said:
            raise Transient("the volume has just been deleted")
        return _shown(said, await self._listing.records() if _holder(said) else {})


def _tag(said: Said, name: str) -> str:
    return str((said.get("metadata") or {}).get(f"{PREFIX}{name}", ""))


def _uuid(said: Said, name: str) -> UUID | None:
    """Return an id among its tags, None where there is none: anybody of the project may write."""
    try:
        return UUID(_tag(said, name))
    except ValueError:
        return None


def _settles(said: Said) -> bool:
    return said["status"] in (FREE, USED)


def _holder(said: Said) -> str:
    return next((str(each["server_id"]) for each in said.get("attachments") or ()), "")


def _lying(said: Said) -> str:
    back_end = str(said.get("os-vol-host-attr:host") or "").partition("#")[0]
    return _tag(said, "host") or back_end or str(said.get("availability_zone") or "")


def _shown(said: Said, servers: Records) -> Volume:
    holder, volume_id = _holder(said), _uuid(said, "volume")
    server = servers.get(holder, {})
    assert volume_id
    return Volume(
        id=volume_id,
        ref=said["id"],
        name=_tag(said, "name"),
        project=_tag(said, "project"),
        size_gib=said["size"],
        host=host_of(server) or _lying(said),
        zone=server.get("OS-EXT-AZ:availability_zone") or _tag(said, "zone") or _zone(said),
        server_ref=holder,
        path=str(said["attachments"][0]["device"]) if holder else "",
        keeper=_uuid(said, "keeper"),
        node_id=_uuid(said, "node"),
        shared=True,
        created=datetime.fromisoformat(said["created_at"]).replace(tzinfo=UTC),
    )


def _zone(said: Said) -> str:
    return str(said.get("availability_zone") or "")
