"""The volumes port over a simulated world."""

from collections.abc import Sequence
from uuid import UUID, uuid5

from msgspec.structs import replace

from muster.base.errors import Permanent, Transient
from muster.drivers.simulated.disks import shown
from muster.drivers.simulated.entries import VolumeGone, VolumePut, released
from muster.drivers.simulated.hosts import Need
from muster.drivers.simulated.machine import NEVER, Machine
from muster.drivers.simulated.room import lacking
from muster.drivers.simulated.world import World
from muster.model.volume import Volume, VolumeOrder


class SimulatedVolumes:
    def __init__(self, world: World, installation: UUID) -> None:
        self._world = world
        self._installation = installation

    async def list_volumes(self) -> Sequence[Volume]:
        world = self._world
        with world.call("list_volumes"):
            world.look()
            ours = (e for e in world.state.disks.all() if e.installation == self._installation)
            return [self._shown(entry) for entry in ours]

    async def create_volume(self, order: VolumeOrder) -> Volume:
        world = self._world
        with world.call("create_volume", order.name), world.still() as now:
            there = world.state.disks.find(self._installation, order.volume_id)
            return self._shown(there) if there else self._put(self._ordered(order, now))

    async def attach_volume(self, volume_id: UUID, server_ref: str, path: str = "") -> Volume:
        world = self._world
        with world.call("attach_volume", server_ref), world.still():
            volume, machine = self._must(volume_id), self._machine(server_ref)
            if volume.server_ref not in ("", server_ref):
                raise Permanent(f"volume {volume.name} is attached to {volume.server_ref}")
            where = path or volume.path or f"/mnt/{volume.name}"
            shown, whom = machine.shown, None if volume.keeper else machine.shown.node_id
            given = replace(volume, server_ref=server_ref, path=where, host=shown.host)
            return self._put(replace(given, node_id=whom))

    async def detach_volume(self, volume_id: UUID) -> Volume:
        with self._world.call("detach_volume"), self._world.still():
            return self._put(replace(released(self._must(volume_id)), path="", node_id=None))

    async def move_volume(self, volume_id: UUID, host: str) -> Volume:
        world = self._world
        with world.call("move_volume"), world.still():
            volume = self._must(volume_id)
            if host not in world.state.hosts.zones:
                raise Permanent(f"there is no host {host}", host=host)
            if volume.server_ref and host != volume.host:
                raise Permanent(f"volume {volume.name} is attached to {volume.server_ref}")
            return self._put(replace(volume, host=host))

    async def resize_volume(self, volume_id: UUID, size_gib: int) -> Volume:
        with self._world.call("resize_volume"), self._world.still():
            volume = self._must(volume_id)
            if size_gib < volume.size_gib:
                raise Permanent(f"volume {volume.name} has {volume.size_gib} GiB and stays so")
            return self._put(replace(volume, size_gib=size_gib))

    async def delete_volume(self, volume_id: UUID) -> None:
        world = self._world
        with world.call("delete_volume"), world.still() as now:
            volume = world.state.disks.find(self._installation, volume_id)
            if volume and volume.server_ref:
                raise Permanent(f"volume {volume.name} is attached to {volume.server_ref}")
            if volume:
                world.write(VolumeGone(now, volume_id))

    def _ordered(self, order: VolumeOrder, now: float) -> VolumePut:
        hosts = self._world.state.hosts
        if order.host and order.host not in hosts.zones:
            raise Permanent(f"there is no host {order.host}", host=order.host)
        if order.pool:
            raise Permanent(f"there is no storage pool {order.pool}", pool=order.pool)
        if order.host and (short := lacking(self._world, order.host, disk=order.size_gib)):
            raise Transient(f"no room for {order.name}: {order.host} has too little {short}")
        if order.zone and order.zone not in hosts.zones.values():
            raise Permanent(f"there is no zone {order.zone}", zone=order.zone)
        zones = (order.zone,) if order.zone else ()
        crowd = uuid5(self._installation, "volumes")
        return VolumePut(
            at=now,
            id=order.volume_id,
            installation=self._installation,
            name=order.name,
            project=order.project,
            size_gib=order.size_gib,
            host=order.host or hosts.choose(Need(crowd, zones)) or next(iter(hosts.zones)),
            made_at=now,
            keeper=order.keeper,
        )

    def _put(self, volume: VolumePut) -> Volume:
        if self._world.state.disks.find(self._installation, volume.id) != volume:
            self._world.write(volume)
        return self._shown(volume)

    def _must(self, volume_id: UUID) -> VolumePut:
        found = self._world.state.disks.find(self._installation, volume_id)
        if found is None:
            raise Permanent(f"there is no volume {volume_id}")
        return found

    def _machine(self, ref: str) -> Machine:
        machine = self._world.state.machines.get(ref)
        ours = machine and machine.installation == self._installation
        if machine is None or not ours or machine.gone_at < NEVER:
            raise Permanent(f"there is no server {ref}", ref=ref)
        return machine

    def _shown(self, entry: VolumePut) -> Volume:
        return shown(entry, self._world.state.hosts.zone(entry.host))
