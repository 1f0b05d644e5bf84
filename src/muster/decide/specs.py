"""Whether a specification says what its schema allows, and what it says with defaults filled in."""

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

from muster.base.errors import Invalid, Malformed
from muster.model.schema import ABSENT, Item, Kind, Schema

_WORDS = {
    **dict.fromkeys(("1", "t", "true", "on", "y", "yes"), True),
    **dict.fromkeys(("0", "f", "false", "off", "n", "no"), False),
}


# Note [Null is absent]
# Clients send nulls for what they have no value for, and the original read them so. What is
# required is missed before what is unknown is noticed: a specification of the wrong type
# thus names what it lacks.
def checked(schema: Schema, said: Any, what: str = "spec item") -> dict[str, Any]:
    """Return what is said with every default filled in, at every level.

    Raises `Malformed` for an item that is unknown, missing, or of a wrong kind. Values that
    can be read as the kind asked for are: "3" is a whole number, "yes" a yes. See
    Note [Null is absent].
    """
    if not isinstance(said, Mapping):
        raise Malformed(f"'{said}' is not a Map", field=what)
    found: dict[str, Any] = {}
    for name, item in schema.items():
        if said.get(name) is not None:
            found[name] = _read(item, said[name], name)
        elif item.required:
            raise Malformed(f"Required {what} '{name}' not provided", field=name)
        elif item.default is not ABSENT:
            found[name] = _filled(item)
        elif item.implied:
            found[name] = checked(item.fields, {})
    for name in said:
        if name not in schema:
            raise Malformed(f"Unrecognizable {what} '{name}'", field=str(name))
    return found


def checked_parameters(parameters: Schema, said: Any) -> dict[str, Any]:
    """Return the parameters of an operation with defaults; raises `Invalid` like the API says."""
    try:
        return checked(parameters, said, "parameter")
    except Malformed as error:
        raise Invalid(f"{error.text}.", **error.details) from None


def _filled(item: Item) -> Any:
    """Return a default; of a map with items of its own, what those say by default."""
    return checked(item.fields, item.default) if item.fields else item.default


def _read(item: Item, value: Any, name: str) -> Any:
    read = _READ[item.type](item, value, name)
    if item.allowed and read not in item.allowed:
        allowed = ", ".join(item.allowed)
        raise Malformed(f"'{value}' must be one of the allowed values: {allowed}", field=name)
    return read


# Note [Numbers of specs]
# What a spec says in seconds is added to moments, and what it says in nodes to sizes. Seconds up
# to this are 68 years, and a moment so far ahead is still one; beyond that somewhere on the way
# something would overflow, for everybody who looks at the cluster.
MOST = 2**31 - 1


def _refuse(value: Any, kind: str, name: str) -> Malformed:
    return Malformed(f"The value '{value}' is not a valid {kind}", field=name)


def _string(item: Item, value: Any, name: str) -> str:
    if value is None or isinstance(value, Mapping | list):
        raise _refuse(value, "string", name)
    return value if isinstance(value, str) else str(value)


def _integer(item: Item, value: Any, name: str) -> int:
    number = _number(item, value, name, "Integer")
    if number != int(number):
        raise _refuse(value, "Integer", name)
    return int(number)


def _number(item: Item, value: Any, name: str, kind: str = "number") -> float:
    """Return a number; what is not finite is none. See Note [Numbers of specs]."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _refuse(value, kind, name)
    try:
        number = value if isinstance(value, int) else float(value)
    except ValueError:
        raise _refuse(value, kind, name) from None
    if isinstance(number, float) and not isfinite(number):
        raise _refuse(value, kind, name)
    if abs(number) > MOST:
        raise Malformed(f"The value must be from -{MOST} to {MOST}", field=name)
    return int(number) if number == int(number) else number


def _boolean(item: Item, value: Any, name: str) -> bool:
    word = str(value).strip().lower()
    if word not in _WORDS:
        raise _refuse(value, "Boolean", name)
    return _WORDS[word]


def _map(item: Item, value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise Malformed(f"'{value}' is not a Map", field=name)
    return checked(item.fields, value) if item.fields else dict(value)


def _list(item: Item, value: Any, name: str) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise Malformed(f"'{value}' is not a List", field=name)
    if item.each is None:
        return list(value)
    return [_read(item.each, each, name) for each in value]


_READ: Mapping[Kind, Callable[[Item, Any, str], Any]] = {
    Kind.STRING: _string,
    Kind.INTEGER: _integer,
    Kind.NUMBER: _number,
    Kind.BOOLEAN: _boolean,
    Kind.MAP: _map,
    Kind.LIST: _list,
}
