"""Changes to every server of a cluster, and what those are to be like."""

from collections.abc import Mapping
from typing import Any

import click

from muster.cli.asking import Asking, asking
from muster.cli.given import mapping_of, said
from muster.cli.provisioning import at, called
from muster.cli.show import Column, field, listing

_FILE = click.Path(exists=True, dir_okay=False)
_POLICIES = ("revert", "stop", "continue")
_TURNS: tuple[Column, ...] = (
    ("SERVER", field("name")),
    ("RESULT", field("status")),
    ("SECONDS", field("seconds")),
    ("WHY", field("error")),
)


def _options(command: Any) -> Any:
    """Give a command the options of how servers are changed, and how long one waits for that."""
    for option in (
        click.option("--timeout", default=3600.0, show_default=True, help="Seconds to wait."),
        click.option("--confirmation", type=click.IntRange(1, 3600), help="Seconds to be reached."),
        click.option("--on-failure", type=click.Choice(_POLICIES), help="Default: revert."),
        click.option("--parallel", type=click.IntRange(1, 64), help="Servers at once; default: 1."),
    ):
        command = option(command)
    return command


@click.command("bulk-update")
@click.argument("name")
@click.argument("file", type=_FILE)
@click.option("--dry-run", is_flag=True, help="Say what would become of each; do nothing.")
@_options
@asking
def bulk_update(
    asked: Asking, name: str, file: str, *, dry_run: bool, timeout: float, **options: Any
) -> None:
    """Change every server of a cluster as FILE says: action and arguments, in JSON or YAML.

    Ends with 1 where not every server is as wanted then.
    """
    body = {**mapping_of(file, "FILE"), **said(**options)}
    where = at("clusters", name, ":bulk-update")
    if dry_run:
        with asked.session() as session:
            seen = session.call("POST", where, {**body, "dry_run": True})["metadata"]
        _show(asked, seen)
        return
    _carried_out(asked, where, body, timeout)


def _carried_out(asked: Asking, where: str, body: Mapping[str, object], timeout: float) -> None:
    from muster.client.waiting import until_over

    with asked.session() as session:
        begun = session.call("POST", where, body)
        seen = until_over(session, begun["operation"], timeout)
    _show(asked, seen)
    if seen["status"] != "done":
        raise SystemExit(1)


def _show(asked: Asking, seen: Mapping[str, Any]) -> None:
    def people(out: Any) -> None:
        listing(out, seen["servers"], _TURNS, "")
        if seen["status"]:
            out.print(f"{seen['action']}: {seen['status']}")

    asked.show(seen, people)


@click.command("bulk-list")
@click.argument("name")
@asking
def bulk_list(asked: Asking, name: str) -> None:
    """List the changes of a cluster's servers, the newest first."""
    with asked.session() as session:
        query = {"recursion": 1}
        rows = session.call("GET", at("clusters", name, "bulk-updates"), query=query)["metadata"]
    columns: tuple[Column, ...] = (
        ("ID", field("uuid")),
        ("ACTION", field("action")),
        ("STATUS", field("status")),
        ("POLICY", field("policy")),
        ("BEGAN", lambda row: called(row["created_at"])),
        ("USER", field("user")),
    )
    asked.show(rows, lambda out: listing(out, rows, columns, "Nothing was changed in bulk."))


@click.command("bulk-show")
@click.argument("id")
@asking
def bulk_show(asked: Asking, id: str) -> None:
    """Show how far a change is, server by server."""
    with asked.session() as session:
        _show(asked, session.call("GET", at("bulk-updates", id))["metadata"])


@click.group()
def desired() -> None:
    """What every server of a cluster is to be like, and where one is not."""


@desired.command("show")
@click.argument("name")
@asking
def desired_show(asked: Asking, name: str) -> None:
    """Show what every server is to be like."""
    with asked.session() as session:
        known = session.call("GET", at("clusters", name, "desired-config"))["metadata"]
    asked.show(known, lambda out: out.print_json(data=known))


@desired.command("set")
@click.argument("name")
@click.argument("file", type=_FILE)
@asking
def desired_set(asked: Asking, name: str, file: str) -> None:
    """Say by FILE what every server is to be like; nothing is done yet."""
    with asked.session() as session:
        session.call("PUT", at("clusters", name, "desired-config"), mapping_of(file, "FILE"))
    asked.show(None, lambda out: out.print(f"See: muster server-cluster desired drift {name}"))


@desired.command("drift")
@click.argument("name")
@asking
def desired_drift(asked: Asking, name: str) -> None:
    """Ask every server, and say where it is another than it is to be.

    Ends with 1 where one is, or does not answer.
    """
    with asked.session() as session:
        told = session.call("GET", at("clusters", name, "desired-config/drift"))["metadata"]
    rows = [
        {"server": each["server"], **one} for each in told["servers"] for one in each["differences"]
    ]
    silent = [{"server": s["server"], "where": s["error"]} for s in told["servers"] if s["error"]]
    columns: tuple[Column, ...] = (
        ("SERVER", field("server")),
        ("WHERE", field("where")),
        ("FOUND", lambda row: str(row.get("found", ""))),
        ("WANTED", lambda row: str(row.get("wanted", ""))),
    )
    empty = "Every server is as it is to be."
    asked.show(told, lambda out: listing(out, [*rows, *silent], columns, empty))
    if not told["as_desired"]:
        raise SystemExit(1)


@desired.command("apply")
@click.argument("name")
@_options
@asking
def desired_apply(asked: Asking, name: str, timeout: float, **options: Any) -> None:
    """Make every server as it is to be."""
    where = at("clusters", name, "desired-config/:apply")
    _carried_out(asked, where, said(**options), timeout)


COMMANDS: tuple[click.Command, ...] = (bulk_update, bulk_list, bulk_show, desired)
