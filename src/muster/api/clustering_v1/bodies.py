"""Reading a body by a table of fields, in the words that clients of the clustering API compare."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from litestar import Request

from muster.api.clustering_v1.faults import MALFORMED
from muster.api.reading import GIANT, giant_of
from muster.base.errors import Invalid

# What is taken in is kept, and read again by whoever lists it or works for it: with less room
# for nesting than the request had, in the depth of other calls.
DEEPEST = 100
_KINDS = frozenset({"", "text/plain", "application/json"})
_NAME = re.compile(r"[A-Za-z0-9\u4e00-\u9fa5._~-]*")
_INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_WORDS = ["0", "1", "f", "false", "n", "no", "off", "on", "t", "true", "y", "yes"]


def refusal(text: str, field: str = "") -> Invalid:
    """Return the error for a request that cannot be read."""
    return Invalid(text, type="HTTPBadRequest", **({"field": field} if field else {}))


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of value is read, given the name of its field, and its JSON schema."""

    read: Callable[[str, Any], Any]
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    kind: Kind
    required: bool = False
    null: bool = False  # may be null, which says nothing or takes something back
    since: int = 0  # the first microversion that knows it; below, it is dropped


Fields = Mapping[str, Field]


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What a request says: an object of fields, inside of `key` unless that is empty."""

    key: str
    fields: Fields = field(default_factory=dict)
    change: bool = False  # of a thing that is there; only the words of the refusal differ

    @property
    def schema(self) -> dict[str, Any]:
        inner = schema_of(self.fields)
        if not self.key:
            return inner
        return {"type": "object", "properties": {self.key: inner}, "required": [self.key]}


def schema_of(fields: Fields) -> dict[str, Any]:
    """Return the JSON schema of an object of these fields."""
    needed = [name for name, row in fields.items() if row.required]
    properties = {
        name: {"anyOf": [row.kind.schema, {"type": "null"}]} if row.null else dict(row.kind.schema)
        for name, row in fields.items()
    }
    made: dict[str, Any] = {"type": "object", "properties": properties}
    return made | ({"required": needed} if needed else {})


async def raw(request: Request[Any, Any, Any]) -> dict[str, Any] | None:
    """Return the JSON object of a body, None where there is none.

    What is not an object, or is sent as another kind of content, counts as none.
    """
    content = await request.body()
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _KINDS or not content.startswith(b"{"):
        return None
    try:
        said: dict[str, Any] = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise refusal(_why(content, str(error))) from None
    if _depth(said) > DEEPEST:
        raise refusal(f"The body is nested more than {DEEPEST} deep.")
    if giant := giant_of(said):
        raise refusal(f"The value of {giant} cannot be read: {GIANT}.", giant)
    return said


def _depth(said: Any) -> int:
    """Return how many maps and lists are inside of each other, up to one more than is taken."""
    level: list[Any] = [said]
    for depth in range(DEEPEST + 2):
        level = [each for each in level if isinstance(each, dict | list)]
        if not level:
            return depth
        level = [
            inner for each in level for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return DEEPEST + 1


def _why(content: bytes, otherwise: str) -> str:
    """Return what is wrong with JSON, in the words of the reader that clients know."""
    try:
        json.loads(content)
    except (ValueError, RecursionError) as error:
        return str(error)
    return otherwise


async def read(request: Request[Any, Any, Any], body: Body) -> dict[str, Any]:
    """Return the values of a body by a table. Raises `Invalid` with what is wrong first."""
    said = await raw(request)
    if said is None:
        raise refusal(MALFORMED)
    if body.key and (body.key not in said or (body.change and said[body.key] is None)):
        missing = f"Malformed request data, missing '{body.key}' key in request body."
        raise refusal(missing if body.change else f"Request body missing '{body.key}' key.")
    inner = said[body.key] if body.key else said
    if not isinstance(inner, dict):
        raise refusal(MALFORMED)
    return values(request, body.fields, inner)


def values(
    request: Request[Any, Any, Any], fields: Fields, said: Mapping[str, Any], *, more: bool = False
) -> dict[str, Any]:
    """Return the values of one object; `more`: keys that the table does not know are ignored.

    Fields newer than the microversion of the request are dropped.
    """
    unknown = [] if more else [name for name in said if name not in fields]
    if unknown:
        names = ", ".join(f"'{name}'" for name in unknown)
        verb = "was" if len(unknown) == 1 else "were"
        raise refusal(f"Additional properties are not allowed ({names} {verb} unexpected)")
    for name, row in fields.items():
        if row.required and name not in said:
            raise refusal(f"'{name}' is a required property", name)
    asked: int = request.state.get("microversion", 0)
    return {
        name: _value(row, name, said[name])
        for name, row in fields.items()
        if name in said and row.since <= asked
    }


def _value(row: Field, name: str, said: Any) -> Any:
    if said is None:
        if row.null:
            return None
        raise refusal(f"Field `{name}' cannot be None", name)
    return row.kind.read(name, said)


def _not_of(said: Any, name: str, *kinds: str) -> Invalid:
    words = ", ".join(f"'{each}'" for each in kinds)
    return refusal(f"{said!r} is not of type {words}", name)


def _name(name: str, said: Any) -> str:
    if not isinstance(said, str):
        raise _not_of(said, name, "string")
    if not said:
        raise refusal(f"The value for the {name} field must be at least 1 characters long.", name)
    if len(said) > 255:
        text = f"The value for the {name} field must be less than 255 characters long."
        raise refusal(text, name)
    if not _NAME.fullmatch(said):
        raise refusal(
            f"The value for the '{name}' ({said}) contains illegal characters. It must contain "
            'only alphanumeric or "_-.~" characters and must start with letter.',
            name,
        )
    return said


def _integer(name: str, said: Any) -> int:
    whole = isinstance(said, int) and not isinstance(said, bool)
    if not whole and not (isinstance(said, str) and _INTEGER.fullmatch(said)):
        raise refusal(f"The value for {name} must be an integer: '{said}'.", name)
    return int(said)


def _count(name: str, said: Any) -> int:
    number = _integer(name, said)
    if number < 0:
        raise refusal(f"Value must be >= 0 for field '{name}'.", name)
    return min(number, 2**31 - 1)


def _number(name: str, said: Any) -> float:
    if isinstance(said, bool) or not isinstance(said, int | float):
        raise _not_of(said, name, "number", "null")
    return said


def _boolean(name: str, said: Any) -> bool:
    if isinstance(said, str) and said.lower() not in _WORDS:
        accepted = ", ".join(f"'{each}'" for each in _WORDS)
        raise refusal(f"Unrecognized value '{said}', acceptable values are: {accepted}", name)
    if not isinstance(said, bool):
        raise _not_of(said, name, "boolean", "null")
    return said


def _map(name: str, said: Any) -> dict[str, Any]:
    if isinstance(said, dict):
        return said
    if isinstance(said, str):
        try:
            json.loads(said)
        except (ValueError, RecursionError):
            raise refusal(f"The value ({said}) is not a valid JSON.", name) from None
    raise _not_of(said, name, "object", "null")


def _text(name: str, said: Any) -> str:
    if not isinstance(said, str):
        raise _not_of(said, name, "string")
    return said


NAME = Kind(_name, {"type": "string", "minLength": 1, "maxLength": 255})
COUNT = Kind(_count, {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string"}]})
NUMBER = Kind(_number, {"type": "number"})
BOOLEAN = Kind(_boolean, {"type": "boolean"})
MAP = Kind(_map, {"type": "object"})
TEXT = Kind(_text, {"type": "string"})


def capacity(low: int, high: int) -> Kind:
    """A number of nodes, from `low` to `high`; text that is a number counts as one."""

    def read(name: str, said: Any) -> int:
        number = _integer(name, said)
        for wrong, words, bound in (
            (number < low, "greater than or equal to", low),
            (number > high, "less than or equal to", high),
        ):
            if wrong:
                raise refusal(f"The value for the {name} field must be {words} {bound}.", name)
        return number

    whole = {"type": "integer", "minimum": low, "maximum": high}
    return Kind(read, {"anyOf": [whole, {"type": "string"}]})


def one_of(*words: str) -> Kind:
    """One of these words."""

    def read(name: str, said: Any) -> str:
        if not isinstance(said, str) or said not in words:
            raise refusal(f"Value '{said}' is not acceptable for field '{name}'.", name)
        return said

    return Kind(read, {"type": "string", "enum": list(words)})


def _identities(name: str, said: Any) -> tuple[str, ...]:
    if isinstance(said, str):
        said = list(said)  # as the original read it, whose clients compare what comes of that
    if not isinstance(said, list):
        raise _not_of(said, name, "array")
    if not said:
        raise refusal(f"Value for '{name}' must have at least 1 item(s).", name)
    words = tuple(_text(name, each) for each in said)
    if len(set(words)) < len(words):
        raise refusal(f"Items for '{name}' must be unique", name)
    return words


IDENTITIES = Kind(
    _identities,
    {"type": "array", "items": {"type": "string"}, "minItems": 1, "uniqueItems": True},
)
