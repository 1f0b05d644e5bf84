"""Virtual clusters: servers and volumes asked for as one, and the rules between them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from muster.cli.asking import NUMBER, Asking, asking, text_of
from muster.cli.given import mapping_of
from muster.cli.progress import meanwhile
from muster.cli.show import Row, coloured, field, listing, pairs, table

if TYPE_CHECKING:
    from rich.console import Console

    from muster.client.http import Session

_FILE = click.Path(exists=True, dir_okay=False)
_plot = click.option(
    "--plot", type=click.Path(dir_okay=False, writable=True), help="Draw it into this file, as SVG."
)


@click.group()
def vcluster() -> None:
    """Servers and volumes that are placed as one, whole or not at all."""


@vcluster.command("plan")
@click.argument("file", type=_FILE)
@_plot
@asking
def vcluster_plan(asked: Asking, file: str, plot: str | None) -> None:
    """Say where everything in FILE would be, or why nowhere and what would help."""
    body = _request(file)
    with asked.session() as session:
        found = _searched(asked, session, "POST", _where(session), body, {"plan": True})
    _drawn(found["vcluster"], plot)
    asked.show(found, lambda out: _placed(out, found["vcluster"]))


@vcluster.command("explain")
@click.argument("file", type=_FILE)
@_plot
@asking
def vcluster_explain(asked: Asking, file: str, plot: str | None) -> None:
    """Explain what becomes of FILE: who would be where by which rule, or why it cannot be."""
    from muster.client.http import ApiError

    body = _request(file)
    with asked.session() as session:
        try:
            found = _searched(asked, session, "POST", _where(session), body, {"plan": True})
        except ApiError as error:
            if error.code not in ("unplaceable", "undecided"):
                raise
            told = {"placed": False, "why": error.message, "ways_out": list(error.ways_out)}
            asked.show(told, lambda out: _impossible(out, told))
            return
    seen = found["vcluster"]
    _drawn(seen, plot)
    asked.show({"placed": True, **found}, lambda out: _explained(out, seen))


@vcluster.command("create")
@click.argument("file", type=_FILE)
@click.option("--wait/--no-wait", "wait_", default=False, help="Until it is there, or cannot be.")
@click.option("--timeout", type=NUMBER, default=600, show_default=True, help="Of --wait, in s.")
@_plot
@asking
def vcluster_create(
    asked: Asking, file: str, wait_: bool, timeout: float, plot: str | None
) -> None:
    """Make everything in FILE, a request as JSON or YAML."""
    from muster.client.waiting import until_whole

    body = _request(file)
    with asked.session() as session:
        where = _where(session)
        made = _searched(asked, session, "POST", where, body)["vcluster"]
        if wait_:
            made = until_whole(session, f"{where}/{made['id']}", timeout)
    _drawn(made, plot)
    asked.show(made, lambda out: _placed(out, made))


@vcluster.command("list")
@asking
def vcluster_list(asked: Asking) -> None:
    """List virtual clusters."""
    with asked.session() as session:
        rows = session.call("GET", _where(session))["vclusters"]
    columns = [
        ("NAME", field("name")),
        ("STATUS", field("status")),
        ("INSTANCES", lambda row: len(row["instances"])),
        ("HOSTS", lambda row: len({each["host"] for each in row["instances"]} - {None})),
        ("CLOUD", field("cloud")),
        ("ID", field("id")),
    ]
    empty = "No virtual clusters. Make one: muster vcluster create FILE"
    asked.show(rows, lambda out: listing(out, rows, columns, empty))


@vcluster.command("show")
@click.argument("name")
@_plot
@asking
def vcluster_show(asked: Asking, name: str, plot: str | None) -> None:
    """Show where the instances of a virtual cluster are, and which rules are kept."""
    with asked.session() as session:
        seen = session.call("GET", _one(session, name))["vcluster"]
    _drawn(seen, plot)
    asked.show(seen, lambda out: _placed(out, seen))


@vcluster.command("update")
@click.argument("name")
@click.argument("file", type=_FILE)
@click.option("--allow-moves", is_flag=True, help="Who runs may move if there is no other way.")
@click.option("--plan", is_flag=True, help="Only say how it would be, and who would move.")
@_plot
@asking
def vcluster_update(asked: Asking, name: str, file: str, plot: str | None, **query: bool) -> None:
    """Add and remove instances and groupings, as FILE says.

    FILE has the key vcluster with instances and groupings to be added, and the names in
    remove_instances and remove_groupings.
    """
    body = _request(file)
    with asked.session() as session:
        where = _one(session, name)
        found = _searched(asked, session, "PATCH", where, body, query)
    _drawn(found["vcluster"], plot)
    asked.show(found, lambda out: _changed(out, found))


def _searched(asked: Asking, session: "Session", *call: Any) -> Any:
    """Return the answer to a call that looks for places, which takes its time."""
    with meanwhile(asked, "Looking for places"):
        return session.call(*call, patience_s=90)


@vcluster.command("delete")
@click.argument("name")
@click.option("--keep-volumes", is_flag=True, help="Its servers go, its volumes stay.")
@asking
def vcluster_delete(asked: Asking, name: str, keep_volumes: bool) -> None:
    """Delete a virtual cluster: its servers first, then its volumes."""
    with asked.session() as session:
        where = _one(session, name)
        going = session.call("DELETE", where, query={"keep_volumes": keep_volumes})["vcluster"]
    asked.show(going, lambda out: out.print(f"Virtual cluster {going['name']} goes."))


def _request(file: str) -> Any:
    """Return what a file asks for. JSON goes as it stands: a key may say several things there."""
    said = text_of(file, "FILE")
    try:
        json.loads(said)
    except ValueError:
        return mapping_of(file, "FILE")
    return said.encode()


def _where(session: "Session") -> str:
    from muster.client.http import at

    return at(session.call("GET", "/v1/whoami")["project"], "vclusters", version="v2")


def _one(session: "Session", name: str) -> str:
    from muster.client.http import at

    project = session.call("GET", "/v1/whoami")["project"]
    return at(project, "vclusters", name, version="v2")


def _drawn(seen: Mapping[str, Any], plot: str | None) -> None:
    from muster.cli.picture import svg

    if plot:
        Path(plot).write_text(svg(seen))


def _changed(out: "Console", found: Mapping[str, Any]) -> None:
    _placed(out, found["vcluster"])
    for move in found.get("placement", {}).get("moves", ()):
        out.print(f"{move['instance']} moves from {move['source']} to {move['target']}")


def _explained(out: "Console", seen: Mapping[str, Any]) -> None:
    _pictured(out, seen)
    for each in seen["groupings"]:
        _ruled(out, each)


def _impossible(out: "Console", told: Mapping[str, Any]) -> None:
    out.print(f"It cannot be: {told['why']}")
    for way in told["ways_out"]:
        out.print(f"possible instead: {way}")


def _pictured(out: "Console", seen: Mapping[str, Any]) -> None:
    from muster.cli.picture import lines

    for line in lines(seen):
        out.print(line, markup=False)


def _ruled(out: "Console", each: Mapping[str, Any]) -> None:
    members, kept = ", ".join(each["membersRef"]), each["state"] == "satisfied"
    line = coloured("good" if kept else "bad")
    line.plain = "✓ " if kept else "✗ "
    line.append(f"{each['spec']['rule']} {each['name']}: {members}")
    out.print(line if kept else line.append(f" ({each['reason']})"))


def _placed(out: "Console", seen: Mapping[str, Any]) -> None:
    """Print every host with who is on it, then the rules."""
    said = [(name, seen[name]) for name in ("name", "id", "status", "status_reason", "cloud")]
    pairs(out, said)
    columns = [
        ("HOST", field("host")),
        ("ZONE", field("zone")),
        ("INSTANCE", field("name")),
        ("TYPE", field("type")),
        ("STATUS", field("status")),
        ("OF", field("attached_to")),
        ("ADDRESS", lambda row: ", ".join(row["addresses"])),
    ]
    out.print(table(sorted(seen["instances"], key=_by_host), columns))
    _pictured(out, seen)
    for each in seen["groupings"]:
        _ruled(out, each)


def _by_host(row: Row) -> tuple[str, str]:
    return str(row["host"] or ""), str(row["name"])
