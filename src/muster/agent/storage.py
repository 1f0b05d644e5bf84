"""system/storage: the machine's drives, and pools of ZFS made of them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from muster.agent import doing
from muster.agent.agent import Agent
from muster.agent.datasets import volumes
from muster.agent.drives import drives, encryption, root_partition
from muster.agent.envelope import Asked
from muster.agent.machine import Machine
from muster.agent.noun import Ability, Lack, Noun, by_programs, lacking
from muster.agent.said import ruled, written, wrong
from muster.agent.steps import Act, Acts, File, Put, run
from muster.base.errors import NotFound

DEVICE = r"/dev/[A-Za-z0-9_./:-]{1,200}"
POOL = r"[A-Za-z][A-Za-z0-9_-]{0,62}"
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
class Special:
    """Where a pool keeps what it knows of its data, and small blocks, apart from the rest."""

    type: str = ruled("zfs-raid1", among=("zfs-raid0", "zfs-raid1", "zfs-raid10"))
    special_small_blocks_size_in_kb: int = ruled(0, low=0, high=1024)
    devices: tuple[str, ...] = ruled((), pattern=DEVICE)


@dataclass(frozen=True, slots=True)
class Pool:
    name: str = ruled(needed=True, pattern=POOL)
    type: str = ruled(needed=True, among=tuple(TYPES))
    devices: tuple[str, ...] = ruled((), pattern=DEVICE)
    cache: tuple[str, ...] = ruled((), pattern=DEVICE)
    log: tuple[str, ...] = ruled((), pattern=DEVICE)
    special: Special = Special()

    @property
    def all(self) -> tuple[str, ...]:
        return (*self.devices, *self.cache, *self.log, *self.special.devices)


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
        here = f"config.pools[{n}]"
        if each.name in names:
            raise wrong(f"{here}.name", f"{each.name} is there twice")
        _check_count(f"{here}.devices", each.type, each.devices)
        _check_special(f"{here}.special", each.special)
        if used & set(each.all) or len(set(each.all)) < len(each.all):
            raise wrong(f"{here}.devices", "has a device that is used twice")
        names.add(each.name)
        used |= set(each.all)


def _check_count(path: str, type: str, devices: tuple[str, ...]) -> None:
    least, _ = TYPES[type]
    if len(devices) < least or (type == "zfs-raid10" and len(devices) % 2):
        pairs = ", in pairs" if type == "zfs-raid10" else ""
        raise wrong(path, f"{type} is of at least {least}{pairs}")


def _check_special(path: str, special: Special) -> None:
    size = special.special_small_blocks_size_in_kb
    if special.devices:
        _check_count(f"{path}.devices", special.type, special.devices)
    elif size:
        raise wrong(f"{path}.devices", "is required: small blocks have to be somewhere")
    if size & (size - 1):
        field = f"{path}.special_small_blocks_size_in_kb"
        raise wrong(field, "must be a power of two, from 1 to 1024; 0: none")


def acts(old: Storage, new: Storage, seen: Sight, changed: frozenset[str]) -> Acts:
    """What is told of no more stays: a pool goes only by :delete-pool. None is made by force."""
    come = [each for each in new.pools if each.name not in seen.pools]
    return Acts(then=tuple(_creating(each) for each in come))


def _creating(pool: Pool) -> Act:
    words = ["zpool", "create", "-o", "ashift=12", "-o", "autotrim=on", "-m", "none"]
    words += ["-O", "compression=on"]
    small = pool.special.special_small_blocks_size_in_kb
    words += ["-O", f"special_small_blocks={small}K"] if small else []
    words += [pool.name, *_arranged(pool.type, pool.devices)]
    for kind in ("cache", "log"):
        devices = getattr(pool, kind)
        words += [kind, *devices] if devices else []
    if pool.special.devices:
        words += ["special", *_arranged(pool.special.type, pool.special.devices)]
    return run(*words, undo=("zpool", "destroy", pool.name), timeout_s=120.0)


def _arranged(type: str, devices: tuple[str, ...]) -> Iterator[str]:
    word = TYPES[type][1]
    size = 2 if type == "zfs-raid10" else len(devices)
    for n in range(0, len(devices), size):
        yield from (word,) if word else ()
        yield from devices[n : n + size]


def files(config: Storage, seen: object) -> Iterator[File]:
    if config.scrub_schedule:
        path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"
        yield Put(SCRUBBING, f"{path}\n{config.scrub_schedule} {_LINE}\n")


def lacks(config: Storage, machine: Machine) -> Iterable[Lack]:
    if config.scrub_schedule:
        yield from lacking(by_programs("scrub", machine, "zpool", "cron"), "config.scrub_schedule")
    if not config.pools:
        return
    yield from lacking(by_programs("storage.pools", machine, "zpool"), "config.pools")
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
    return {
        **by_programs("storage.pools", machine, "zpool"),
        **by_programs("storage.smart", machine, "smartctl"),
        **by_programs("storage.secure_wipe", machine, "blkdiscard"),
        **encryption(machine),
    }


def state(machine: Machine, config: Storage) -> Mapping[str, object]:
    pools = look(machine, config).pools
    return {
        "drives": list(drives(machine, pools)),
        "pools": list(_pools(machine)),
        "root_partition": root_partition(machine),
    }


def _pools(machine: Machine) -> Iterator[Mapping[str, object]]:
    columns = "name,size,allocated,health"
    told = machine.ask("zpool", "list", "-H", "-p", "-o", columns)
    for line in told.out.splitlines() if machine.runner.has("zpool") else ():
        name, size, used, health = line.split("\t")
        yield {
            "name": name,
            "raw_pool_size_in_bytes": size,
            "used": used,
            "state": health,
            "volumes": list(volumes(machine, name)),
        }


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
    return named_pool(agent, asked.body.get("name") if isinstance(asked.body, dict) else None)


def named_pool(agent: Agent, told: object, field: str = "name") -> str:
    """Return the name of a pool that is there. Raises `NotFound`."""
    if not isinstance(told, str) or told not in look(agent.machine, Storage()).pools:
        raise NotFound(f"there is no pool {told or ''}: `{field}` is one of state.pools")
    return told
