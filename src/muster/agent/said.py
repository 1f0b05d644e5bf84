"""Turn JSON into the frozen values of a configuration and back, naming the field that is wrong."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from functools import cache
from hashlib import sha256
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from muster.base.errors import Invalid

Config = TypeVar("Config")


@dataclass(frozen=True, slots=True)
class Rule:
    """What a field's value has to be, beyond its type."""

    needed: bool = False
    low: int | None = None
    high: int | None = None
    pattern: str | None = None
    among: tuple[str, ...] = ()
    check: Callable[[str], str | None] | None = None  # text -> what is wrong with it
    secret: bool = False


NO_RULE = Rule()


def ruled(default: Any = MISSING, **rule: Any) -> Any:
    """Return a dataclass field whose value is held to a `Rule`."""
    metadata = {"rule": Rule(**rule)}
    if default is MISSING:
        return field(metadata=metadata)
    return field(default=default, metadata=metadata)


def read(kind: type[Config], said: object, path: str = "config") -> Config:
    """Return the configuration that JSON says, or raise `Invalid` that names the field."""
    if said is None:
        said = {}
    if not isinstance(said, Mapping):
        raise wrong(path, "must be an object")
    hints: dict[str, Any] = _hints(kind)  # type: ignore[arg-type]
    unknown = sorted(set(said) - set(hints))
    if unknown:
        raise wrong(f"{path}.{unknown[0]}", f"no such field; known: {', '.join(hints)}")
    given: dict[str, Any] = {}
    for each in fields(kind):  # type: ignore[arg-type]
        rule = each.metadata.get("rule", NO_RULE)
        here = f"{path}.{each.name}"
        if said.get(each.name) is not None:
            given[each.name] = _held(_value(hints[each.name], said[each.name], here), rule, here)
        elif rule.needed:
            raise wrong(here, "is required")
        elif _without_default(each):
            given[each.name] = read(hints[each.name], None, here)
    return kind(**given)


def wrong(path: str, text: str) -> Invalid:
    return Invalid(f"{path}: {text}", field=path)


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _without_default(each: "Field[Any]") -> bool:
    return each.default is MISSING and each.default_factory is MISSING


def _value(hint: Any, said: Any, path: str) -> Any:
    origin = get_origin(hint)
    if origin is UnionType:  # X | None, and None was dealt with
        return _value(get_args(hint)[0], said, path)
    if origin is tuple:
        if not isinstance(said, list):
            raise wrong(path, "must be a list")
        inner = get_args(hint)[0]
        return tuple(_value(inner, each, f"{path}[{n}]") for n, each in enumerate(said))
    if origin is not None:  # Mapping[str, X]
        if not isinstance(said, Mapping):
            raise wrong(path, "must be an object")
        inner = get_args(hint)[1]
        return {name: _value(inner, each, f"{path}.{name}") for name, each in said.items()}
    if is_dataclass(hint):
        inside: Any = hint
        return read(inside, said, path)
    return _plain(hint, said, path)


_WORDS = {str: "text", bool: "true or false", int: "a whole number"}


def _plain(hint: Any, said: Any, path: str) -> Any:
    if not isinstance(said, hint) or (hint is int and isinstance(said, bool)):
        raise wrong(path, f"must be {_WORDS[hint]}")
    if isinstance(said, str) and any(ord(each) < 32 and each not in "\n\t" for each in said):
        raise wrong(path, "has control characters")
    return said


def _held(value: Any, rule: Rule, path: str) -> Any:
    if isinstance(value, tuple):
        for n, each in enumerate(value):
            _held(each, rule, f"{path}[{n}]")
        return value
    if isinstance(value, str):
        _hold_text(value, rule, path)
    elif isinstance(value, int) and not isinstance(value, bool):
        _hold_number(value, rule, path)
    return value


def _hold_text(value: str, rule: Rule, path: str) -> None:
    if not value:
        if rule.needed:
            raise wrong(path, "must not be empty")
        return
    if rule.among and value not in rule.among:
        raise wrong(path, f"must be one of {', '.join(rule.among)}")
    if rule.pattern and not re.fullmatch(rule.pattern, value):
        shown = "it" if rule.secret else repr(value)
        raise wrong(path, f"{shown} does not have the form {rule.pattern}")
    fault = rule.check(value) if rule.check else None
    if fault:
        raise wrong(path, fault)
    if "\n" in value and not rule.secret and rule.check is None:
        raise wrong(path, "must be one line")


def _hold_number(value: int, rule: Rule, path: str) -> None:
    if rule.low is not None and value < rule.low:
        raise wrong(path, f"must be at least {rule.low}")
    if rule.high is not None and value > rule.high:
        raise wrong(path, f"must be at most {rule.high}")


def written(value: Any, masked: bool = False) -> Any:
    """Return a configuration as JSON, without what says nothing. See Note [Masked secrets]."""
    if is_dataclass(value) and not isinstance(value, type):
        pairs = ((each, getattr(value, each.name)) for each in fields(value))
        return {
            each.name: _masked(inner) if masked and _is_secret(each) else written(inner, masked)
            for each, inner in pairs
            if each.name == "enabled" or inner not in (None, "", (), {}, 0, False)
        }
    if isinstance(value, tuple):
        return [written(each, masked) for each in value]
    if isinstance(value, Mapping):
        return {name: written(each, masked) for name, each in value.items()}
    return value


def _is_secret(each: "Field[Any]") -> bool:
    rule: Rule = each.metadata.get("rule", NO_RULE)
    return rule.secret


# Note [Masked secrets]
# What is secret is shown as {"set": true, "sha256": ...} and never as itself. Whoever reads a
# configuration, changes a line and puts it back says that again where the secret was: it is
# taken for the secret of that digest, wherever in the old configuration it stood. One that
# nobody knows stays an object, which is no text, and is refused with its field's name. Known are
# the secrets of the present configuration and of the one before it: whoever takes a change back
# has seen nothing but masks of what he puts back.
def _masked(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_masked(each) for each in value]
    if isinstance(value, Mapping):
        return {name: _masked(each) for name, each in value.items()}
    return {"set": True, "sha256": sha256(str(value).encode()).hexdigest()}


def unmasked(said: Any, *old: Any) -> Any:
    """Return what was said with the secrets of older configurations in their places."""
    known = {sha256(each.encode()).hexdigest(): each for each in secrets(old)}

    def put_back(part: Any) -> Any:
        if isinstance(part, Mapping):
            if set(part) == {"set", "sha256"} and part["sha256"] in known:
                return known[part["sha256"]]
            return {name: put_back(each) for name, each in part.items()}
        return [put_back(each) for each in part] if isinstance(part, list) else part

    return put_back(said)


def secrets(value: Any) -> list[str]:
    """Return the texts that are secret in a configuration, however deep."""
    if is_dataclass(value) and not isinstance(value, type):
        return [
            text
            for each in fields(value)
            for text in (_texts if _is_secret(each) else secrets)(getattr(value, each.name))
        ]
    return [text for inner in _parts(value) for text in secrets(inner)]


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value] if value else []
    return [text for inner in _parts(value) for text in _texts(inner)]


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, tuple) else ()
