"""The hosts port over Incus: what the members have, less what everybody on them was promised."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any
from uuid import UUID

from muster.base.errors import DriverError
from muster.drivers.incus.finder import memory_mib, vcpus
from muster.drivers.incus.members import Member, Members, Roster
from muster.drivers.incus.options import Options
from muster.drivers.incus.placing import ONLINE
from muster.drivers.incus.pools import pool_of, pools
from muster.drivers.incus.rest import Call, Rest, path
from muster.drivers.incus.tags import PREFIX, read
from muster.model.placing import BY_ZONE, Host, zone_mark
from muster.model.reservation import Room

LISTING_S = 8.0
MIB, GIB = 1 << 20, 1 << 30
EVERYWHERE = {"recursion": "1", "all-projects": "true", "project": ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Size:
    """What a member has, whoever uses it."""

    cores: int
    ram_mib: int


# Note [Promised, and used]
# Incus gives away what it does not have: nothing keeps ten instances of 1 GiB from a member with
# four. So what is free is what the member has less the limits of all that is there, whoever made
# it and whether or not it runs; without limits it counts as nothing. Of a pool, what is written
# already is gone as well, so the smaller of the two is free. A processor may be promised several
# times, for it is shared by time; memory and disk are not.
class IncusHosts:
    """See Note [Promised, and used]."""

    def __init__(self, rest: Rest, members: Members, options: Options, installation: UUID) -> None:
        self._rest = rest
        self._members = members
        self._options = options
        self._installation = installation
        self._sizes: dict[str, _Size] = {}  # by member; they do not grow while it runs

    async def room(self) -> Room:
        roster = await self._members.roster()
        default, names = await pool_of(self._rest, self._options), await pools(self._rest)
        instances = await self._rest.answer(
            Call(method="GET", path="/1.0/instances", params=EVERYWHERE, deadline_s=LISTING_S)
        )
        volumes = [each for name in names for each in await self._volumes(name)]
        alone = "" if roster.clustered else next(iter(roster.members), "")
        promised = Counter[tuple[str, str]]()
        for where, what, amount in (*_of_instances(instances), *_of_volumes(volumes)):
            promised[alone or where, what] += amount
        found = await asyncio.gather(
            *(self._host(each, roster, names, promised) for each in roster.members.values())
        )
        return Room(
            hosts=tuple(_with_default(host, default) for host in found),
            counted=frozenset(self._ours(instances, volumes)),
            default_pool=default,
        )

    async def _volumes(self, pool: str) -> Sequence[Mapping[str, Any]]:
        where = path("storage-pools", pool, "volumes", "custom")
        listed = await self._rest.get(where, **EVERYWHERE)
        return [{**each, "pool": pool} for each in listed]

    async def _host(
        self,
        member: Member,
        roster: Roster,
        names: Sequence[str],
        promised: Mapping[tuple[str, str], int],
    ) -> Host:
        """Return the member as a host; one that cannot tell of itself takes nothing."""
        name, at = member.name, {"target": member.name} if roster.clustered else {}
        try:
            size = self._sizes[name] = self._sizes.get(name) or await self._size(at)
            disks = {pool: await self._disk(pool, at, promised[name, pool]) for pool in names}
        except DriverError:
            return Host(id=name, zone=member.zone, vcpus=0, ram_mib=0, open=False)
        well = member.status == ONLINE and name not in self._members.doubted()
        return Host(
            id=name,
            zone=member.zone,
            vcpus=max(size.cores * self._options.vcpus_per_core - promised[name, "vcpus"], 0),
            ram_mib=max(size.ram_mib - promised[name, "ram"], 0),
            disk_gib=disks,
            labels=_labels(member, well=well),
            open=well and member.takes,
        )

    async def _size(self, at: Mapping[str, str]) -> _Size:
        said = await self._rest.get("/1.0/resources", **at)
        return _Size(cores=said["cpu"]["total"], ram_mib=said["memory"]["total"] // MIB)

    async def _disk(self, pool: str, at: Mapping[str, str], promised_gib: int) -> int:
        said = await self._rest.get(path("storage-pools", pool, "resources"), **at)
        total, used = int(said["space"]["total"]), int(said["space"].get("used", 0))
        return max(min(total // GIB - promised_gib, (total - used) // GIB), 0)

    def _ours(
        self, instances: Iterable[Mapping[str, Any]], volumes: Iterable[Mapping[str, Any]]
    ) -> Iterator[UUID]:
        for each in instances:
            tags = read(each.get("config") or {})
            if tags and tags.installation == self._installation:
                yield tags.server
        for each in volumes:
            config = each.get("config") or {}
            if config.get(f"{PREFIX}installation") == str(self._installation):
                yield UUID(config[f"{PREFIX}volume"])


def _labels(member: Member, *, well: bool) -> Mapping[str, str]:
    """Return what else the member can be asked for by, and whether only by that."""
    labels = {zone_mark(group): "yes" for group in sorted(member.groups)}
    return labels | ({BY_ZONE: "yes"} if well and not member.takes else {})


_Promise = tuple[str, str, int]  # where, what of it, how much


def _of_instances(listed: Iterable[Mapping[str, Any]]) -> Iterator[_Promise]:
    for each in listed:
        config = each.get("expanded_config") or each.get("config") or {}
        where = each["location"]
        yield where, "vcpus", ceil(vcpus(config.get("limits.cpu", ""), ""))
        yield where, "ram", memory_mib(config.get("limits.memory", ""))
        for device in (each.get("expanded_devices") or {}).values():
            if device["type"] == "disk" and device.get("path") == "/":
                yield where, device["pool"], _gib(device.get("size", ""))


def _of_volumes(listed: Iterable[Mapping[str, Any]]) -> Iterator[_Promise]:
    for each in listed:
        yield each["location"], each["pool"], _gib((each.get("config") or {}).get("size", ""))


def _gib(size: str) -> int:
    return ceil(memory_mib(size) / 1024)


def _with_default(host: Host, default: str) -> Host:
    """Return the host with the default pool called as it is where nobody names one."""
    disks = {"" if name == default else name: free for name, free in host.disk_gib.items()}
    return replace(host, disk_gib=disks)
