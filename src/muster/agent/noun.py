"""What a noun of the agent is: a configuration, the files it means, and what is run for it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

from muster.agent.machine import Machine
from muster.agent.steps import NOTHING, Act, Acts, File

Config = TypeVar("Config")


class Can(StrEnum):
    SUPPORTED = "supported"
    EMULATED = "emulated"  # it is kept and shown, and something here does not act on it
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Ability:
    can: Can = Can.SUPPORTED
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Lack:
    """Why this machine cannot have what a field says."""

    field: str
    reason: str


def _no_acts(old: Any, new: Any, sight: Any, changed: frozenset[str]) -> Acts:
    return NOTHING


def _no_fault(config: Any) -> None:
    return None


def _no_lacks(config: Any, machine: Machine) -> Iterable[Lack]:
    return ()


def _no_reset(config: Any) -> Iterable[Act]:
    return ()


def _blind(machine: Machine, config: Any) -> Any:
    return None


def _no_state(machine: Machine, config: Any) -> Mapping[str, object]:
    return {}


def _no_abilities(machine: Machine) -> Mapping[str, Ability]:
    return {}


def _fine(machine: Machine, config: Any) -> str | None:
    return None


@dataclass(frozen=True)
class Noun(Generic[Config]):
    """One thing that can be read and put. What answers is pure but for what takes a machine.

    `files` is everything that a configuration means at rest: what an old one meant and a new one
    does not is taken back to what was before the agent. `acts` is what has to be run besides: by
    the difference of old and new, by the paths of files that change, and by what is seen to be
    missing; so of the same configuration twice it is what has to be mended. `sight` is what both
    need to know of the machine, read from files; `look` what acts have to know besides, for which
    programs may be asked.
    """

    name: str
    kind: type[Config]
    files: Callable[[Config, Any], Iterable[File]]
    acts: Callable[[Config, Config, Any, frozenset[str]], Acts] = _no_acts
    check: Callable[[Config], None] = _no_fault
    lacks: Callable[[Config, Machine], Iterable[Lack]] = _no_lacks
    sight: Callable[[Machine, Config], Any] = _blind
    look: Callable[[Machine, Config], Any] | None = None
    state: Callable[[Machine, Config], Mapping[str, object]] = _no_state
    abilities: Callable[[Machine], Mapping[str, Ability]] = _no_abilities
    verify: Callable[[Machine, Config], str | None] = _fine  # what is not as it should be
    confirm_s: Callable[[Config], float] | None = None  # how long a change waits to be confirmed
    reset: Callable[[Config], Iterable[Act]] = _no_reset  # what ends something that hangs
    at_start: bool = False  # whether it has to be done again when the agent starts
    is_service: bool = False

    @property
    def may_wait(self) -> bool:
        return self.confirm_s is not None


def by_programs(feature: str, machine: Machine, *programs: str) -> Mapping[str, Ability]:
    """Return what is missing for something that programs do."""
    missing = machine.has(programs)
    if missing:
        return {feature: Ability(Can.ABSENT, f"there is no {' and no '.join(missing)} here")}
    return {feature: Ability()}


def lacking(abilities: Mapping[str, Ability], field: str = "config.enabled") -> Iterable[Lack]:
    """Return why what a field asks for cannot be, if it cannot."""
    for ability in abilities.values():
        if ability.can is Can.ABSENT:
            yield Lack(field, ability.reason)


def when_enabled(
    abilities: Callable[[Machine], Mapping[str, Ability]],
) -> Callable[[Any, Machine], Iterable[Lack]]:
    """Return what says why a service cannot be had, where it is asked for."""

    def lacks(config: Any, machine: Machine) -> Iterable[Lack]:
        return lacking(abilities(machine)) if config.enabled else ()

    return lacks
