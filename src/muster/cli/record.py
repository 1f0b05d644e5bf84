"""Events and actions: what happened, what was asked for."""

import json
from typing import Any

import click

from muster.cli.asking import Asking, asking
from muster.cli.show import clock, field, listing, local, pairs, style


@click.group()
def event() -> None:
    """What happened, and what happens now."""


@event.command("list")
@click.option("--cluster", help="Of this cluster only (name or id).")
@click.option("--limit", type=int, default=50, show_default=True)
@asking
def event_list(asked: Asking, cluster: str | None, limit: int) -> None:
    """List the newest events, oldest first."""
    query = {"limit": limit, "sort": "timestamp:desc", "cluster_id": cluster, "every": "true"}
    with asked.session() as session:
        rows = session.call("GET", "/v1/events", query=query)["events"][::-1]
    columns = [
        ("WHEN", lambda row: local(row.get("timestamp"))),
        ("LEVEL", field("level")),
        ("WHAT", field("kind")),
        ("WHO", field("oname")),
        ("WHY", field("status_reason")),
    ]
    asked.show(rows, lambda out: listing(out, rows, columns, "Nothing has happened yet."))


@event.command("watch")
@click.option("--cluster", help="Of this cluster only (name or id).")
@click.option("--after", type=int, help="Begin behind this event instead of now.")
@asking
def event_watch(asked: Asking, cluster: str | None, after: int | None) -> None:
    """Print events as they happen, until interrupted."""
    out = asked.console()
    with asked.session() as session:
        for each in session.live(after, cluster):
            if asked.as_json:
                click.echo(json.dumps(each.body))
            else:
                out.print(line(dict(each.body), each.kind))


def line(body: dict[str, Any], kind: str) -> str:
    """Return one event as one line, with its progress where it has any."""
    done, total = body.get("done"), body.get("total")
    share = f" [{done}/{total}]" if total else ""
    paint = style(body.get("level")) or "cyan"
    when = clock(body.get("timestamp"))
    why = body.get("status_reason") or ""
    return f"[dim]{when}[/dim] [{paint}]{kind:20}[/] {body.get('oname', ''):20}{share} {why}"


@click.group()
def action() -> None:
    """What was asked for, and how far it is."""


@action.command("list")
@click.option("--cluster", help="Of this cluster only (name or id).")
@click.option("--limit", type=int, default=50, show_default=True)
@asking
def action_list(asked: Asking, cluster: str | None, limit: int) -> None:
    """List the newest actions, oldest first."""
    query = {"limit": limit, "sort": "created_at:desc", "cluster_id": cluster}
    with asked.session() as session:
        rows = session.call("GET", "/v1/actions", query=query)["actions"][::-1]
    columns = [
        ("WHEN", lambda row: local(row.get("created_at"))),
        ("ACTION", field("action")),
        ("STATUS", field("status")),
        ("CAUSE", field("cause")),
        ("REASON", field("status_reason")),
        ("ID", field("id")),
    ]
    asked.show(rows, lambda out: listing(out, rows, columns, "Nothing was asked for yet."))


@action.command("show")
@click.argument("action_id")
@asking
def action_show(asked: Asking, action_id: str) -> None:
    """Show one action."""
    from muster.client.http import at

    with asked.session() as session:
        seen = session.call("GET", at("actions", action_id))["action"]
    asked.show(seen, lambda out: pairs(out, list(seen.items())))


@action.command("cancel")
@click.argument("action_id")
@asking
def action_cancel(asked: Asking, action_id: str) -> None:
    """Withdraw what was asked for, as far as it is not done."""
    from muster.client.http import at

    with asked.session() as session:
        session.call("PATCH", at("actions", action_id), {"action": {"status": "CANCELLED"}})
    asked.show(None, lambda out: out.print("Cancelled."))
