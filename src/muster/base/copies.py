"""Copies of frozen values that differ in a few fields, made ten thousand at a time."""

from collections.abc import Callable
from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar

T = TypeVar("T")


# Note [Copies]
# `dataclasses.replace` asks for the fields anew and runs `__init__`, which writes each
# through a guard: three times the work of the copy itself, and copying is a third of what
# a node costs. Here the fields go from slot to slot. It is for dataclasses with slots and
# without `__post_init__`; elsewhere, and where few are copied, `replace` says more.
@cache
def _shape(kind: type) -> tuple[Callable[[Any], tuple[Any, ...]], dict[str, Callable[..., None]]]:
    setters = {each.name: getattr(kind, each.name).__set__ for each in fields(kind)}
    return attrgetter(*setters), setters


def altered(value: T, /, **changes: Any) -> T:
    """Return a copy with these fields changed. See Note [Copies]."""
    kind: Any = type(value)
    read, setters = _shape(kind)
    copy: T = object.__new__(kind)
    for write, each in zip(setters.values(), read(value), strict=True):
        write(copy, each)
    for name, each in changes.items():
        setters[name](copy, each)
    return copy
