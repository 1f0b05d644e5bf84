"""Options of a driver: its part of the settings read into a value, what is wrong named."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from datetime import timedelta
from math import isfinite
from typing import Any, Protocol, TypeVar

from muster.base.errors import Invalid
from muster.model.cloud import Pace

T = TypeVar("T")


class Paced(Protocol):
    """Options that say how often each kind of look is taken."""

    @property
    def look_every_s(self) -> float: ...
    @property
    def probe_every_s(self) -> float: ...
    @property
    def sample_every_s(self) -> float: ...
    @property
    def stray_grace_s(self) -> float: ...
    @property
    def calls_at_once(self) -> int: ...


def pace(options: Paced) -> Pace:
    return Pace(
        look_every=timedelta(seconds=options.look_every_s),
        probe_every=timedelta(seconds=options.probe_every_s),
        sample_every=timedelta(seconds=options.sample_every_s),
        stray_grace=timedelta(seconds=options.stray_grace_s),
        calls_at_once=options.calls_at_once,
    )


def options(kind: type[T], said: Mapping[str, Any], of: str, *, nothing: bool = False) -> T:
    """Return the options of a cloud `of` some kind, which a dataclass with defaults describes.

    Raises `Invalid` naming the one at fault. Numbers are more than 0, or with `nothing` 0 too.
    """
    known: dict[str, Field[Any]] = {each.name: each for each in fields(kind)}  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    for name, value in said.items():
        if name not in known:
            raise Invalid(f"no option of a {of} cloud is called {name!r}", field=name)
        values[name] = _value(name, _kind(known[name]), value)
        if type(values[name]) in (int, float):
            _check_number(name, values[name], nothing=nothing)
    return kind(**values)


def _kind(described: Field[Any]) -> type:
    """Return of which type an option is: that of its default."""
    if described.default is not MISSING:
        return type(described.default)
    assert described.default_factory is not MISSING
    return type(described.default_factory())


def _value(name: str, kind: type, value: Any) -> Any:
    if kind is tuple:
        if not isinstance(value, list | tuple):
            raise Invalid(f"{name} must be a list, not {value!r}", field=name)
        return tuple(value)
    wanted: Any = (int, float) if kind is float else Mapping if kind is dict else kind
    if not isinstance(value, wanted) or (isinstance(value, bool) and kind is not bool):
        shown = "a table" if kind is dict else kind.__name__
        raise Invalid(f"{name} must be {shown}, not {value!r}", field=name)
    return float(value) if kind is float else value


def _check_number(name: str, value: float, *, nothing: bool) -> None:
    if not isfinite(value) or value < 0 or (value == 0 and not nothing):
        least = "0 or more" if nothing else "more than 0"
        raise Invalid(f"{name} must be {least}, not {value!r}", field=name)
