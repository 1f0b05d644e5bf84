"""Creating and deleting instances, so that asking twice does no harm."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from muster.base.errors import DriverError, Permanent, Transient
from muster.drivers.incus.answers import is_missing, is_taken
from muster.drivers.incus.look import Lookout, network_of
from muster.drivers.incus.machines import Machines
from muster.drivers.incus.members import ALONE
from muster.drivers.incus.options import Options
from muster.drivers.incus.ovn.doors import Doors
from muster.drivers.incus.placing import Taken, chosen, places
from muster.drivers.incus.pools import pool_of
from muster.drivers.incus.rest import SETTLE_S, WRITE_S, Call, Rest, path
from muster.drivers.incus.shape import DISKS, instance, source
from muster.drivers.incus.tags import PREFIX, Tags, instance_name, read, written
from muster.drivers.incus.volumes import IncusVolumes
from muster.model.node import server_id
from muster.model.observed import Server
from muster.model.step import ServerOrder
from muster.model.volume import VolumeOrder, disk_id


class Maker:
    def __init__(
        self,
        rest: Rest,
        lookout: Lookout,
        parts: tuple[IncusVolumes, Doors, Machines],
        options: Options,
    ) -> None:
        self._rest = rest
        self._lookout = lookout
        self._members = lookout.members
        self._volumes, self._doors, self._machines = parts
        self._options = options
        self._coming: dict[str, Taken] = {}  # by ref: chosen, and perhaps not listed yet
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)  # by ref

    def works_on(self, ref: str) -> bool:
        """Return whether something is being done here to that instance right now."""
        turn = self._turns.get(ref)
        return ref in self._lookout.busy or (turn is not None and turn.locked())

    def node_of(self, ref: str) -> UUID | None:
        """Return for whom that instance is being made, None if it is not."""
        coming = self._coming.get(ref)
        return coming.tags.node if coming else None

    async def create(self, order: ServerOrder, installation: UUID) -> Server:
        """Return the ordered server, made and started unless it was before."""
        ref = instance_name(order)
        async with self._turns[ref]:
            there = await self._lookout.server(ref)
            if there is None:
                await self._make(order, installation)
                there = await self._lookout.server(ref)
        if there is None:
            raise Transient(f"{ref} was made and cannot be seen yet")
        if there.server_id != order.server_id:
            raise Permanent(f"{ref} is another server: {there.server_id}")
        return there

    async def adopt(self, ref: str, order: ServerOrder, installation: UUID) -> Server:
        """Return the instance `ref`, tagged as if it had been made by this order."""
        async with self._turns[ref]:
            said = await self._rest.find(path("instances", ref))
            if said is None:
                raise Permanent(f"there is no server {ref}", ref=ref)
            owner = read(said["config"])
            if owner is None:
                await self._tag(said, written(order, installation))
            elif (owner.installation, owner.server) != (installation, order.server_id):
                raise Permanent(f"server {ref} is looked after by somebody else", ref=ref)
            adopted = await self._lookout.server(ref)
        if adopted is None:
            raise Transient(f"{ref} is adopted and cannot be seen yet")
        return adopted

    async def _tag(self, said: Mapping[str, Any], tags: Mapping[str, str]) -> None:
        """Tag the root disk first: an instance with tags is taken for adopted."""
        ref, place = said["name"], said["location"]
        for device in said["expanded_devices"].values():
            if device["type"] == "disk" and device.get("path") == "/":
                where = path("storage-pools", device["pool"], "volumes", said["type"], ref)
                await self._tag_volume(where, {"target": place} if place != ALONE else {}, tags)
        body = {"config": dict(tags)}
        where = path("instances", ref)
        await self._rest.put_into_effect(
            Call(method="PATCH", path=where, body=body, deadline_s=WRITE_S)
        )

    async def _tag_volume(
        self, where: str, place: Mapping[str, str], tags: Mapping[str, str]
    ) -> None:
        known = await self._rest.get(where, **place)
        body = {"config": {**known["config"], **tags}, "description": known["description"]}
        await self._rest.put_into_effect(
            Call(method="PUT", path=where, params=place, body=body, deadline_s=WRITE_S)
        )

    async def delete(self, ref: str) -> None:
        """Have the instance stop and go away, if it is ours."""
        async with self._turns[ref]:
            await self._delete(ref)
            self._coming.pop(ref, None)
        self._turns.pop(ref, None)

    async def _delete(self, ref: str) -> None:
        instance = await self._lookout.ours(ref)
        if instance is None:
            return
        server_id = UUID(instance["config"][f"{PREFIX}server"])
        if network := network_of(instance):
            await self._doors.close(network, server_id)
        if instance["status"] != "Stopped":
            await self._tried(state(ref, "stop", force=True))
        if instance["config"].get(DISKS):
            await self._strip(ref, server_id)
        await self._tried(Call(method="DELETE", path=path("instances", ref), deadline_s=WRITE_S))

    async def _tried(self, call: Call) -> None:
        """Put the call into effect, whether or not there is anything left to do."""
        try:
            await self._rest.put_into_effect(call)
        except DriverError as error:
            if not (is_missing(error) or is_taken(error)):
                raise

    async def _make(self, order: ServerOrder, installation: UUID) -> None:
        ref = instance_name(order)
        target = await self._target(order, installation, ref)
        body = instance(
            order, installation, self._options.profile, await pool_of(self._rest, self._options)
        )
        call = Call(
            method="POST",
            path="/1.0/instances",
            params={"target": target} if target else {},
            body={**body, "source": source(order.spec.image)},
            deadline_s=WRITE_S,
        )
        self._lookout.busy.add(ref)
        try:
            await self._rest.put_into_effect(call)
            await self._furnish(order, ref, target)
        except DriverError as error:
            self._coming.pop(ref, None)
            if isinstance(error, Transient) and target:
                self._members.doubt(target)
            if not is_taken(error):
                await self._clear_up(ref, error)
                raise
        finally:
            self._lookout.busy.discard(ref)

    # Note [Disks come second]
    # An instance with disks of its own is made first, gets them, and is started then. What a cut
    # leaves of that is an instance that is listed, and whose deletion takes its disks away first;
    # disks without an instance are never left.
    async def _furnish(self, order: ServerOrder, ref: str, target: str) -> None:
        """Give the new instance its disks and start it. See Note [Disks come second]."""
        disks = order.spec.disks
        if not disks:
            return
        for number, disk in enumerate(disks):
            wanted = VolumeOrder(
                volume_id=disk_id(order.server_id, number),
                name=f"disk{number}",
                project=order.project,
                size_gib=disk.size_gib,
                host=target,
                keeper=order.server_id,
            )
            await self._volumes.create_volume(wanted)
            await self._volumes.attach_volume(wanted.volume_id, ref, disk.path)
        await self._tried(state(ref, "start"))

    async def _strip(self, ref: str, server_id: UUID) -> None:
        """Take the disks away that go with the instance. See Note [Disks come second]."""
        kept = await self._volumes.kept_for(server_id)
        await self._volumes.take_away(ref, *(each.ref for each in kept))
        for each in kept:
            await self._volumes.delete_volume(UUID(each.tag("volume")))

    # Note [Failed starts]
    # An instance whose start has failed is left where it is, stopped; asking for it again would
    # find it and take it for made. So a creation that Incus says has failed takes it away. One
    # that just did not answer may still be going on, and is left alone.
    async def _clear_up(self, ref: str, error: DriverError) -> None:
        """See Note [Failed starts]."""
        if "status" not in error.details:
            return
        try:
            there = await self._lookout.ours(ref)
            if there and there["status"] == "Stopped":
                await self._delete(ref)
        except DriverError:
            return  # it is listed, as one that never started, and the engine removes it

    async def _target(self, order: ServerOrder, installation: UUID, ref: str) -> str:
        roster = await self._machines.able(order, await self._members.roster())
        found = await self._lookout.recent()
        for each in found:
            self._coming.pop(each.ref, None)
        taken = [*places(found), *self._coming.values()]
        target = chosen(order, roster, taken, self._members.doubted(), await self._near(order))
        self._coming[ref] = Taken(host=target, tags=_tags(order, installation))
        return target if roster.clustered else ""

    async def _near(self, order: ServerOrder) -> str:
        """Return where volumes lie that a former server of this place was given."""
        if order.server_id == server_id(order.node_id, 1):
            return ""
        try:
            return await self._volumes.lying_for(order.node_id)
        except DriverError:
            return ""  # it is better off anywhere than not made


def state(ref: str, action: str, **more: Any) -> Call:
    return Call(
        method="PUT",
        path=path("instances", ref, "state"),
        body={"action": action, "timeout": int(SETTLE_S), **more},
        deadline_s=WRITE_S,
    )


def _tags(order: ServerOrder, installation: UUID) -> Tags:
    said: Mapping[str, str] = written(order, installation)
    tags = read(said)
    if tags is None:
        raise Permanent(f"the order for {order.name} cannot be written as tags")
    return tags
