"""The hosts port over a simulated world."""

from collections import Counter
from math import ceil
from uuid import UUID

from muster.drivers.simulated.world import World
from muster.model.placing import Host
from muster.model.reservation import Room


class SimulatedHosts:
    def __init__(self, world: World, installation: UUID) -> None:
        self._world = world
        self._installation = installation

    async def room(self) -> Room:
        world = self._world
        with world.call("room"):
            world.look()
            state, options = world.state, world.options
            used = in_use(world)
            return Room(
                hosts=tuple(
                    Host(
                        id=host,
                        zone=zone,
                        vcpus=_left(options.host_vcpus, used[host, "vcpus"]),
                        ram_mib=_left(options.host_memory_mib, used[host, "ram"]),
                        disk_gib={"": _left(options.host_disk_gib, used[host, "disk"])},
                        open=state.hosts.takes(host),
                    )
                    for host, zone in sorted(state.hosts.zones.items())
                ),
                counted=self._ours(),
            )

    def _ours(self) -> frozenset[UUID]:
        state, mine = self._world.state, self._installation
        servers = (m.shown.server_id for m in state.fleet(mine, None))
        volumes = (disk.id for disk in state.disks.all() if disk.installation == mine)
        return frozenset((*servers, *volumes))


def in_use(world: World) -> Counter[tuple[str, str]]:
    """Return what is in use of each host, whoever made it."""
    used: Counter[tuple[str, str]] = Counter()
    for machine in world.state.machines.values():
        host, make = machine.shown.host, machine.make
        used[host, "vcpus"] += ceil(make.vcpus)
        used[host, "ram"] += make.memory_mib
        used[host, "disk"] += make.disk_gib
    for disk in world.state.disks.all():
        used[disk.host, "disk"] += disk.size_gib
    return used


def lacking(world: World, host: str, **needs: float) -> str:
    """Return what a host has too little of for these needs, "" for nothing."""
    options = world.options
    sizes = {
        "vcpus": options.host_vcpus,
        "ram": options.host_memory_mib,
        "disk": options.host_disk_gib,
    }
    limited = {name: sizes[name] for name, amount in needs.items() if sizes[name] and amount}
    used = in_use(world) if limited else Counter()
    short = (n for n, size in limited.items() if used[host, n] + ceil(needs[n]) > size)
    return next(short, "")


def _left(size: int, used: int) -> int | None:
    return max(size - used, 0) if size else None
