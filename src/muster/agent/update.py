"""system/update: the system's packages as new as its sources have them, when it may be."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from threading import Lock, Thread
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from muster.agent import channels, doing, power, provider
from muster.agent.agent import Agent
from muster.agent.applications import APT, CATALOGUE, LONG_S
from muster.agent.channels import Sources
from muster.agent.durations import no_duration, seconds
from muster.agent.envelope import Asked
from muster.agent.failures import Undone
from muster.agent.machine import Machine
from muster.agent.noun import Ability, Lack, Noun, by_programs
from muster.agent.said import ruled
from muster.agent.steps import Acts, File, run
from muster.base.errors import Conflict, MusterError, Unsupported

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
NEVER = ("", "never")
WEEK_MIN = 7 * 24 * 60
IN_BACKGROUND = "update"


def _no_frequency(text: str) -> str | None:
    return None if text in NEVER else no_duration(text)


@dataclass(frozen=True, slots=True)
class Window:
    """A part of each day, or of each week where it names its days."""

    start_hour: int = ruled(0, low=0, high=23)
    start_minute: int = ruled(0, low=0, high=59)
    end_hour: int = ruled(0, low=0, high=23)
    end_minute: int = ruled(0, low=0, high=59)
    start_day_of_week: str = ruled("", among=DAYS)
    end_day_of_week: str = ruled("", among=DAYS)


@dataclass(frozen=True, slots=True)
class Update:
    auto_reboot: bool = False
    channel: str = ruled("", pattern=r"[a-z0-9-]{1,31}")
    check_frequency: str = ruled("", check=_no_frequency)
    maintenance_windows: tuple[Window, ...] = ()


def is_open(windows: Iterable[Window], now: datetime) -> bool:
    """Return whether it may be now, which is the machine's own time; without windows: always."""
    windows = tuple(windows)
    return not windows or any(_holds(each, now) for each in windows)


def _holds(window: Window, now: datetime) -> bool:
    """One that ends before it starts goes over midnight, or over the end of the week."""
    first, last = window.start_day_of_week, window.end_day_of_week
    turn = WEEK_MIN if first else WEEK_MIN // 7
    start = (DAYS.index(first) * 1440 if first else 0) + window.start_hour * 60
    end = (DAYS.index(last or first) * 1440 if first else 0) + window.end_hour * 60
    length = (end + window.end_minute - start - window.start_minute) % turn
    at = now.weekday() * 1440 + now.hour * 60 + now.minute
    return (at - start - window.start_minute) % turn < length


def is_due(config: Update, last: datetime | None, now: datetime) -> bool:
    if config.check_frequency in NEVER:
        return False
    return last is None or (now - last).total_seconds() >= seconds(config.check_frequency)


def needs_reboot(machine: Machine) -> bool:
    """Return whether something installed begins only with the next boot."""
    if machine.there("/run/reboot-required"):
        return True
    kernels = [each for each in machine.names("/boot") if each.startswith("vmlinuz-")]
    newest = max((each.removeprefix("vmlinuz-") for each in kernels), key=_by_version, default="")
    return newest not in ("", machine.line("/proc/sys/kernel/osrelease"))


def _by_version(text: str) -> list[tuple[int, str]]:
    return [(int(number), rest) for number, rest in re.findall(r"(\d+)(\D*)", text)]


_under_way = Lock()


def check(agent: Agent, asked: Asked) -> object:
    """Begin to ask the sources what is newer, and to install it; `state` tells how it ends."""
    body = asked.body if isinstance(asked.body, dict) else {}
    _begin(agent)
    words = {"agent": agent, "is_system_only": bool(body.get("os_only"))}
    Thread(target=_finish, kwargs=words, name=IN_BACKGROUND, daemon=True).start()
    return {}


def _begin(agent: Agent) -> None:
    for lack in lacks_apt(agent.machine):
        raise Unsupported(lack)
    if not _under_way.acquire(blocking=False):
        raise Conflict("an update is in progress")


def _finish(agent: Agent, is_system_only: bool) -> None:
    """Do what was begun. What fails is in the state, and the log."""
    try:
        count = _upgrade(agent.machine, is_system_only)
        _note(agent, f"Updated {count} packages" if count else "All is up to date")
        if count:
            provider.note(agent, provider.UPDATED)
    except Undone as error:
        doing.LOG.error("no update: %s", error.text)
        _note(agent, f"Update failed: {error.text}")
    finally:
        _under_way.release()


def _upgrade(machine: Machine, is_system_only: bool) -> int:
    doing.perform(machine, run("apt-get", "update", timeout_s=LONG_S))
    told = machine.ask("apt-get", "--simulate", "upgrade", timeout_s=60.0)
    every = {p for app in CATALOGUE.values() for p in (*app.packages, *app.instead)}
    apart = every if is_system_only else set()
    names = [each for each in re.findall(r"^Inst (\S+)", told.out, re.M) if each not in apart]
    if names:
        words = (*APT, "install", "--only-upgrade", *names)
        doing.perform(machine, run(*words, timeout_s=LONG_S))
    return len(names)


def _note(agent: Agent, status: str) -> None:
    keeper = agent.keeper
    with keeper.lock:
        last = agent.machine.clock.now().isoformat()
        keeper.memory.notes["update"] = {"status": status, "last_check": last}
        keeper.memory.save(agent.machine)


def tick(agent: Agent) -> None:
    """Do what is due by now, where that may be now. What fails is in the state, and the log."""
    config: Update = agent.keeper.config(UPDATE.name)
    last = _noted(agent).get("last_check")
    now = agent.machine.clock.now()
    if not is_open(config.maintenance_windows, now.astimezone(_zone(agent.machine))):
        return
    try:
        if is_due(config, datetime.fromisoformat(last) if last else None, now):
            _begin(agent)
            _finish(agent, is_system_only=False)
        if config.auto_reboot and needs_reboot(agent.machine):
            power.leave(agent, "reboot")
    except MusterError as error:
        doing.LOG.error("no update: %s", error.text)


def _noted(agent: Agent) -> Mapping[str, Any]:
    noted: Mapping[str, Any] = agent.keeper.memory.notes.get("update", {})
    return noted


def _zone(machine: Machine) -> ZoneInfo:
    try:
        return ZoneInfo(machine.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def lacks_apt(machine: Machine) -> list[str]:
    return [each.reason for each in abilities(machine).values() if each.reason]


def lacks(config: Update, machine: Machine) -> Iterator[Lack]:
    yield from channels.lacks(config.channel, machine)
    if config.check_frequency not in NEVER:
        yield from (Lack("config.check_frequency", reason) for reason in lacks_apt(machine))


def abilities(machine: Machine) -> Mapping[str, Ability]:
    return by_programs("update", machine, "apt-get")


def shown(agent: Agent) -> Mapping[str, object]:
    """Return what is known of updates besides the configuration."""
    now = {"status": "Update in progress"} if _under_way.locked() else {}
    return {"last_check": "", "status": "", **_noted(agent), **now}


def files(config: Update, seen: Sources) -> Iterator[File]:
    return channels.files(config.channel, seen)


def acts(old: Update, new: Update, seen: Sources, changed: frozenset[str]) -> Acts:
    return Acts(then=tuple(channels.acts(changed)))


UPDATE = Noun(
    "system/update",
    Update,
    files,
    acts,
    lacks=lacks,
    sight=lambda machine, config: channels.seen(machine, config.channel),
    state=lambda machine, config: {"needs_reboot": needs_reboot(machine)},
    abilities=abilities,
)
