"""services/lvm: volume groups that several machines share, each by a number of its own."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from muster.agent.machine import Machine
from muster.agent.noun import Ability, Noun, by_programs, when_enabled
from muster.agent.said import ruled, wrong
from muster.agent.steps import Act, Acts, File, Put, Unit, at_rest, run, started

LOCAL = "/etc/lvm/lvmlocal.conf"
DAEMONS = ("wdmd.service", "sanlock.service", "lvmlockd.service")
AT_BOOT = "lvmlocks.service"
# Volumes of guests, which are theirs to look into.
FILTER = '[ "r|/dev/zd.*|", "r|/dev/rbd.*|", "r|/dev/nbd.*|" ]'


@dataclass(frozen=True, slots=True)
class Lvm:
    enabled: bool = False
    system_id: int = ruled(0, low=0, high=2000)  # sanlock knows 2000 hosts


@dataclass(frozen=True, slots=True)
class Sight:
    rests: bool = False  # whether one of those that lock does not run


def look(machine: Machine, config: Lvm) -> Sight:
    return Sight(any(machine.rests(each) for each in DAEMONS))


def check(config: Lvm) -> None:
    if config.enabled and not config.system_id:
        raise wrong("config.system_id", "is required, from 1 to 2000, where this is enabled")


def files(config: Lvm, seen: Sight) -> Iterator[File]:
    if config.enabled:
        yield Put(
            LOCAL,
            "global {\n    use_lvmlockd = 1\n}\n"
            f"local {{\n    host_id = {config.system_id}\n}}\n"
            f"devices {{\n    global_filter = {FILTER}\n}}\n",
        )


def acts(old: Lvm, new: Lvm, seen: Sight, changed: frozenset[str]) -> Acts:
    """A number is changed only with all locks let go of, which fails where they are held."""
    is_another = old.enabled and new.enabled and old.system_id != new.system_id
    first: list[Act] = []
    then: list[Act] = []
    if old.enabled and not new.enabled:
        first += [_STOPPING, Unit("disable", AT_BOOT), *at_rest(*reversed(DAEMONS))]
    if is_another:
        first += [_STOPPING, *(Unit("stop", each) for each in reversed(DAEMONS))]
    if new.enabled and (is_another or seen.rests or not old.enabled):
        then += [*started(*DAEMONS), Unit("enable", AT_BOOT), _STARTING]
    return Acts(tuple(first), tuple(then))


def reset(config: Lvm) -> Iterator[Act]:
    """Locks that hang are held by daemons that no longer listen to anybody."""
    yield run("systemctl", "kill", "--signal=SIGKILL", *reversed(DAEMONS), tolerated=True)
    yield run("rm", "-rf", "/dev/shm/wdmd")
    yield from (Unit("start", each) for each in DAEMONS)
    yield _STARTING


_START, _STOP = ("vgchange", "--lock-start"), ("vgchange", "--lock-stop")
_STARTING = run(*_START, undo=_STOP, timeout_s=120.0)
_STOPPING = run(*_STOP, undo=_START, timeout_s=120.0)


def abilities(machine: Machine) -> Mapping[str, Ability]:
    return by_programs("services.lvm", machine, "vgchange", "lvmlockd", "sanlock", "wdmd")


def state(machine: Machine, config: Lvm) -> Mapping[str, object]:
    if not config.enabled:
        return {}
    pvs, vgs = _report(machine, "pvs"), _report(machine, "vgs")
    log = [*pvs.get("log", ()), *vgs.get("log", ())]
    return {
        "pvs": _rows(pvs, "pv"),
        "vgs": _rows(vgs, "vg"),
        **({"log": log} if log else {}),
    }


_WITH_LOG = "log/report_command_log=1"


def _report(machine: Machine, program: str) -> Mapping[str, Any]:
    """Return what a program reports, and of that what went wrong."""
    return machine.report(program, "--reportformat", "json", "--config", _WITH_LOG)


def _rows(told: Mapping[str, Any], key: str) -> list[object]:
    return [each for report in told.get("report", ()) for each in report.get(key, ())]


LVM = Noun(
    "services/lvm",
    Lvm,
    files,
    acts,
    check,
    when_enabled(abilities),
    look=look,
    state=state,
    abilities=abilities,
    reset=reset,
    is_service=True,
)
