"""`muster rules`: who may do what, and the file in which an operator says otherwise."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from tomllib import TOMLDecodeError, loads
from typing import Any

import click
from litestar import Litestar

from muster.api.guard import call_of, guard, right_of
from muster.base.errors import Invalid
from muster.model.rules import EVERYONE, Rules, for_keystone
from muster.model.who import Right
from muster.settings import Settings, load
from muster.wiring.serve import told

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_HEAD = f"""\
# Who may do what. Save it, change it, and name the file in MUSTER_RULES_FILE.
#
# Each line names roles; one of them is enough. "{EVERYONE}" is every caller, [] is nobody.
# A caller acts in his own project; the right every_project is that of seeing all of them.
# What is not said in the file is as in this one.
"""
_ABOUT: Mapping[Right, str] = {
    Right.READ: "see what the project has",
    Right.WRITE: "change what the project has",
    Right.EVERY_PROJECT: "see and change what other projects have",
    Right.OPERATE: "clouds, engines, metrics",
}


@click.command()
@click.option("--changed", is_flag=True, help="Only what the file in force says.")
def rules(changed: bool) -> None:
    """Print who may do what, as the file that would say it.

    It shows the rules in force: the built-in ones with those of MUSTER_RULES_FILE. Calls
    whose line is a comment take the right that the line names.
    """
    with told():
        settings = load()
        known = calls_of(_application())
        in_force = rules_of(settings, known)
        click.echo(written(in_force, {} if changed else known), nl=False)


def _application() -> Litestar:
    from prometheus_client import CollectorRegistry

    from muster.api.app import build
    from muster.drivers.identity.none import NoIdentity

    own = CollectorRegistry()
    return build(None, NoIdentity(), registry=own)  # type: ignore[arg-type]  # no call is made


def calls_of(app: Litestar) -> Mapping[str, Right]:
    """Return every call that asks who is calling, with the right it takes."""
    found: dict[str, Right] = {}
    for route in app.routes:
        for handler in getattr(route, "route_handlers", [getattr(route, "route_handler", None)]):
            if handler is None or guard not in handler.resolve_guards():
                continue
            for method in getattr(handler, "http_methods", {"GET"}) - {"HEAD", "OPTIONS"}:
                call = call_of(method, route.path_format)
                found[call] = right_of(handler, method in _READING)
    return dict(sorted(found.items()))


def rules_of(settings: Settings, known: Mapping[str, Right]) -> Rules:
    """Return the rules in force. Raises `Invalid` naming what is wrong with the file."""
    built_in = for_keystone() if settings.identity == "keystone" else Rules()
    if not settings.rules_file:
        return built_in
    path = Path(settings.rules_file).expanduser()
    try:
        said = loads(path.read_text())
    except (OSError, UnicodeDecodeError, TOMLDecodeError) as error:
        raise Invalid(f"{path}: {error}", field="rules_file") from None
    for part in set(said) - {"rights", "calls"}:
        raise Invalid(f"{path}: there is rights and calls, not {part!r}", field="rules_file")
    rights = _named(path, said, "rights", {right.value for right in Right})
    calls = _named(path, said, "calls", set(known))
    given = {Right(name): roles for name, roles in rights.items()}
    return Rules(rights={**built_in.rights, **given}, calls=calls)


def _named(
    path: Path, said: Mapping[str, Any], part: str, known: set[str]
) -> Mapping[str, frozenset[str]]:
    table = said.get(part, {})
    if not isinstance(table, dict):
        raise Invalid(f"{path}: {part} must be a table", field="rules_file")
    for name, roles in table.items():
        if name not in known:
            text = f"{path}: {part}: there is no {name!r}; `muster rules` prints what there is"
            raise Invalid(text, field="rules_file")
        if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
            text = f'{path}: {part}: {name} must be roles, such as ["member"], or ["{EVERYONE}"]'
            raise Invalid(text, field="rules_file")
    return {name: frozenset(role.lower() for role in roles) for name, roles in table.items()}


def written(rules: Rules, known: Mapping[str, Right]) -> str:
    """Return the rules as the file that would say them, calls at their default as comments."""
    return "\n".join([_HEAD, *_rights(rules), "", *_calls(rules, known), ""])


def _rights(rules: Rules) -> Iterator[str]:
    yield "[rights]"
    for right, roles in rules.rights.items():
        yield f"{right} = {_roles(roles)}  # {_ABOUT[right]}"
    if "reader" in rules.rights[Right.WRITE]:
        changing = _roles(rules.rights[Right.WRITE] - {"reader"})
        yield f"# {Right.WRITE} = {changing}  # where readers are to read and nothing else"


def _calls(rules: Rules, known: Mapping[str, Right]) -> Iterator[str]:
    yield "[calls]"
    for call, roles in rules.calls.items():
        yield f"{json.dumps(call)} = {_roles(roles)}"
    for call, right in known.items():
        if call not in rules.calls:
            yield f"# {json.dumps(call)} = {_roles(rules.rights[right])}  # {right}"


def _roles(roles: frozenset[str]) -> str:
    return json.dumps(sorted(roles))
