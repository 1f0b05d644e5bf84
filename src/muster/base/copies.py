"""Frozen values that are made and copied ten thousand at a time."""

from collections.abc import Mapping
from dataclasses import Field, fields, make_dataclass
from functools import cache
from typing import Any, ClassVar

from msgspec import Struct
from msgspec.structs import replace


class _Fields:
    """Tells `dataclasses.replace` and `fields` of a value what they tell of a dataclass."""

    def __get__(self, value: object, kind: type[Struct]) -> Mapping[str, Field[Any]]:
        return _fields(kind)


@cache
def _fields(kind: type[Struct]) -> Mapping[str, Field[Any]]:
    return {
        each.name: each for each in fields(make_dataclass(kind.__name__, kind.__struct_fields__))
    }


# Note [Values by the thousand]
# A frozen dataclass writes each of its fields through a guard, in Python: for a node that
# takes ten times as long as all else that is done to make one, and copying with
# `dataclasses.replace` longer still. So what there is one of per node, server or event is a
# struct, which does the same in C. Everything else stays a plain dataclass. Both are used
# alike, `dataclasses.replace` included; where many are copied, `altered` is the quick way.
# What is frozen can only refer to what was there before it, so no circle leads through it, and
# the collector of circles need not look at it.
class Value(Struct, frozen=True, kw_only=True, gc=False):
    """What a frozen dataclass is, in less time. See Note [Values by the thousand]."""

    __dataclass_fields__: ClassVar[Any] = _Fields()


# Note [Defaults unsaid]
# Of some forty fields of a node a dozen say something; the others are as by default. Written
# out they were half of every row, and half of the time that writing and reading rows takes. So
# what is as by default is left out of the row. A default is thus part of how rows are kept:
# whoever changes one has to write the old one into the rows that do without it.
class Kept(Value, frozen=True, kw_only=True, omit_defaults=True):
    """A value that is kept by the thousand. See Note [Defaults unsaid]."""


altered = replace
