"""The page of the agent's routes and configurations, made from its tables."""

from collections.abc import Iterator, Mapping
from dataclasses import Field, fields, is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

from muster.agent.options import OPTIONS
from muster.agent.routes import NOUNS, ROUTES
from muster.agent.said import NO_RULE

WORDS = {str: "text", int: "whole number", bool: "true or false"}
INTRODUCTION = (
    "`muster agent` serves this on a machine: to trusted clients by TLS with `/os` before each "
    "path, to root on a Unix socket as it stands here. Answers are in the envelope of Incus. What "
    'can be configured is `{"config": {...}, "state": {...}}`; a PUT says the whole of `config`, '
    "is done whole or not at all, and the same PUT again does nothing. "
    "[How to set it up](../how-to/serve-a-machine.md)."
)


def page(made: str) -> str:
    lines = [made, "# The agent", "", INTRODUCTION, "", "## Routes", ""]
    lines += ["| | Path | |", "|---|---|---|"]
    lines += [f"| {each.method} | `{each.path}` | {each.about} |" for each in ROUTES]
    lines += ["", "Each route of `/1.0/services/{name}` and `/1.0/system/{name}` takes the names "]
    lines[-1] += (
        "below. Errors: 400 names the field; 403 not trusted; 404 not there; 409 this machine "
    )
    lines[-1] += "cannot, or not now, and why; 500 it failed, and is as before; 501 not done there."
    for name in sorted(each for each in NOUNS if "/" in each):
        noun = NOUNS[name]
        lines += ["", f"## `{name}`", "", "| Field of `config` | Is | |", "|---|---|---|"]
        lines += list(_rows(noun.kind, ""))
    lines += ["", "## Options", "", "| Option | Default | |", "|---|---|---|"]
    lines += [f"| `--{each.name}` | `{each.default or ' '}` | {each.about} |" for each in OPTIONS]
    return "\n".join([*lines, ""])


def _rows(kind: Any, before: str) -> Iterator[str]:
    hints = get_type_hints(kind)
    for each in fields(kind):
        inner, mark = _inner(hints[each.name])
        path = f"{before}{each.name}{mark}"
        if is_dataclass(inner):
            yield from _rows(inner, f"{path}.")
        else:
            yield f"| `{path}` | {WORDS[inner]} | {_held(each)} |"


def _inner(hint: Any) -> tuple[Any, str]:
    """Return what is inside a type, and how it is inside."""
    origin = get_origin(hint)
    if origin is tuple:
        inner, mark = _inner(get_args(hint)[0])
        return inner, f"[]{mark}"
    if origin is not None and issubclass(origin, Mapping):
        inner, mark = _inner(get_args(hint)[1])
        return inner, f".NAME{mark}"
    if origin is not None:  # X | None
        return _inner(get_args(hint)[0])
    return hint, ""


def _held(each: "Field[Any]") -> str:
    rule = each.metadata.get("rule", NO_RULE)
    said = [
        "required" if rule.needed else "",
        f"one of {', '.join(f'`{word}`' for word in rule.among)}" if rule.among else "",
        f"at least {rule.low}" if rule.low is not None else "",
        f"at most {rule.high}" if rule.high is not None else "",
        "secret: shown as its digest" if rule.secret else "",
        f"`{each.default}` if left out" if isinstance(each.default, str) and each.default else "",
    ]
    return "; ".join(word for word in said if word)
