"""Channels: what servers are called together that get their updates from the same sources."""

import click

from muster.cli.asking import Asking, asking
from muster.cli.given import said
from muster.cli.provisioning import HERE, drop, listed, revised
from muster.cli.show import Column, field, listing

_KIND = "channels"


@click.group("channel")
def server_channel() -> None:
    """What servers are called together that get their updates from the same sources."""


@server_channel.command("list")
@asking
def channel_list(asked: Asking) -> None:
    """List channels, and who is of them."""
    rows = listed(asked, _KIND, {})
    columns: tuple[Column, ...] = (
        ("NAME", field("name")),
        ("USED BY", lambda row: ", ".join(row["used_by"])),
        ("DESCRIPTION", field("description")),
    )
    empty = "No channels. Servers take their updates from the sources that they have."
    asked.show(rows, lambda out: listing(out, rows, columns, empty))


@server_channel.command("add")
@click.argument("name")
@click.option("--description", help="What it is for.")
@asking
def channel_add(asked: Asking, name: str, description: str | None) -> None:
    """Describe a channel."""
    with asked.session() as session:
        body = {"name": name, **said(description=description)}
        made = session.call("POST", f"{HERE}/{_KIND}", body)["metadata"]
    asked.show(made, lambda out: out.print(f"Channel {name} is described."))


@server_channel.command("edit")
@click.argument("name")
@click.option("--description", required=True, help="What it is for.")
@asking
def channel_edit(asked: Asking, name: str, description: str) -> None:
    """Describe a channel otherwise."""
    now = revised(asked, _KIND, name, {"description": description})
    asked.show(now, lambda out: out.print(f"Channel {name} is described."))


@server_channel.command("remove")
@click.argument("name")
@asking
def channel_remove(asked: Asking, name: str) -> None:
    """Forget a channel that nobody is of."""
    drop(asked, _KIND, name)
    asked.show(None, lambda out: out.print(f"Channel {name} is forgotten."))
