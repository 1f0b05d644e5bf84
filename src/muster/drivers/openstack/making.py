"""Making and deleting servers, so that asking twice does no harm."""

import asyncio
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from muster.base.errors import DriverError, Permanent, Transient
from muster.drivers.openstack.answers import TAKEN, is_turned_down, status_of
from muster.drivers.openstack.grounds import Grounds
from muster.drivers.openstack.images import OpenStackImages
from muster.drivers.openstack.listing import Listing, Viewer
from muster.drivers.openstack.parts import Parts
from muster.drivers.openstack.ports import Ports
from muster.drivers.openstack.quota import Quota
from muster.drivers.openstack.rest import Rest
from muster.drivers.openstack.sweeping import Sweeper
from muster.drivers.openstack.tags import installation_tag, read, server_name, written
from muster.drivers.openstack.volumes import OpenStackVolumes
from muster.model.observed import Seen, Server
from muster.model.step import ServerOrder
from muster.model.volume import VolumeOrder, disk_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """All that a server is made of."""

    grounds: Grounds
    images: OpenStackImages
    ports: Ports
    parts: Parts
    quota: Quota
    volumes: OpenStackVolumes


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What Nova and the others call what an order needs."""

    flavor: str
    image: str
    zone: str
    key: str
    group: str
    port: str
    disks: Sequence[str] = ()


class Maker:
    def __init__(
        self, rest: Rest, listing: Listing, viewer: Viewer, shelf: Shelf, sweeper: Sweeper
    ) -> None:
        self._rest = rest
        self._listing = listing
        self._viewer = viewer
        self._shelf = shelf
        self._sweeper = sweeper

    async def create(self, order: ServerOrder) -> Server:
        """Return the ordered server, asked for unless it was before."""
        async with self._sweeper.turns[order.server_id]:
            there = await self._find(order.server_id)
            if there is not None:
                return there
            self._sweeper.comes(order)
            try:
                return await self._make(order)
            finally:
                self._sweeper.came(order)

    async def adopt(self, ref: str, order: ServerOrder) -> Server:
        """Return the server `ref`, marked as if it had been made by this order.

        The tag comes last: what has it is found, and has its metadata.
        """
        said = await self._rest.find("compute", f"/servers/{ref}")
        if said is None:
            raise Permanent(f"there is no server {ref}", ref=ref)
        owner, ours = read(said["server"]["metadata"]), self._listing.installation
        if owner and (owner.installation, owner.server) != (ours, order.server_id):
            raise Permanent(f"server {ref} is looked after by somebody else", ref=ref)
        if owner is None:
            body = {"metadata": written(order, ours)}
            await self._rest.post("compute", f"/servers/{ref}/metadata", body)
        await self._rest.put("compute", f"/servers/{ref}/tags/{installation_tag(ours)}")
        self._listing.forget()
        adopted = await self._listing.record(ref)
        if adopted is None:
            raise Transient(f"{ref} is adopted and cannot be seen yet")
        return self._viewer.shown(adopted)

    async def delete(self, ref: str) -> None:
        """Have the server go away, if it is ours; what it leaves is swept when it has gone."""
        said = await self._listing.known(ref)
        tags = read(said["metadata"]) if said else None
        if said is None or tags is None:
            return
        self._sweeper.leaves(tags)
        try:
            await self._rest.delete("compute", f"/servers/{ref}")
        except DriverError as error:
            if status_of(error) != TAKEN:
                raise
            await self._rest.post("compute", f"/servers/{ref}/action", {"unlock": None})
            await self._rest.delete("compute", f"/servers/{ref}")
        finally:
            self._listing.forget()

    async def _find(self, server_id: UUID) -> Server | None:
        records = (await self._listing.records()).values()
        found = sorted(
            (each for each in records if _is(each, server_id)),
            key=lambda each: (each["status"] == "ERROR", each["created"], each["id"]),
        )
        return self._viewer.shown(found[0]) if found else None

    # Note [Nothing is left]
    # All that can be wrong with an order is asked before anything is made for it. What Nova then
    # refuses for good leaves neither port nor disk; a call that was not answered may have been
    # obeyed, so its port stays for the next attempt, and is swept where none comes.
    async def _make(self, order: ServerOrder) -> Server:
        """See Note [Nothing is left]."""
        spec, shelf = order.spec, self._shelf
        flavor, image = await asyncio.gather(
            shelf.grounds.flavor(spec.flavor), shelf.images.resolve(spec.image)
        )
        zone = await shelf.grounds.zone(order)
        await shelf.quota.take(order.name, spec.flavor)
        key = await shelf.parts.key(spec.public_key)
        group = await shelf.parts.group(order.group) if order.group else ""
        try:
            disks = [await self._disk(order, number) for number in range(len(spec.disks))]
            port = await shelf.ports.make(order)
            made = Made(
                flavor=flavor, image=image, zone=zone, key=key, group=group, port=port, disks=disks
            )
            body = asked(order, made, self._listing.installation)
            said = await self._rest.post("compute", "/servers", body)
        except DriverError as error:
            if is_turned_down(error):
                await self._clear_up(order)
            raise
        finally:
            self._listing.forget()
        return self._begun(order, said["server"]["id"], zone)

    async def _disk(self, order: ServerOrder, number: int) -> str:
        wanted = VolumeOrder(
            volume_id=disk_id(order.server_id, number),
            name=f"disk{number}",
            project=order.project,
            size_gib=order.spec.disks[number].size_gib,
            keeper=order.server_id,
        )
        return (await self._shelf.volumes.create_volume(wanted)).ref

    async def _clear_up(self, order: ServerOrder) -> None:
        """See Note [Nothing is left]. What cannot be deleted now is swept."""
        self._shelf.parts.forget()
        try:
            await self._shelf.ports.drop(order.server_id)
            kept = await self._shelf.volumes.keepers()
            await self._shelf.volumes.drop(kept.get(order.server_id, ()))
        except DriverError:
            return

    def _begun(self, order: ServerOrder, ref: str, zone: str) -> Server:
        return Server(
            ref=ref,
            server_id=order.server_id,
            node_id=order.node_id,
            cluster_id=order.cluster_id,
            name=order.name,
            seen=Seen.BUILDING,
            created=self._listing.now(),
            zone=zone,
            image=order.spec.image,
            project=order.project,
            reason="it is being built",
        )


def asked(order: ServerOrder, made: Made, installation: UUID) -> Mapping[str, Any]:
    """Return the body of the creation of a server."""
    spec = order.spec
    metadata = {name: str(value) for name, value in spec.metadata.items()}
    server: dict[str, Any] = {
        "name": server_name(order),
        "flavorRef": made.flavor,
        "imageRef": made.image,
        "networks": [{"port": made.port}],
        "metadata": metadata | written(order, installation, made.key),
        "tags": [installation_tag(installation)],
    }
    if spec.user_data:
        server["user_data"] = b64encode(spec.user_data.encode()).decode()
    if made.key:
        server["key_name"] = made.key
    if made.zone:
        server["availability_zone"] = made.zone
    if order.host:
        server["host"] = order.host
    if made.disks:
        server["block_device_mapping_v2"] = [_root(made.image), *map(_disk, made.disks)]
    body: dict[str, Any] = {"server": server}
    return body | ({"os:scheduler_hints": {"group": made.group}} if made.group else {})


def _root(image: str) -> Mapping[str, Any]:
    return {
        "boot_index": 0,
        "uuid": image,
        "source_type": "image",
        "destination_type": "local",
        "delete_on_termination": True,
    }


def _disk(volume: str) -> Mapping[str, Any]:
    return {
        "boot_index": -1,
        "uuid": volume,
        "source_type": "volume",
        "destination_type": "volume",
        "delete_on_termination": True,
    }


def _is(said: Mapping[str, Any], server_id: UUID) -> bool:
    tags = read(said["metadata"])
    return tags is not None and tags.server == server_id
