"""What a specification may say: items of nested maps and lists, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from functools import partial
from typing import Any, Final


class Kind(StrEnum):
    STRING = "String"
    INTEGER = "Integer"
    NUMBER = "Number"
    BOOLEAN = "Boolean"
    MAP = "Map"
    LIST = "List"


class Absent(Enum):
    """There is no default; `None` could be one."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing that a specification may say."""

    type: Kind
    description: str = ""
    required: bool = False
    updatable: bool = False
    default: Any = ABSENT
    allowed: tuple[str, ...] = ()  # none: anything of its type
    fields: Mapping[str, "Item"] = field(default_factory=dict)  # of a map; none: any keys
    each: "Item | None" = None  # of a list; None: anything
    implied: bool = False  # a map that nobody wrote says what its own items say by default
    min_version: str = ""
    max_version: str = ""


Schema = Mapping[str, Item]

string = partial(Item, type=Kind.STRING)
integer = partial(Item, type=Kind.INTEGER)
number = partial(Item, type=Kind.NUMBER)
boolean = partial(Item, type=Kind.BOOLEAN)
mapping = partial(Item, type=Kind.MAP)
listing = partial(Item, type=Kind.LIST)


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """How far a version of a type could be relied upon, and since which release."""

    status: str  # SUPPORTED | EXPERIMENTAL | DEPRECATED
    since: str


def encoded(item: Item, *, bare: bool = False) -> dict[str, Any]:
    """Return an item as clients are shown it; `bare` leaves out what an operation has not.

    Keys that say nothing are left out, so that old clients print what they always did.
    """
    shown: dict[str, Any] = {"type": item.type.value, "required": item.required}
    if not bare:
        shown["updatable"] = item.updatable
    if item.description:
        shown["description"] = item.description
    if item.default is not ABSENT:
        shown["default"] = item.default
    if item.allowed:
        shown["constraints"] = [{"type": "AllowedValues", "constraint": list(item.allowed)}]
    if item.fields:
        shown["schema"] = encoded_schema(item.fields)
    elif item.each:
        shown["schema"] = {"*": encoded(item.each)}
    for name in ("min_version", "max_version"):
        if getattr(item, name):
            shown[name] = getattr(item, name)
    return shown


def encoded_schema(schema: Schema) -> dict[str, Any]:
    """Return a whole schema as clients are shown it."""
    return {name: encoded(item) for name, item in schema.items()}
