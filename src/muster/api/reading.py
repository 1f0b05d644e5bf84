"""Reading a JSON body by a table of fields: every fault found at once, by the caller's spelling."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any

import msgspec

from muster.base.errors import Invalid
from muster.service.ask import Fault, refuse


@dataclass(slots=True)
class Notes:
    """What is found while a body is read: faults by our names, and how the caller spelled them."""

    faults: list[Fault] = field(default_factory=list)
    spelled: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class At:
    """A place in a body."""

    path: str  # by our names: update_strategy.max_surge
    spelled: str  # by the caller's: updateStrategy.maxSurge
    notes: Notes

    def wrong(self, message: str) -> "Wrong":
        self.notes.spelled[self.path] = self.spelled
        self.notes.faults.append(Fault(self.path, message))
        return WRONG

    def inside(self, name: str, spelled: str) -> "At":
        dot = "." if self.path and not name.startswith("[") else ""
        return At(f"{self.path}{dot}{name}", f"{self.spelled}{dot}{spelled}", self.notes)


class Wrong:
    """What a reader answers for a value it has just found fault with."""


WRONG = Wrong()
Read = Callable[[At, Any], Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of value is read, and its JSON schema."""

    read: Read
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an object; `null` ones may be taken back by null."""

    kind: Kind
    about: str
    null: bool = False
    required: bool = False  # for the schema; the service says what is missing
    ours: str = ""  # the name in our value, if it is another


Fields = Mapping[str, Field]


def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(each.title() for each in rest)


def shown(value: object) -> str:
    """Return a value as JSON, short enough for an error."""
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 60 else f"{text[:57]}..."


def decoded(body: bytes) -> dict[str, Any]:
    """Return the JSON object of a body. Raises `Invalid` for anything else."""
    if not body.strip():
        raise Invalid("a JSON object is required as the body")
    try:
        said = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid(f"the body is not JSON: {error}") from None
    if not isinstance(said, dict):
        raise Invalid(f"the body must be a JSON object, not {_type(said)}")
    if giant := giant_of(said):
        raise Invalid(GIANT, field=giant)
    return said


GIANT = "an integer is larger than 64 bits hold"


# Note [Giants]
# JSON bounds no number, and Python none either: an integer of thousands of digits is read, kept,
# and written down. Whoever reads it back as another kind of number, or adds it to a moment, fails,
# each time he comes by. So what no database could hold as an integer does not come in.
def giant_of(said: Any, name: str = "body") -> str:
    """Return where in decoded JSON an integer is beyond 64 bits, "" for nowhere.

    See Note [Giants].
    """
    level: list[tuple[str, Any]] = [(name, said)]
    while level:
        inner: list[tuple[str, Any]] = []
        for where, each in level:
            if isinstance(each, int) and not -(2**63) <= each < 2**63:
                return where
            if isinstance(each, dict):
                inner += each.items()
            elif isinstance(each, list):
                inner += ((where, one) for one in each)
        level = inner
    return ""


def whole(fields: Fields, body: Mapping[str, Any], notes: Notes) -> dict[str, Any]:
    """Return the values of a body that could be read, by our names; faults go to `notes`."""
    return _object(fields, At("", "", notes), body)


def strictly(fields: Fields, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a small body. Raises `Invalid` with every fault at once."""
    notes = Notes()
    values = whole(fields, body, notes)
    for name, row in fields.items():
        mine = row.ours or name
        if row.required and mine not in values and not _faulty(notes, name):
            notes.faults.append(Fault(name, "is required"))
    if notes.faults:
        refuse([Fault(notes.spelled.get(f.field, f.field), f.message) for f in notes.faults])
    return values


def _faulty(notes: Notes, name: str) -> bool:
    return any(each.field.split(".")[0].split("[")[0] == name for each in notes.faults)


def _object(fields: Fields, at: At, said: Mapping[str, Any]) -> dict[str, Any]:
    names = {camel(name): name for name in fields} | {name: name for name in fields}
    values: dict[str, Any] = {}
    seen: set[str] = set()
    for spelled, value in said.items():
        name = names.get(spelled)
        if name is None:
            at.inside(spelled, spelled).wrong(_unknown(spelled, names))
            continue
        here = at.inside(name, spelled)
        at.notes.spelled[here.path] = here.spelled
        if name in seen:
            here.wrong(f"is given twice, as {name} and {camel(name)}")
            continue
        seen.add(name)
        row = fields[name]
        read = None if value is None and row.null else row.kind.read(here, value)
        if read is not WRONG:
            values[row.ours or name] = read
    return values


def _unknown(spelled: str, names: Mapping[str, str]) -> str:
    near = get_close_matches(spelled, names, n=1)
    return f"is not known here; did you mean {near[0]}?" if near else "is not known here"


def _type(value: object) -> str:
    if value is None:
        return "null"
    words = {bool: "a boolean", str: "a string", dict: "an object", list: "a list"}
    return words.get(type(value), "a number")


_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def text(
    *, low: int = 1, high: int = 255, like: str = "", must: str = "", lines: bool = False
) -> Kind:
    """A string of so many characters, matching `like`, whose rule in words is `must`."""
    pattern = re.compile(like) if like else None

    def read(at: At, value: Any) -> Any:
        if not isinstance(value, str):
            return at.wrong(f"must be a string, not {_type(value)}")
        if not low <= len(value) <= high:
            return at.wrong(f"must have {low} to {high} characters, not {len(value)}")
        if "\0" in value or (not lines and _CONTROL.search(value)):
            return at.wrong("must not contain control characters")
        if pattern and not pattern.fullmatch(value):
            return at.wrong(f"must be {must}, not {shown(value)}")
        return value

    schema = {"type": "string", "minLength": low, "maxLength": high}
    return Kind(read, schema | ({"pattern": f"^(?:{like})$"} if like else {}))


def integer(low: int, high: int) -> Kind:
    def read(at: At, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int):
            said = shown(value) if isinstance(value, float) else _type(value)
            return at.wrong(f"must be an integer, not {said}")
        if not low <= value <= high:
            return at.wrong(f"must be between {low} and {high}, not {value}")
        return value

    return Kind(read, {"type": "integer", "minimum": low, "maximum": high})


def number(low: float, high: float, *, above: bool = False) -> Kind:
    """A number from `low` (itself not, if `above`) to `high`."""

    def read(at: At, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return at.wrong(f"must be a number, not {_type(value)}")
        fits = (low < value if above else low <= value) and value <= high
        if not fits:  # neither does what is no number at all, nor an integer beyond any float
            bound = f"more than {low:g} and at most" if above else f"from {low:g} to"
            said = f"{value:g}" if isinstance(value, float) else shown(value)
            return at.wrong(f"must be {bound} {high:g}, not {said}")
        return float(value)

    least = "exclusiveMinimum" if above else "minimum"
    return Kind(read, {"type": "number", least: low, "maximum": high})


def boolean() -> Kind:
    def read(at: At, value: Any) -> Any:
        if not isinstance(value, bool):
            return at.wrong(f"must be true or false, not {shown(value)}")
        return value

    return Kind(read, {"type": "boolean"})


def instant() -> Kind:
    """A moment with its offset from UTC."""

    def read(at: At, value: Any) -> Any:
        try:
            said = datetime.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            said = None
        if said is None or said.tzinfo is None:
            return at.wrong(f"must be a moment such as 2030-01-01T12:00:00Z, not {shown(value)}")
        try:
            return said.astimezone(UTC)
        except OverflowError:
            return at.wrong("lies outside of all time")

    return Kind(read, {"type": "string", "format": "date-time"})


def one_of(values: Mapping[str, Any]) -> Kind:
    """One of these words, each standing for a value."""

    def read(at: At, value: Any) -> Any:
        if not isinstance(value, str) or value not in values:
            return at.wrong(f"must be one of {', '.join(values)}, not {shown(value)}")
        return values[value]

    return Kind(read, {"type": "string", "enum": list(values)})


def list_of(each: Kind, high: int) -> Kind:
    def read(at: At, value: Any) -> Any:
        if not isinstance(value, list):
            return at.wrong(f"must be a list, not {_type(value)}")
        if len(value) > high:
            return at.wrong(f"must have at most {high} items, not {len(value)}")
        items = [each.read(at.inside(f"[{i}]", f"[{i}]"), item) for i, item in enumerate(value)]
        return WRONG if WRONG in items else tuple(items)

    return Kind(read, {"type": "array", "items": each.schema, "maxItems": high})


def words_by_name(high: int) -> Kind:
    """An object whose values are strings."""

    def read(at: At, value: Any) -> Any:
        if not isinstance(value, dict):
            return at.wrong(f"must be an object, not {_type(value)}")
        if len(value) > high:
            return at.wrong(f"must have at most {high} keys, not {len(value)}")
        for name, word in value.items():
            if not 1 <= len(name) <= 255 or _CONTROL.search(name):
                return at.wrong("must have keys of 1 to 255 characters, none a control character")
            if not isinstance(word, str):
                return at.inside(name, name).wrong(f"must be a string, not {_type(word)}")
            if len(word) > 65535 or "\0" in word:
                return at.inside(name, name).wrong("must have at most 65535 characters, no NUL")
        return dict(value)

    schema = {"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": high}
    return Kind(read, schema)


def object_of(fields: Fields, made: Callable[[At, dict[str, Any]], Any] | None = None) -> Kind:
    """An object of these fields; `made` turns the values read into one, or finds fault."""

    def read(at: At, value: Any) -> Any:
        if not isinstance(value, dict):
            return at.wrong(f"must be an object, not {_type(value)}")
        before = len(at.notes.faults)
        values = _object(fields, at, value)
        if len(at.notes.faults) > before:
            return WRONG
        return made(at, values) if made else values

    return Kind(read, schema_of(fields))


def schema_of(fields: Fields) -> dict[str, Any]:
    """Return the JSON schema of an object of these fields."""
    properties = {
        name: _nullable(row.kind.schema, row.null) | {"description": row.about}
        for name, row in fields.items()
    }
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    needed = [name for name, row in fields.items() if row.required]
    return schema | ({"required": needed} if needed else {})


def _nullable(schema: Mapping[str, Any], null: bool) -> dict[str, Any]:
    if not null:
        return dict(schema)
    if "enum" in schema:
        return {"enum": [*schema["enum"], None]}
    return {**schema, "type": [schema["type"], "null"]} if "type" in schema else dict(schema)
