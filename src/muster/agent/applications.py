"""applications: what a machine has besides its system, as packages of its distribution."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from muster.agent import provider
from muster.agent.agent import Agent
from muster.agent.envelope import Asked
from muster.agent.machine import Machine
from muster.agent.noun import Ability, Lack, Noun, by_programs, lacking
from muster.agent.said import read, written, wrong
from muster.agent.steps import Act, Acts, File, Put, Unit, run
from muster.base.errors import Conflict, NotFound, Unsupported

LONG_S = 900.0
FORMAT = "${Package} ${db:Status-Status} ${Version}\\n"
APT = ("apt-get", "-y", "-o", "Dpkg::Options::=--force-confold")


@dataclass(frozen=True, slots=True)
class Application:
    packages: tuple[str, ...]
    units: tuple[str, ...] = ()
    is_primary: bool = False
    needs: str = ""
    instead: tuple[str, ...] = ()  # packages, each of which is as good as all of them


CATALOGUE: Mapping[str, Application] = {
    "debug": Application(("strace", "sysstat", "tcpdump")),
    "incus": Application(("incus",), ("incus.service",), is_primary=True, instead=("incus-base",)),
    "incus-ceph": Application(("ceph-common",), needs="incus"),
    "incus-linstor": Application(
        ("drbd-utils", "linstor-satellite"), ("linstor-satellite.service",), needs="incus"
    ),
}
# Known by name where the machine is IncusOS, and no package of Debian or Ubuntu.
ELSEWHERE = ("gpu-support", "incus-lts-7.0", "migration-manager", "openfga", "operations-center")


@dataclass(frozen=True, slots=True)
class Applications:
    names: tuple[str, ...] = ()  # what was asked for, in that order


@dataclass(frozen=True, slots=True)
class Sight:
    versions: Mapping[str, str]  # of packages that are installed

    def has(self, name: str) -> bool:
        return bool(self.of(name))

    def of(self, name: str) -> tuple[str, ...]:
        """Return the packages that an application is here, () where it is not."""
        app = CATALOGUE[name]
        if all(each in self.versions for each in app.packages):
            return app.packages
        return next(((each,) for each in app.instead if each in self.versions), ())


def look(machine: Machine, config: Applications) -> Sight:
    """Ask once for all: who is not installed is not in the answer."""
    packages = sorted({p for each in CATALOGUE.values() for p in (*each.packages, *each.instead)})
    told = machine.ask("dpkg-query", "--show", f"--showformat={FORMAT}", *packages)
    found = re.findall(r"^(\S+) installed (\S+)$", told.out, re.M)
    return Sight(dict(found))


def acts(old: Applications, new: Applications, seen: Sight, changed: frozenset[str]) -> Acts:
    then: list[Act] = []
    for name in old.names:
        if name not in new.names and seen.has(name):
            packages = seen.of(name)
            then.append(
                run(*APT, "remove", *packages, undo=_installing(packages), timeout_s=LONG_S)
            )
    for name in new.names:
        missing = [p for p in CATALOGUE[name].packages if p not in seen.versions]
        if missing and not seen.has(name):
            back = f"dpkg --configure -a; {' '.join(APT)} remove {' '.join(missing)}"
            argv = _installing(missing)
            then.append(run(*argv, undo=("sh", "-c", back), timeout_s=LONG_S))
    return Acts(then=tuple(then))


def _installing(packages: Iterable[str]) -> tuple[str, ...]:
    return (*APT, "install", "--no-install-recommends", *packages)


def lacks(config: Applications, machine: Machine) -> Iterable[Lack]:
    return lacking(abilities(machine)) if config.names else ()


def abilities(machine: Machine) -> Mapping[str, Ability]:
    return by_programs("applications", machine, "apt-get", "dpkg-query")


APPLICATIONS = Noun(
    "applications",
    Applications,
    lambda config, seen: (),
    acts,
    lacks=lacks,
    look=look,
    abilities=abilities,
)


@dataclass(frozen=True, slots=True)
class Lxcfs:
    """What containers see of the machine: their own part of it, where this is true."""

    cpu_shares: bool = False
    load_average: bool = False


@dataclass(frozen=True, slots=True)
class Incus:
    lxcfs: Lxcfs = Lxcfs()


LXCFS = "/etc/systemd/system/lxcfs.service.d/99-muster.conf"
_WORDS = {"cpu_shares": "--enable-cfs", "load_average": "--enable-loadavg"}


def _lxcfs_files(config: Incus, seen: None) -> Iterator[File]:
    words = [word for name, word in _WORDS.items() if getattr(config.lxcfs, name)]
    if words:
        start = " ".join(("/usr/bin/lxcfs", *words, "/var/lib/lxcfs"))
        yield Put(LXCFS, f"[Service]\nExecStart=\nExecStart={start}\n")


def _lxcfs_acts(old: Incus, new: Incus, seen: None, changed: frozenset[str]) -> Acts:
    """It counts from its next start on: a restart would take it from the containers that run."""
    again = run("systemctl", "daemon-reload", tolerated=True)
    return Acts(then=(again,)) if LXCFS in changed else Acts()


def _lxcfs_lacks(config: Incus, machine: Machine) -> Iterable[Lack]:
    return lacking(_lxcfs_abilities(machine), "config.lxcfs") if config != Incus() else ()


def _lxcfs_abilities(machine: Machine) -> Mapping[str, Ability]:
    return by_programs("applications.lxcfs", machine, "lxcfs")


INCUS = Noun(
    "applications/incus",
    Incus,
    _lxcfs_files,
    _lxcfs_acts,
    lacks=_lxcfs_lacks,
    abilities=_lxcfs_abilities,
)


@dataclass(frozen=True, slots=True)
class Nothing:
    """What can be said of an application of which nothing can be said."""


def put(agent: Agent, asked: Asked) -> object:
    """Have an application be so, as far as anything can be said of it."""
    name, _ = _installed(agent, asked)
    if not isinstance(asked.body, dict) or "config" not in asked.body:
        raise wrong("config", 'is required: the body is {"config": {...}}')
    said = asked.body["config"]
    if f"applications/{name}" == INCUS.name:
        agent.keeper.put(INCUS.name, said)
    else:
        read(Nothing, said)
    return {}


def _config(agent: Agent, name: str) -> object:
    return written(agent.keeper.config(INCUS.name)) if INCUS.name.endswith(f"/{name}") else {}


def listed(agent: Agent, asked: Asked) -> object:
    seen = look(agent.machine, Applications())
    return [f"{asked.prefix}/1.0/applications/{name}" for name in CATALOGUE if seen.has(name)]


def add(agent: Agent, asked: Asked) -> object:
    """Install an application, what it needs first; whole or not at all."""
    body = asked.body if isinstance(asked.body, dict) else {}
    name = body.get("name")
    if not isinstance(name, str) or not name:
        raise wrong("name", "is required")
    if name in ELSEWHERE:
        raise Unsupported(f"name: {name} is no package of this system", field="name")
    if name not in CATALOGUE:
        raise wrong("name", f"no such application; known: {', '.join(CATALOGUE)}")
    if look(agent.machine, Applications()).has(name):
        raise Conflict(f"{name} is installed")
    _put(agent, (*_wanted(name), name), ())
    return {}


def _wanted(name: str) -> Iterator[str]:
    if CATALOGUE[name].needs:
        yield CATALOGUE[name].needs


def show(agent: Agent, asked: Asked) -> object:
    name, seen = _installed(agent, asked)
    app, package = CATALOGUE[name], seen.of(name)[0]
    version = seen.versions[package]
    return {
        "config": _config(agent, name),
        "state": {
            "is_primary": app.is_primary,
            "initialized": all(not agent.machine.rests(unit) for unit in app.units),
            "friendly_version": version.split("-")[0].split(":")[-1],
            "version": version,
            "available_versions": _available(agent.machine, package),
        },
    }


def _available(machine: Machine, package: str) -> list[str]:
    told = machine.ask("apt-cache", "madison", package)
    lines = (line.split("|") for line in told.out.splitlines())
    return list(dict.fromkeys(parts[1].strip() for parts in lines if len(parts) == 3))


def restart(agent: Agent, asked: Asked) -> object:
    name, _ = _installed(agent, asked)
    for unit in CATALOGUE[name].units:
        result = agent.machine.unit(Unit("restart", unit))
        if result.code:
            raise Conflict(f"{unit} does not start: {result.said}")
    return {}


def remove(agent: Agent, asked: Asked) -> object:
    """Remove an application that no other needs. What it kept on disk stays."""
    name, seen = _installed(agent, asked)
    users = [each for each, app in CATALOGUE.items() if app.needs == name and seen.has(each)]
    if users:
        raise Conflict(f"{name} is needed by {', '.join(users)}")
    _put(agent, (name,), (name,))
    return {}


def _put(agent: Agent, come: Iterable[str], gone: tuple[str, ...]) -> None:
    """Have `come` be among what is installed by us, then `gone` be no more."""
    keeper = agent.keeper
    if keeper.memory.journal:
        raise Conflict(f"{', '.join(keeper.memory.journal)} waits to be confirmed")
    names = list(dict.fromkeys((*keeper.config(APPLICATIONS.name).names, *come)))
    keeper.put(APPLICATIONS.name, {"names": names})
    provider.note(agent, provider.APPLICATION_UPDATED)
    if gone:
        left = [each for each in names if each not in gone]
        keeper.put(APPLICATIONS.name, {"names": left})


def _installed(agent: Agent, asked: Asked) -> tuple[str, Sight]:
    name, seen = asked.names["name"], look(agent.machine, Applications())
    if name not in CATALOGUE or not seen.has(name):
        raise NotFound(f"there is no application {name}")
    return name, seen
