"""The compute port over a simulated world."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from muster.base.errors import Permanent, Transient
from muster.drivers.simulated.entries import (
    Created,
    Going,
    Imaged,
    Make,
    Turned,
    VolumePut,
)
from muster.drivers.simulated.hosts import SILENT, Need
from muster.drivers.simulated.machine import NEVER, Machine, ref
from muster.drivers.simulated.networks import NETWORKS
from muster.drivers.simulated.room import lacking
from muster.drivers.simulated.world import World, turned
from muster.model.observed import Seen, Server, Usage
from muster.model.step import Operation, ServerOrder
from muster.model.volume import disk_id
from muster.ports.compute import NO_PARAMS

IDLE = 0.005  # the share of a processor that a machine uses when nobody asks anything of it
MIB = 1 << 20


class SimulatedCompute:
    def __init__(self, world: World, installation: UUID) -> None:
        self.world = world
        self._installation = installation
        self._last: _Made | None = None

    async def list_servers(self, cluster_id: UUID | None = None) -> Sequence[Server]:
        world = self.world
        with world.call("list_servers"):
            now = world.look()
            view, latest = world.state.view, now - world.options.list_lag_s
            return [
                view(machine, now)
                for machine in world.state.fleet(self._installation, cluster_id)
                if machine.made_at <= latest
            ]

    async def create_server(self, order: ServerOrder) -> Server:
        world = self.world
        with world.call("create_server", order.name), world.still() as now:
            name = ref(order.server_id)
            if name not in world.state.machines:
                created = self._creation(order, name, now)
                world.write(created)
                for disk in _disks(order, created, name):
                    world.write(disk)
            return world.state.view(world.state.machines[name], now)

    async def adopt_server(self, ref: str, order: ServerOrder) -> Server:
        world = self.world
        with world.call("adopt_server", ref), world.still() as now:
            machine = world.state.machines.get(ref)
            if machine is None:
                world.write(self._found(order, ref, now))
                machine = world.state.machines[ref]
            elif machine.shown.server_id != order.server_id or not self._own(ref):
                raise Permanent(f"server {ref} is looked after by somebody else", ref=ref)
            return world.state.view(machine, now)

    async def delete_server(self, ref: str) -> None:
        world = self.world
        with world.call("delete_server", ref), world.still() as now:
            machine = self._reached(ref)
            if machine and machine.gone_at == NEVER:
                wait = machine.make.wait_s
                takes = world.options.delete_s if wait < 0 else wait
                world.write(Going(now, ref, now + self._spread(takes, ref, "delete")))

    async def operate_server(
        self, ref: str, operation: Operation, params: Mapping[str, Any] = NO_PARAMS
    ) -> None:
        world = self.world
        with world.call("operate_server", ref), world.still() as now:
            machine = self._reached(ref)
            if not machine or machine.gone_at < NEVER:
                raise Permanent(f"there is no server {ref}", ref=ref)
            host = str(params.get("host") or "")
            entry = self._operated(machine, operation, now, host)
            if entry:
                world.write(entry)

    async def usage(self, cluster_id: UUID | None = None) -> Sequence[Usage]:
        world = self.world
        with world.call("usage"):
            now = world.look()
            at = datetime.fromtimestamp(now, UTC)
            running = [
                machine
                for machine in world.state.fleet(self._installation, cluster_id)
                if world.state.view(machine, now).seen is Seen.RUNNING
            ]
            loaded = {machine.shown.cluster_id for machine in running} & world.state.flows.keys()
            busy = {}
            for one in loaded:
                for name, tally in world.state.counts(one, now).tallies.items():
                    busy[name] = tally.busy_s
            return [
                _usage(machine, now, at, busy.get(machine.shown.ref, 0.0)) for machine in running
            ]

    async def console_log(self, ref: str, lines: int) -> str:
        world = self.world
        with world.call("console_log", ref):
            now = world.look()
            machine = self._own(ref)
            if not machine:
                raise Permanent(f"there is no server {ref}", ref=ref)
            said = _printed(machine, world.state.view(machine, now), now)
            return "\n".join(said[-lines:] if lines > 0 else [])

    def _own(self, ref: str) -> Machine | None:
        machine = self.world.state.machines.get(ref)
        return machine if machine and machine.installation == self._installation else None

    def _reached(self, ref: str) -> Machine | None:
        machine = self._own(ref)
        if machine and self.world.state.condition(machine) in SILENT:
            raise Transient(f"the host of {ref} does not answer", ref=ref)
        return machine

    def _creation(self, order: ServerOrder, name: str, now: float) -> Created:
        make = self._made(order)
        state, options = self.world.state, self.world.options
        zones = (order.zone,) if order.zone else order.spec.zones
        host = self._wanted(order) or state.hosts.choose(Need(order.cluster_id, zones, order.group))
        if host is None:
            apart = f", or not for group {order.group.name}" if order.group else ""
            text = f"no room for {order.name}: every host in its zones is full or down{apart}"
            raise Transient(text)
        wait = options.create_s if make.wait_s < 0 else make.wait_s
        runs_at = now + self._spread(wait, name, "create")
        return Created(
            at=now,
            installation=self._installation,
            server_id=order.server_id,
            node_id=order.node_id,
            cluster_id=order.cluster_id,
            name=order.name,
            project=order.project,
            serial=state.serial + 1,
            host=host,
            make=make,
            runs_at=runs_at,
            answers_at=runs_at + self._spread(options.boot_s, name, "boot"),
        )

    def _wanted(self, order: ServerOrder) -> str:
        """Return the host that is asked for, "" for any. One that will not do is refused."""
        if order.host and not self.world.state.hosts.takes(order.host):
            raise Transient(f"no room for {order.name}: {order.host} is full or down")
        if order.host and not self.world.state.hosts.allows(order.host, order.group):
            raise Transient(f"{order.host} will not do for {order.name}, by its group")
        flavor = order.spec.flavor
        needs = {"vcpus": flavor.vcpus, "ram": flavor.memory_mib, "disk": flavor.disk_gib}
        if order.host and (short := lacking(self.world, order.host, **needs)):
            raise Transient(f"no room for {order.name}: {order.host} has too little {short}")
        return order.host

    def _found(self, order: ServerOrder, ref: str, now: float) -> Created:
        """Return a machine that others made, and that nobody has heard of before.

        Where any name will do, any machine is there too, and runs.
        """
        if not (self.world.options.accept_any or order.spec.taken):
            raise Permanent(f"there is no server {ref}", ref=ref)
        return replace(self._creation(order, ref, now), ref=ref, runs_at=now, answers_at=now)

    def _made(self, order: ServerOrder) -> Make:
        """Return what a machine is made of; orders of one pass differ in little else."""
        image, last = self.world.state.images.get(order.spec.image), self._last
        if last is None or not last.like(order, image):
            last = self._last = _Made(order, image, self._make(order, image))
        return last.make

    def _make(self, order: ServerOrder, image: Imaged | None) -> Make:
        spec, options = order.spec, self.world.options
        taken = options.accept_any or spec.taken
        if not image and not taken:
            raise Permanent(f"there is no image {spec.image_name or spec.image}", image=spec.image)
        if spec.network and spec.network not in NETWORKS and not taken:
            raise Permanent(f"there is no network {spec.network}", network=spec.network)
        unknown = {*spec.zones, *filter(None, [order.zone])}.difference(options.zones)
        if unknown and not taken:
            raise Permanent(f"there is no zone {', '.join(sorted(unknown))}")
        fault = str(spec.metadata.get("simulated_fault", "")) or (image.fault if image else "")
        if fault == "create":
            raise Permanent("simulated fault: create", server=order.server_id)
        return Make(
            image=spec.image,
            network=spec.network or next(iter(NETWORKS)),
            vcpus=spec.flavor.vcpus,
            memory_mib=spec.flavor.memory_mib,
            port=spec.port or 0,
            wait_s=_wait(spec.metadata.get("simulated_wait_time")),
            fault=fault,
            group=str(order.group.id) if order.group else "",
            disk_gib=spec.flavor.disk_gib,
        )

    def _operated(
        self, machine: Machine, operation: Operation, now: float, host: str
    ) -> Turned | None:
        """Return what the operation does to the machine, or None if it is so already."""
        options, name = self.world.options, machine.shown.ref
        boot = self._spread(options.boot_s, name, "boot")
        begun = {"runs_at": now, "answers_at": now + boot, "power": "on"}
        match operation:
            case Operation.REBOOT | Operation.RESTART:
                return turned(machine, now, answers_at=now + boot, power="on", sick="", broken="")
            case Operation.REBUILD:
                built = now + self._spread(options.create_s, name, "create")
                fresh = {"runs_at": built, "answers_at": built + boot, "power": "on"}
                return turned(machine, now, **fresh, sick="", broken="")
            case Operation.START:
                return None if machine.power == "on" else turned(machine, now, **begun)
            case Operation.UNPAUSE | Operation.RESUME | Operation.UNRESCUE:
                return None if machine.power == "on" else turned(machine, now, power="on")
            case Operation.STOP | Operation.PAUSE | Operation.SUSPEND | Operation.RESCUE:
                power = POWER[operation]
                return None if machine.power == power else turned(machine, now, power=power)
            case Operation.EVACUATE:
                moved = self._refuge(machine, host)
                return turned(machine, now, **begun, host=moved, sick="", broken="")
            case Operation.LOCK | Operation.UNLOCK | Operation.CHANGE_PASSWORD:
                return None  # nothing of it can be seen from outside

    def _refuge(self, machine: Machine, host: str) -> str:
        """Return the host that a machine is to go on on: the one asked for, or any other."""
        hosts, shown = self.world.state.hosts, machine.shown
        if host and host not in hosts.zones:
            raise Permanent(f"there is no host {host}", host=host)
        chosen = host or hosts.choose(Need(shown.cluster_id, (shown.zone,)))
        if chosen is None:
            raise Transient(f"no room for {shown.name}: every other host is full or down")
        return chosen

    def _spread(self, seconds: float, name: str, what: str) -> float:
        """Return the delay, lengthened or shortened by a hash of whom it concerns."""
        jitter = self.world.options.jitter
        if not jitter or not seconds:
            return seconds
        digest = blake2b(f"{name}/{what}".encode(), digest_size=4).digest()
        return seconds * (1 + jitter * (int.from_bytes(digest, "big") / 2**31 - 1))


@dataclass(frozen=True, slots=True)
class _Made:
    """What was made last, and of what it follows."""

    order: ServerOrder
    image: Imaged | None
    make: Make

    def like(self, order: ServerOrder, image: Imaged | None) -> bool:
        before = self.order
        same = order.spec is before.spec and order.group is before.group and image is self.image
        return same and order.zone == before.zone


def _disks(order: ServerOrder, created: Created, ref: str) -> Iterator[VolumePut]:
    """Yield the disks that a machine is made with."""
    for number, disk in enumerate(order.spec.disks):
        yield VolumePut(
            at=created.at,
            id=disk_id(order.server_id, number),
            installation=created.installation,
            name=f"{order.name}-{number}",
            project=order.project,
            size_gib=disk.size_gib,
            host=created.host,
            made_at=created.at,
            server_ref=ref,
            path=disk.path or f"/mnt/disk{number}",
            keeper=order.server_id,
        )


POWER = {
    Operation.STOP: "stopped",
    Operation.PAUSE: "paused",
    Operation.SUSPEND: "suspended",
    Operation.RESCUE: "rescued",
}


def _wait(said: object) -> float:
    """Return the delay that an order asks for, or -1 if it asks for none."""
    if said is None:
        return -1.0
    try:
        wait = float(str(said))
    except ValueError:
        wait = -1.0
    if not 0 <= wait < NEVER:
        raise Permanent(f"metadata.simulated_wait_time must be seconds, not {said!r}")
    return wait


def _usage(machine: Machine, now: float, at: datetime, busy_s: float) -> Usage:
    make, up = machine.make, now - machine.runs_at
    limit = make.memory_mib * MIB
    return Usage(
        server_id=machine.shown.server_id,
        at=at,
        cpu_s=IDLE * make.vcpus * up + busy_s,
        vcpus=make.vcpus,
        memory_bytes=limit // 4,
        memory_limit=limit,
    )


def _printed(machine: Machine, server: Server, now: float) -> list[str]:
    """Return what the machine has printed by now; it follows from its times."""
    said = [
        (machine.made_at, f"building {server.name} from {server.image} on {server.host}"),
        (machine.runs_at, f"running at {server.address}"),
        (machine.answers_at, "the application answers"),
    ]
    lines = [
        f"{datetime.fromtimestamp(when, UTC):%Y-%m-%dT%H:%M:%SZ} {what}"
        for when, what in said
        if when <= now
    ]
    return lines + [why for why in (server.reason, machine.sick) if why]
