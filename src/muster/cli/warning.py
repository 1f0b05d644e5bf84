"""Warnings: what is not in order, since when, and whether somebody knows."""

import click

from muster.cli.asking import Asking, asking
from muster.cli.show import Column, Row, field, listing, local, pairs

HERE = "/1.0/warnings"


@click.group()
def warning() -> None:
    """What is not in order with servers and their clusters."""


@warning.command("list")
@asking
def warning_list(asked: Asking) -> None:
    """List what is not in order, the latest first."""
    with asked.session() as session:
        rows: list[Row] = session.call("GET", HERE, query={"recursion": 1})["metadata"]
    columns: tuple[Column, ...] = (
        ("ID", field("uuid")),
        ("STATUS", field("status")),
        ("TYPE", field("type")),
        ("OF", lambda row: row["scope"]["entity"]),
        ("SINCE", lambda row: local(row["first_occurrence"])),
        ("LAST", lambda row: local(row["last_occurrence"])),
        ("TIMES", field("count")),
        ("WHY", lambda row: row["messages"][-1]),
    )
    asked.show(rows, lambda out: listing(out, rows, columns, "All is in order."))


@warning.command("show")
@click.argument("id")
@asking
def warning_show(asked: Asking, id: str) -> None:
    """Show a warning with all that was said."""
    with asked.session() as session:
        known = session.call("GET", f"{HERE}/{id}")["metadata"]
    scope = known["scope"]
    rows = [*((k, v) for k, v in known.items() if k not in ("scope", "messages"))]
    rows += [(scope["entity_type"], scope["entity"]), ("messages", "; ".join(known["messages"]))]
    asked.show(known, lambda out: pairs(out, rows))


@warning.command("acknowledge")
@click.argument("id")
@asking
def warning_acknowledge(asked: Asking, id: str) -> None:
    """Say that somebody knows of a warning."""
    with asked.session() as session:
        session.call("PUT", f"{HERE}/{id}", {"status": "acknowledged"})
    asked.show(None, lambda out: out.print("Somebody knows."))
