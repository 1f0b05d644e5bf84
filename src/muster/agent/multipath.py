"""services/multipath: one disk by several paths, of the disks that are named."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from muster.agent.machine import Machine
from muster.agent.noun import Ability, Lack, Noun, by_programs, lacking
from muster.agent.said import ruled, wrong
from muster.agent.steps import Act, Acts, File, Put, Unit, at_rest, run, running, started

CONFIG = "/etc/multipath/conf.d/99-muster.conf"
KNOWN = "/etc/multipath/wwids"
FIBRE = "/sys/class/fc_host"
BY_ID = "/dev/disk/by-id"
DAEMON = "multipathd.service"
WWN = r"0x[0-9a-f]{8,32}"


@dataclass(frozen=True, slots=True)
class Multipath:
    enabled: bool = False
    wwns: tuple[str, ...] = ruled((), pattern=WWN)


@dataclass(frozen=True, slots=True)
class Sight:
    known: tuple[str, ...]  # the disks that are to have several paths, as the programs name them
    rests: bool = False

    def knows(self, wwn: str) -> bool:
        return any(each[1:] == wwn[2:] for each in self.known)


def sight(machine: Machine, config: Multipath) -> Sight:
    return Sight(tuple(re.findall(r"^/(\S+)/$", machine.text(KNOWN) or "", re.M)))


def look(machine: Machine, config: Multipath) -> Sight:
    return Sight(sight(machine, config).known, machine.rests(DAEMON))


def check(config: Multipath) -> None:
    for n, each in enumerate(config.wwns):
        if each in config.wwns[:n]:
            raise wrong(f"config.wwns[{n}]", "is there twice")


def files(config: Multipath, seen: Sight) -> Iterator[File]:
    if config.enabled:  # strict: of a disk that is not named no paths are gathered
        yield Put(CONFIG, "defaults {\n    find_multipaths strict\n}\n")


def acts(old: Multipath, new: Multipath, seen: Sight, changed: frozenset[str]) -> Acts:
    """What is in use keeps its paths until it is let go of; others' disks keep theirs."""
    before, wanted = _wwns(old), _wwns(new)
    gone = [each for each in before if each not in wanted]
    come = [each for each in wanted if not seen.knows(each)]
    then: list[Act] = []
    for wwn in gone:
        then += _leaving(wwn)
    then += [_telling(wwn, "-a", "-w") for wwn in come]
    if new.enabled and CONFIG in changed:
        then += running(DAEMON)
    elif new.enabled and (seen.rests or not old.enabled):
        then += started(DAEMON)
    if new.enabled and (gone or come):
        then.append(run("multipath", "-r", undo=("multipath", "-r")))
    others = [each for each in seen.known if each[1:] not in {wwn[2:] for wwn in before}]
    if old.enabled and not new.enabled and not others:
        then += at_rest(DAEMON)
    return Acts(then=tuple(then))


def _wwns(config: Multipath) -> tuple[str, ...]:
    return config.wwns if config.enabled else ()


def _telling(wwn: str, word: str, undo: str) -> Act:
    device = f"{BY_ID}/wwn-{wwn}"
    return run("multipath", word, device, undo=("multipath", undo, device))


def _leaving(wwn: str) -> Iterator[Act]:
    yield _telling(wwn, "-w", "-a")
    yield run("multipath", "-f", f"3{wwn[2:]}", tolerated=True)


def reset(config: Multipath) -> Iterator[Act]:
    yield Unit("restart", DAEMON)
    yield run("multipath", "-r", timeout_s=60.0)


def lacks(config: Multipath, machine: Machine) -> Iterable[Lack]:
    if not config.enabled:
        return
    yield from lacking(abilities(machine))
    for n, wwn in enumerate(config.wwns):
        if not machine.there(f"{BY_ID}/wwn-{wwn}"):
            yield Lack(f"config.wwns[{n}]", f"there is no disk {BY_ID}/wwn-{wwn}")


def abilities(machine: Machine) -> Mapping[str, Ability]:
    return by_programs("services.multipath", machine, "multipath", "multipathd")


def state(machine: Machine, config: Multipath) -> Mapping[str, object]:
    ports = [_port(machine, each) for each in machine.names(FIBRE)]
    if not config.enabled or not machine.runner.has("multipathd"):
        return {"controllers": ports, "devices": {}}
    maps = (machine.told("multipathd", "show", "maps", "json") or {}).get("maps", ())
    return {
        "controllers": ports,
        "devices": {f"0x{each.get('uuid', '')[1:]}": _shown(each) for each in maps},
    }


_OF_PORTS = (
    "fabric_name",
    "node_name",
    "port_name",
    "port_state",
    "port_type",
    "speed",
    "supported_speeds",
)


def _port(machine: Machine, host: str) -> Mapping[str, str]:
    """Return what a port of Fibre Channel says of itself."""
    return {name: machine.line(f"{FIBRE}/{host}/{name}") for name in _OF_PORTS}


def _shown(each: Mapping[str, Any]) -> Mapping[str, object]:
    return {
        "vendor": each.get("vend", ""),
        "size": each.get("size", ""),
        "path_groups": [
            {
                "policy": group.get("selector", ""),
                "priority": group.get("pri", 0),
                "status": group.get("dm_st", ""),
                "paths": [
                    {"id": path.get("dev", ""), "status": path.get("chk_st", "")}
                    for path in group.get("paths", [])
                ],
            }
            for group in each.get("path_groups", ())
        ],
    }


MULTIPATH = Noun(
    "services/multipath",
    Multipath,
    files,
    acts,
    check,
    lacks,
    sight,
    look,
    state,
    abilities,
    reset=reset,
    is_service=True,
)
