"""What servers are made on and of, and is seldom another: flavors, zones, networks, groups."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from math import ceil
from typing import Any, TypeVar
from uuid import UUID, uuid5

from muster.base.errors import DriverError, Permanent
from muster.drivers.openstack.answers import FORBIDDEN, status_of
from muster.drivers.openstack.options import Options
from muster.drivers.openstack.rest import Rest
from muster.model.catalog import VIRTUAL, Flavor
from muster.model.step import ServerOrder

KEPT_S = 60.0  # for so long what was read is believed
NEW_S = 1.0  # what lacks something is believed only for so long
_FLAVORS = UUID("5b0a7d0e-6a5f-4f0e-9f3c-0c1e5a1f7d21")  # names ids of flavors that are no UUID
T = TypeVar("T")
Said = Sequence[Mapping[str, Any]]


class Grounds:
    def __init__(self, rest: Rest, options: Options) -> None:
        self._rest = rest
        self._options = options
        self._kept: dict[str, tuple[float, Said]] = {}
        self._turns: dict[str, asyncio.Lock] = {}

    async def flavor(self, wanted: Flavor) -> str:
        """Return Nova's id of a flavor: the one of that name if it will do, else the smallest."""
        if wanted.machine not in ("", VIRTUAL):
            raise Permanent(f"flavor {wanted.name} asks for a {wanted.machine}: Nova has machines")

        def pick(known: Said) -> str | None:
            fit = [each for each in known if _fits(each, wanted)]
            named = [each for each in fit if each["name"] == wanted.name]
            return str(min(named or fit, key=_size)["id"]) if fit else None

        found = await self._picked("flavors", self._flavors, pick)
        if found is None:
            size = f"{wanted.vcpus:g} processors, {wanted.memory_mib} MiB, {wanted.disk_gib} GiB"
            raise Permanent(f"Nova has no flavor for {wanted.name}: {size}", flavor=wanted.name)
        return found

    async def flavors(self) -> tuple[Flavor, ...]:
        """Return Nova's flavors as our own."""
        return tuple(_flavor(each) for each in await self._read("flavors", self._flavors))

    async def zones(self) -> tuple[str, ...]:
        said = await self._read("zones", self._zones)
        return tuple(sorted(orderable(each for each in said if each["zoneState"]["available"])))

    async def zone(self, order: ServerOrder) -> str:
        """Return the zone for an order, "" for any; raises `Permanent` for one that is not.

        An order for a host is for the zone that this host is told to be of, "nova" too.
        """
        if order.host and order.zone:
            return order.zone
        zones = (order.zone,) if order.zone else order.spec.zones
        await self.check_zones(*zones)
        return zones[order.index % len(zones)] if zones else ""

    async def check_zones(self, *zones: str) -> None:
        """Raises `Permanent` naming one that does not exist."""

        def known(said: Said) -> bool | None:
            return set(zones) <= orderable(said) or None

        if zones and not await self._picked("zones", self._zones, known):
            raise Permanent(f"there is no zone {', '.join(zones)} here", zone=zones[0])

    async def networks(self) -> Said:
        """Return the networks that servers can be on, the usual one first."""
        return self._usable(await self._read("networks", self._networks))

    async def network(self, wanted: str) -> str:
        """Return the id of a network by name or id; of none, the usual one's."""
        name = wanted or self._options.network

        def pick(listed: Said) -> str | None:
            fit = self._usable(listed)
            found = [each["id"] for each in fit if name in (each["id"], each["name"])]
            if not name and len(fit) == 1:
                found = [fit[0]["id"]]
            return str(found[0]) if found else None

        picked = await self._picked("networks", self._networks, pick)
        if picked is None:
            there = f"there is no network {name}" if name else "there is not just one network"
            raise Permanent(f"{there}: say which, by option network", network=name)
        return picked

    async def floating_network(self) -> str:
        """Return the id of the network that floating addresses are of."""
        wanted = self._options.floating_network
        for each in await self._read("networks", self._networks):
            if wanted in (each["id"], each["name"]) and each.get("router:external"):
                return str(each["id"])
        raise Permanent(f"there is no external network {wanted}", field="floating_network")

    async def security_groups(self) -> list[str]:
        """Return the ids of the groups that every server is in; none: the project's own."""
        names = self._options.security_groups
        listed = await self._read("groups", self._groups) if names else ()
        found = {key: str(each["id"]) for each in listed for key in (each["id"], each["name"])}
        if missing := [each for each in names if each not in found]:
            text = f"there is no security group {', '.join(missing)}"
            raise Permanent(text, field="security_groups")
        return [found[each] for each in names]

    def _usable(self, listed: Said) -> Said:
        usual = self._options.network
        fit = [each for each in listed if not each.get("router:external") and each["subnets"]]
        return sorted(fit, key=lambda x: (usual not in (x["id"], x["name"]), x["name"], x["id"]))

    async def hosts(self) -> tuple[str, ...]:
        """Return the names of the hosts, none where the role may not know them."""
        return tuple(each["service"]["host"] for each in await self.hypervisors(KEPT_S))

    async def hypervisors(self, kept_s: float = 0.0) -> Said:
        return await self._read("hypervisors", self._hypervisors, kept_s)

    async def host_zones(self) -> Mapping[str, str]:
        """Return the zone of each host, for a role that may know them."""
        said = await self._read("zones of hosts", self._host_zones)
        return {host: zone["zoneName"] for zone in said for host in zone.get("hosts") or ()}

    async def volume_zones(self) -> tuple[str, ...]:
        """Return the zones of volumes, which need not be those of servers."""
        said = await self._read("zones of volumes", self._volume_zones)
        return tuple(each["zoneName"] for each in said)

    async def subnets(self) -> Said:
        return await self._read("subnets", self._subnets)

    async def _flavors(self) -> Said:
        return await self._rest.listed("compute", "/flavors/detail", "flavors")

    async def _zones(self) -> Said:
        said = await self._rest.get("compute", "/os-availability-zone")
        return list(said["availabilityZoneInfo"])

    async def _host_zones(self) -> Said:
        said = await self._rest.get("compute", "/os-availability-zone/detail")
        return list(said["availabilityZoneInfo"])

    async def _volume_zones(self) -> Said:
        said = await self._rest.get("block-storage", "/os-availability-zone")
        return list(said["availabilityZoneInfo"])

    async def _hypervisors(self) -> Said:
        where = "/os-hypervisors/detail"
        try:
            return await self._rest.listed("compute", where, "hypervisors")
        except DriverError as error:
            if status_of(error) == FORBIDDEN:
                return []
            raise

    async def _networks(self) -> Said:
        return await self._rest.listed("network", "/networks", "networks")

    async def _subnets(self) -> Said:
        return await self._rest.listed("network", "/subnets", "subnets")

    async def _groups(self) -> Said:
        return await self._rest.listed("network", "/security-groups", "security_groups")

    async def _picked(
        self, what: str, ask: Callable[[], Awaitable[Said]], pick: Callable[[Said], T | None]
    ) -> T | None:
        """Return what is picked of what was read; where that has none, of what is there now."""
        found = pick(await self._read(what, ask))
        return found if found is not None else pick(await self._read(what, ask, NEW_S))

    async def _read(
        self, what: str, ask: Callable[[], Awaitable[Said]], kept_s: float = KEPT_S
    ) -> Said:
        """Return what was read a short while ago, or read it."""
        clock = asyncio.get_running_loop().time
        async with self._turns.setdefault(what, asyncio.Lock()):
            kept = self._kept.get(what)
            if kept is None or clock() - kept[0] > kept_s:
                kept = self._kept[what] = clock(), await ask()
        return kept[1]


def _fits(said: Mapping[str, Any], wanted: Flavor) -> bool:
    enough = said["vcpus"] >= ceil(wanted.vcpus) and said["ram"] >= wanted.memory_mib
    return bool(enough and said["disk"] >= wanted.disk_gib)


def _size(said: Mapping[str, Any]) -> tuple[int, int, int, str]:
    return said["ram"], said["vcpus"], said["disk"], said["id"]


def _flavor(said: Mapping[str, Any]) -> Flavor:
    return Flavor(
        id=_id(said["id"]),
        name=said["name"],
        vcpus=float(said["vcpus"]),
        memory_mib=said["ram"],
        disk_gib=said["disk"],
        machine=VIRTUAL,
    )


def _id(said: str) -> UUID:
    try:
        return UUID(said)
    except ValueError:
        return uuid5(_FLAVORS, said)


# Hosts of no zone are shown as of the zone "nova". Where others have one, a server that is
# ordered for "nova" comes to be anywhere: that is no zone to order.
def orderable(said: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the zones that a server can be ordered for."""
    found = {each["zoneName"] for each in said}
    return found - {"nova"} or found
