"""Receivers: doors that set an action off for whoever has no account here."""

from typing import Any

import click

from muster.cli.asking import Asking, asking
from muster.cli.given import param_option, said
from muster.cli.show import field, listing, local, pairs


@click.group()
def receiver() -> None:
    """Receivers: webhooks, and queues whose messages are carried out."""


@receiver.command("list")
@click.option("--cluster", help="Of this cluster only (its id).")
@asking
def list_(asked: Asking, cluster: str | None) -> None:
    """List receivers."""
    with asked.session() as session:
        rows = session.call("GET", "/v1/receivers", query={"cluster_id": cluster})["receivers"]
    columns = [
        ("NAME", field("name")),
        ("TYPE", field("type")),
        ("ACTION", field("action")),
        ("CLUSTER", field("cluster_id")),
        ("CREATED", lambda row: local(row.get("created_at"))),
        ("ID", field("id")),
    ]
    empty = (
        "No receivers. Make one: muster receiver create NAME --cluster C --action CLUSTER_SCALE_OUT"
    )
    asked.show(rows, lambda out: listing(out, rows, columns, empty))


@receiver.command("show")
@click.argument("name")
@asking
def show(asked: Asking, name: str) -> None:
    """Show receiver NAME with its address: whoever knows that may use it."""
    from muster.client.http import at

    with asked.session() as session:
        seen = session.call("GET", at("receivers", name))["receiver"]
    asked.show(seen, lambda out: pairs(out, list(seen.items())))


@receiver.command("create")
@click.argument("name")
@click.option(
    "--type",
    "type_",
    type=click.Choice(["webhook", "message"]),
    default="webhook",
    show_default=True,
)
@click.option("--cluster", help="Whom it acts upon (name or id).")
@click.option("--action", help="What it sets off: CLUSTER_SCALE_OUT, CLUSTER_RESIZE, ...")
@param_option
@asking
def create(asked: Asking, name: str, type_: str, **values: Any) -> None:
    """Make a receiver NAME, and print where its door is."""
    body = said(
        name=name,
        type=type_,
        cluster_id=values["cluster"],
        action=values["action"],
        params=values["params"],
    )
    with asked.session() as session:
        made = session.call("POST", "/v1/receivers", {"receiver": body})["receiver"]
    channel = made["channel"]
    door = channel.get("alarm_url") or f"queue {channel.get('queue_name')}"
    asked.show(made, lambda out: out.print(door))


@receiver.command("update")
@click.argument("name")
@click.option("--name", "new_name", help="Another name.")
@click.option("--action", help="What it sets off.")
@param_option
@asking
def update(asked: Asking, name: str, **values: Any) -> None:
    """Change name, action or parameters of receiver NAME."""
    from muster.client.http import at

    body = said(name=values["new_name"], action=values["action"], params=values["params"])
    if not body:
        raise click.UsageError("Say what to change, for example --param count=2.")
    with asked.session() as session:
        made = session.call("PATCH", at("receivers", name), {"receiver": body})["receiver"]
    asked.show(made, lambda out: out.print(f"Receiver {made['name']} is changed."))


@receiver.command("delete")
@click.argument("name")
@asking
def delete(asked: Asking, name: str) -> None:
    """Delete receiver NAME; its address opens nothing any more."""
    from muster.client.http import at

    with asked.session() as session:
        session.call("DELETE", at("receivers", name))
    asked.show(None, lambda out: out.print(f"Receiver {name} is gone."))


@receiver.command("notify")
@click.argument("name")
@asking
def notify(asked: Asking, name: str) -> None:
    """Have the messages carried out that wait in the queue of receiver NAME."""
    from muster.client.http import at

    with asked.session() as session:
        session.call("POST", at("receivers", name, "notify"))
    asked.show(None, lambda out: out.print("Carried out."))
