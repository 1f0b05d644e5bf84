"""system/storage: the machine's drives, and pools of ZFS made of them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from muster.agent import doing
from muster.agent.agent import Agent
from muster.agent.envelope import Asked
from muster.agent.machine import Machine
from muster.agent.noun import Ability, Lack, Noun, by_programs, lacking
from muster.agent.said import ruled, written, wrong
from muster.agent.steps import Act, Acts, File, Put, run
from muster.base.errors import Conflict, NotFound

DEVICE = r"/dev/[A-Za-z0-9_./:-]{1,200}"
POOL = r"[A-Za-z][A-Za-z0-9_-]{0,62}"
COLUMNS = "PATH,TYPE,SIZE,RM,TRAN,MODEL,SERIAL,WWN,MOUNTPOINT,FSTYPE"
REMOTE = ("iscsi", "nvme-tcp", "fc", "fcoe")
# Each type: how many devices there have to be, and what zpool calls it.
TYPES: Mapping[str, tuple[int, str]] = {
    "zfs-raid0": (1, ""),
    "zfs-raid1": (2, "mirror"),
    "zfs-raid10": (4, "mirror"),
    "zfs-raidz1": (3, "raidz1"),
    "zfs-raidz2": (4, "raidz2"),
    "zfs-raidz3": (5, "raidz3"),
}


@dataclass(frozen=True, slots=True)
class Pool:
    name: str = ruled(needed=True, pattern=POOL)
    type: str = ruled(needed=True, among=tuple(TYPES))
    devices: tuple[str, ...] = ruled((), pattern=DEVICE)
    cache: tuple[str, ...] = ruled((), pattern=DEVICE)
    log: tuple[str, ...] = ruled((), pattern=DEVICE)

    @property
    def all(self) -> tuple[str, ...]:
        return (*self.devices, *self.cache, *self.log)


# As cron has it: minute, hour, day of the month, month, day of the week.
_TIMES = r"[0-9*][0-9*/,-]*"
SCRUBBING = "/etc/cron.d/muster-scrub"
_LINE = "root zpool list -H -o name | xargs -r -n 1 zpool scrub"


@dataclass(frozen=True, slots=True)
class Storage:
    scrub_schedule: str = ruled("", pattern=rf"{_TIMES}( {_TIMES}){{4}}")
    pools: tuple[Pool, ...] = ()


@dataclass(frozen=True, slots=True)
class Sight:
    pools: Mapping[str, frozenset[str]]  # which there are, and of what


def look(machine: Machine, config: Storage) -> Sight:
    told = machine.ask("zpool", "list", "-v", "-H", "-P") if machine.runner.has("zpool") else None
    pools: dict[str, set[str]] = {}
    name = ""
    for line in told.out.splitlines() if told else ():
        if not line.startswith("\t"):
            name = line.split("\t")[0]
            pools[name] = set()
        pools[name] |= set(re.findall(r"^\t(/dev/\S+)", line))
    return Sight({each: frozenset(devices) for each, devices in pools.items()})


def check(config: Storage) -> None:
    names: set[str] = set()
    used: set[str] = set()
    for n, each in enumerate(config.pools):
        here, (least, _) = f"config.pools[{n}]", TYPES[each.type]
        if each.name in names:
            raise wrong(f"{here}.name", f"{each.name} is there twice")
        if len(each.devices) < least or (each.type == "zfs-raid10" and len(each.devices) % 2):
            pairs = ", in pairs" if each.type == "zfs-raid10" else ""
            raise wrong(f"{here}.devices", f"{each.type} is of at least {least}{pairs}")
        if used & set(each.all) or len(set(each.all)) < len(each.all):
            raise wrong(f"{here}.devices", "has a device that is used twice")
        names.add(each.name)
        used |= set(each.all)


def acts(old: Storage, new: Storage, seen: Sight, changed: frozenset[str]) -> Acts:
    """What is told of no more stays: a pool goes only by :delete-pool. None is made by force."""
    come = [each for each in new.pools if each.name not in seen.pools]
    return Acts(then=tuple(_creating(each) for each in come))


def _creating(pool: Pool) -> Act:
    words = ["zpool", "create", "-o", "ashift=12", "-o", "autotrim=on", "-m", "none"]
    words += ["-O", "compression=on", pool.name, *_arranged(pool)]
    for kind in ("cache", "log"):
        devices = getattr(pool, kind)
        words += [kind, *devices] if devices else []
    return run(*words, undo=("zpool", "destroy", pool.name), timeout_s=120.0)


def _arranged(pool: Pool) -> Iterator[str]:
    word = TYPES[pool.type][1]
    size = 2 if pool.type == "zfs-raid10" else len(pool.devices)
    for n in range(0, len(pool.devices), size):
        yield from (word,) if word else ()
        yield from pool.devices[n : n + size]


def files(config: Storage, seen: object) -> Iterator[File]:
    if config.scrub_schedule:
        path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"
        yield Put(SCRUBBING, f"{path}\n{config.scrub_schedule} {_LINE}\n")


def lacks(config: Storage, machine: Machine) -> Iterable[Lack]:
    if config.scrub_schedule:
        yield from lacking(by_programs("scrub", machine, "zpool", "cron"), "config.scrub_schedule")
    if not config.pools:
        return
    yield from lacking(abilities(machine), "config.pools")
    seen = look(machine, config)
    for n, each in enumerate(config.pools):
        field = f"config.pools[{n}].devices"
        if each.name not in seen.pools:
            missing = [device for device in each.all if not machine.there(device)]
            if missing:
                yield Lack(field, f"there is no {' and no '.join(missing)}")
        elif len(seen.pools[each.name]) != len(each.all):
            there = ", ".join(sorted(seen.pools[each.name]))
            yield Lack(field, f"{each.name} is there, of {there}: no pool is made another here")


def abilities(machine: Machine) -> Mapping[str, Ability]:
    return by_programs("storage.pools", machine, "zpool")


def state(machine: Machine, config: Storage) -> Mapping[str, object]:
    return {"drives": list(_drives(machine)), "pools": list(_pools(machine))}


def _drives(machine: Machine) -> Iterator[Mapping[str, object]]:
    told = machine.told("lsblk", "--json", "--bytes", "--output", COLUMNS) or {}
    names = _by_id(machine)
    for each in told.get("blockdevices", ()):
        if each.get("type") != "disk" or str(each["path"]).startswith(("/dev/zram", "/dev/zd")):
            continue
        yield {
            "id": names.get(each["path"], each["path"]),
            "model_name": (each.get("model") or "").strip(),
            "serial_number": each.get("serial") or "",
            "bus": each.get("tran") or "",
            "capacity_in_bytes": int(each.get("size") or 0),
            "boot": "/" in _mounted(each),
            "in_use": bool(_mounted(each) or each.get("fstype")),
            "removable": bool(each.get("rm")),
            "remote": each.get("tran") in REMOTE,
            "wwn": each.get("wwn") or "",
        }


def _by_id(machine: Machine) -> dict[str, str]:
    """Return the name that a drive keeps, by the name that it has now."""
    folder = "/dev/disk/by-id"
    return {f"/dev/{machine.link(f'{folder}/{n}')}": f"{folder}/{n}" for n in machine.names(folder)}


def _mounted(device: Mapping[str, Any]) -> list[str]:
    own = [device["mountpoint"]] if device.get("mountpoint") else []
    return own + [place for each in device.get("children", ()) for place in _mounted(each)]


def _pools(machine: Machine) -> Iterator[Mapping[str, object]]:
    columns = "name,size,allocated,health"
    told = machine.ask("zpool", "list", "-H", "-p", "-o", columns)
    for line in told.out.splitlines() if machine.runner.has("zpool") else ():
        name, size, used, health = line.split("\t")
        yield {"name": name, "raw_pool_size_in_bytes": size, "used": used, "state": health}


STORAGE = Noun(
    "system/storage",
    Storage,
    files,
    acts,
    check,
    lacks,
    look=look,
    state=state,
    abilities=abilities,
)


def scrub(agent: Agent, asked: Asked) -> object:
    doing.perform(agent.machine, run("zpool", "scrub", _pool(agent, asked)))
    return {}


def delete(agent: Agent, asked: Asked) -> object:
    """Destroy a pool with all that is on it. One that something uses stays."""
    name, keeper = _pool(agent, asked), agent.keeper
    doing.perform(agent.machine, run("zpool", "destroy", name, timeout_s=120.0))
    with keeper.lock:
        config: Storage = keeper.config(STORAGE.name)
        left = tuple(each for each in config.pools if each.name != name)
        keeper.memory.configs[STORAGE.name] = written(replace(config, pools=left))
        keeper.memory.save(agent.machine)
    return {}


def _pool(agent: Agent, asked: Asked) -> str:
    told = asked.body.get("name") if isinstance(asked.body, dict) else None
    if not isinstance(told, str) or told not in look(agent.machine, Storage()).pools:
        raise NotFound(f"there is no pool {told or ''}: `name` is one of state.pools")
    return told


def wipe(agent: Agent, asked: Asked) -> object:
    """Forget what a drive was used for. One in use is refused."""
    told = asked.body.get("id") if isinstance(asked.body, dict) else None
    found = [each for each in _drives(agent.machine) if each["id"] == told]
    if not isinstance(told, str) or not found:
        raise NotFound(f"there is no drive {told or ''}: `id` is one of state.drives")
    if found[0]["boot"] or agent.machine.ask("lsblk", "-nro", "MOUNTPOINT", told).out.strip():
        raise Conflict(f"{told} is in use")
    doing.perform(agent.machine, run("wipefs", "--all", told, timeout_s=60.0))
    return {}
