"""What can be done to a machine, as values: files, the kernel's knobs, programs, units."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Put:
    """A file with this text; without text: none."""

    path: str
    text: str | None
    mode: int = 0o644
    group: str = ""  # whose it is beside root's, where there is such a group


@dataclass(frozen=True, slots=True)
class Knob:
    """A file of /proc or /sys that takes effect when it is written."""

    path: str
    text: str
    first: str = ""  # what has to be written before that can be


@dataclass(frozen=True, slots=True)
class Run:
    """A program to run. `undo` is what takes back that it ran, if anything does."""

    argv: tuple[str, ...]
    undo: tuple[str, ...] = ()
    codes: tuple[int, ...] = (0,)  # what it may end with
    text: str = ""  # its standard input
    timeout_s: float = 30.0
    tolerated: bool = False  # may fail
    asks: bool = False  # changes nothing


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of the service manager, and what is to become of it."""

    verb: str  # start, stop, restart, enable, disable
    name: str


File = Put | Knob
Act = Run | Unit


@dataclass(frozen=True, slots=True)
class Acts:
    """What is run before files change, and after."""

    first: tuple[Act, ...] = ()
    then: tuple[Act, ...] = ()


NOTHING = Acts()


def run(*argv: str, undo: Iterable[str] = (), **said: object) -> Run:
    return Run(tuple(argv), tuple(undo), **said)  # type: ignore[arg-type]


def started(*units: str) -> tuple[Unit, ...]:
    """Return what makes units run, now and after a boot; one that runs runs on."""
    return tuple(Unit(verb, unit) for unit in units for verb in ("enable", "start"))


def running(*units: str) -> tuple[Unit, ...]:
    """Return what makes units run, now and after a boot."""
    return tuple(Unit(verb, unit) for unit in units for verb in ("enable", "restart"))


def at_rest(*units: str) -> tuple[Unit, ...]:
    """Return what stops units, now and after a boot."""
    return tuple(Unit(verb, unit) for unit in units for verb in ("stop", "disable"))
