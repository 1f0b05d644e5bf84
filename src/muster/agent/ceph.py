"""services/ceph: the Ceph clusters that this machine is a client of."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from muster.agent.machine import Machine
from muster.agent.noun import Ability, Noun, by_programs, when_enabled
from muster.agent.said import ruled, wrong
from muster.agent.steps import File, Put

FOLDER = "/etc/ceph"
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}"
SETTING = r"[A-Za-z][A-Za-z0-9_ -]{0,62}"
MONITOR = r"[A-Za-z0-9\[][A-Za-z0-9_.:,/\[\]-]{0,252}"


@dataclass(frozen=True, slots=True)
class Keyring:
    key: str = ruled(needed=True, pattern=r"[A-Za-z0-9+/=]{1,128}", secret=True)


@dataclass(frozen=True, slots=True)
class Cluster:
    fsid: str = ruled(needed=True, pattern=UUID)
    monitors: tuple[str, ...] = ruled((), pattern=MONITOR)
    keyrings: Mapping[str, Keyring] = field(default_factory=dict)
    client_config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ceph:
    enabled: bool = False
    clusters: Mapping[str, Cluster] = field(default_factory=dict)


def check(config: Ceph) -> None:
    for name, each in config.clusters.items():
        here = f"config.clusters.{name}"
        _hold(here, name, NAME)
        if not each.monitors:
            raise wrong(f"{here}.monitors", "there has to be one at least")
        for user in each.keyrings:
            _hold(f"{here}.keyrings.{user}", user, NAME)
        for key, value in each.client_config.items():
            _hold(f"{here}.client_config.{key}", key, SETTING)
            if "\n" in value:
                raise wrong(f"{here}.client_config.{key}", "must be one line")


def _hold(path: str, name: str, pattern: str) -> None:
    if not re.fullmatch(pattern, name):
        raise wrong(path, f"the name does not have the form {pattern}")


def files(config: Ceph, seen: None) -> Iterator[File]:
    for name, each in config.clusters.items() if config.enabled else ():
        lines = ["[global]", f"fsid = {each.fsid}", f"mon_host = {','.join(each.monitors)}"]
        if each.client_config:
            lines += ["", "[client]", *(f"{k} = {v}" for k, v in each.client_config.items())]
        yield Put(f"{FOLDER}/{name}.conf", "\n".join([*lines, ""]))
        for user, keyring in each.keyrings.items():
            entity = f"client.{user.removeprefix('client.')}"
            text = f"[{entity}]\n\tkey = {keyring.key}\n"
            yield Put(f"{FOLDER}/{name}.{entity}.keyring", text, 0o600)


def abilities(machine: Machine) -> Mapping[str, Ability]:
    return by_programs("services.ceph", machine, "ceph")


def state(machine: Machine, config: Ceph) -> Mapping[str, object]:
    if not config.enabled:
        return {}
    words = ("--connect-timeout", "3", "status", "--format", "json")
    return {
        "clusters": {
            name: machine.told("ceph", "--cluster", name, *words) or {} for name in config.clusters
        }
    }


CEPH = Noun(
    "services/ceph",
    Ceph,
    files,
    check=check,
    lacks=when_enabled(abilities),
    state=state,
    abilities=abilities,
    is_service=True,
)
