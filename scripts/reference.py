"""Make the reference pages from the code: `make docs`. A test fails where they are stale."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from enum import StrEnum
from pathlib import Path
from typing import Any

import click

from muster.__main__ import SERVER_COMMANDS
from muster.base import errors
from muster.cli.main import COMMANDS, tree
from muster.drivers.solver import gauges as solver
from muster.engine import gauges
from muster.model.action import ACTION_TRANSITIONS
from muster.model.bulk import BULK_TRANSITIONS, TURN_TRANSITIONS
from muster.model.cluster import CLUSTER_TRANSITIONS
from muster.model.event import KINDS
from muster.model.machine import COURSE, Standing
from muster.model.node import NODE_TRANSITIONS
from muster.model.rollout import ROLLOUT_TRANSITIONS
from muster.model.server_cluster import SERVER_CLUSTER_TRANSITIONS
from muster.model.server_job import COURSE as JOB_COURSE
from muster.model.vcluster import MEMBER_TRANSITIONS, VCLUSTER_TRANSITIONS
from muster.settings import Settings
from scripts import agent, pages, scenarios

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"
MADE = "<!-- Made from the code by `make docs`; do not edit. -->\n"


def settings_page() -> str:
    rows = [
        f"| `MUSTER_{each.name.upper()}` | `{each.name}` | {_default(each.default)} "
        f"| {each.metadata['about']} |"
        for each in fields(Settings)
    ]
    return "\n".join(
        [
            MADE,
            "# Settings",
            "",
            "Every setting is a variable of the environment and a line of one TOML file alike; the "
            "environment wins. The file is `MUSTER_CONFIG`, or `muster.toml` in the home.",
            "",
            "| Variable | In the file | Default | What it is |",
            "|---|---|---|---|",
            *rows,
            "",
            "`clouds` is a table of tables in the file, `[clouds.NAME]`, and one line in the "
            'environment: `MUSTER_CLOUDS=\'{lab = {kind = "simulated", world = "file"}}\'`.',
            "",
        ]
    )


def _default(value: Any) -> str:
    if isinstance(value, str | int | float | Path) and str(value):
        return f"`{value}`"
    return "none"


def cli_page() -> str:
    COMMANDS.update(SERVER_COMMANDS)
    lines = [MADE, "# Command line", "", "Every command tells its options by `-h` or `--help`.", ""]
    context = click.Context(tree, info_name="muster")
    for text in _command(tree, context, 2):
        lines.append(text)
    return "\n".join(lines)


def _command(command: click.Command, context: click.Context, depth: int) -> Iterator[str]:
    yield f"{'#' * min(depth, 4)} `{context.command_path}`\n"
    yield re.sub(r"\s*\n\s*", " ", (command.help or "").strip()) + "\n"
    rows = [each.get_help_record(context) for each in command.params]
    arguments = [p.human_readable_name for p in command.params if isinstance(p, click.Argument)]
    if arguments:
        yield "Arguments: " + ", ".join(f"`{a}`" for a in arguments) + "\n"
    told = [row for row in rows if row]
    if told:
        yield "| Option | |\n|---|---|"
        yield "\n".join(f"| `{_cell(name)}` | {_cell(about)} |" for name, about in told) + "\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from _command(inner, click.Context(inner, context, info_name=name), depth + 1)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def states_page() -> str:
    machines: tuple[tuple[str, Mapping[Any, frozenset[Any]]], ...] = (
        ("Cluster", CLUSTER_TRANSITIONS),
        ("Node", NODE_TRANSITIONS),
        ("Action", ACTION_TRANSITIONS),
        ("Rolling update", ROLLOUT_TRANSITIONS),
        ("Virtual cluster", VCLUSTER_TRANSITIONS),
        ("Instance of a virtual cluster", MEMBER_TRANSITIONS),
        ("Bulk update", BULK_TRANSITIONS),
        ("Server in a bulk update", TURN_TRANSITIONS),
        ("Server", {status: _led(row) for status, row in COURSE.items()}),
        ("Cluster of servers", SERVER_CLUSTER_TRANSITIONS),
        ("Job on a cluster of servers", {k: _jobs(row) for k, row in JOB_COURSE.items()}),
    )
    parts = [MADE, "# Statuses, events, errors, metrics", ""]
    for title, transitions in machines:
        parts += [f"## {title}", "", *_diagram(transitions), ""]
    parts += ["## Events", "", "| Kind | Means |", "|---|---|"]
    parts += [f"| `{kind}` | {about} |" for kind, about in sorted(KINDS.items())]
    parts += ["", "## Errors", "", "| Code | Class | When |", "|---|---|---|"]
    parts += [f"| `{c.code}` | {c.__name__} | {_when(c)} |" for c in _errors()]
    parts += ["", "## Metrics", "", "| Name | Kind | What |", "|---|---|---|"]
    parts += [f"| `{name}` | {kind} | {about} |" for name, kind, about in _metrics()]
    return "\n".join([*parts, ""])


def _jobs(row: Mapping[Any, StrEnum | None]) -> frozenset[StrEnum]:
    return frozenset(to for to in row.values() if to)


def _led(row: Mapping[Any, Standing | None]) -> frozenset[StrEnum]:
    return frozenset(to.status for to in row.values() if to)


def _diagram(transitions: Mapping[StrEnum, frozenset[StrEnum]]) -> Iterator[str]:
    yield "```mermaid"
    yield "stateDiagram-v2"
    for status in sorted(transitions):
        for to in sorted(transitions[status] - {status}):
            yield f"    {_state(status)} --> {_state(to)}"
        if not transitions[status]:
            yield f"    {_state(status)} --> [*]"
    yield "```"


def _state(status: StrEnum) -> str:
    return str(status.value)


def _errors() -> list[type[errors.MusterError]]:
    found = [
        each
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, errors.MusterError)
    ]
    return sorted(found, key=lambda each: each.code)


def _when(error: type[errors.MusterError]) -> str:
    """Return what the tree at the top of the module says of an error."""
    said = re.search(rf"^\s+{error.__name__}\s\s+(.+)$", errors.__doc__ or "", re.M)
    return _cell(re.sub(r"\s{2,}", "; HTTP ", said.group(1).strip())) if said else "any of these"


def _metrics() -> Iterator[tuple[str, str, str]]:
    for each in (*vars(gauges).values(), *vars(solver).values()):
        described = getattr(each, "describe", None)
        if described and not isinstance(each, type):
            for metric in described():
                yield metric.name, metric.type, metric.documentation


def api_page() -> str:
    from muster.api.app import build
    from muster.api.document import document
    from muster.drivers.identity.none import NoIdentity

    said = document(build(None, NoIdentity()))  # type: ignore[arg-type]  # no call is made
    lines = [
        MADE,
        "# API",
        "",
        "The service has the same as an OpenAPI 3.1 document at `/openapi.json` and for people at "
        "`/docs`. Every call that has the parameter `plan` takes `?plan=true`: it then answers "
        "with what would happen and changes nothing.",
        "",
    ]
    for path in sorted(said["paths"]):
        for method, operation in said["paths"][path].items():
            lines += list(_operation(path, method, operation))
    return "\n".join(lines)


def _operation(path: str, method: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"## `{method.upper()} {path}`\n"
    yield (operation.get("description") or operation.get("summary") or "").strip() + "\n"
    params = [p for p in operation.get("parameters", ()) if p["in"] in ("query", "header")]
    if params:
        yield "| Parameter | In | |\n|---|---|---|"
        yield "\n".join(
            f"| `{p['name']}` | {p['in']} | {_cell(p.get('description') or '')} |" for p in params
        )
        yield ""
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    if schema.get("properties"):
        needed = schema.get("required", ())
        yield "| Field | Type | |\n|---|---|---|"
        for name, each in schema["properties"].items():
            about = each.get("description") or ""
            must = " (required)" if name in needed else ""
            yield f"| `{name}`{must} | {_type(each)} | {_cell(about)} |"
        yield ""


def _type(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(f"`{v}`" for v in schema["enum"])
    if "anyOf" in schema or "oneOf" in schema:
        return " or ".join(_type(s) for s in schema.get("anyOf") or schema["oneOf"])
    kind = schema.get("type", "any")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def clustering_page() -> str:
    return scenarios.page(MADE)


def console_page() -> str:
    return pages.page(MADE)


def agent_page() -> str:
    return agent.page(MADE)


PAGES = {
    "agent.md": agent_page,
    "settings.md": settings_page,
    "cli.md": cli_page,
    "states.md": states_page,
    "api.md": api_page,
    "clustering-api.md": clustering_page,
    "console.md": console_page,
}


def main() -> None:
    """Write every page anew."""
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page())
        print(f"docs/reference/{name}")


if __name__ == "__main__":
    main()
