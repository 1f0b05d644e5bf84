"""Servers: machines that register themselves, the tokens by which they do, and what is known."""

from datetime import timedelta
from typing import Any

import click

from muster.cli.asking import Asking, asking
from muster.cli.channel import server_channel
from muster.cli.enrolment import Lasting
from muster.cli.given import mapping_of, pairs_option, said, words
from muster.cli.provisioning import HERE, at, called, drop, listed, revised, seen
from muster.cli.seed import token_seed
from muster.cli.show import Column, field, listing, local, pairs

_FILE = click.Path(exists=True, dir_okay=False)
_PARTS = {
    "resources": "hardware_data",
    "os-data": "os_data",
    "version-data": "version_data",
    "properties": "properties",
}
_COLUMNS: tuple[Column, ...] = (
    ("NAME", field("name")),
    ("STATUS", lambda row: f"{row['server_status']} {row['server_status_detail']}".strip()),
    ("TYPE", field("server_type")),
    ("CLUSTER", field("cluster")),
    ("CHANNEL", field("channel")),
    ("WHERE", field("connection_url")),
    ("LAST SEEN", lambda row: called(row["last_seen"])),
    ("WHY", field("server_status_reason")),
)


def _descriptive(command: Any) -> Any:
    """Give a command the options that say what a server is."""
    for option in (
        pairs_option("--property properties", "Whatever one wants to know; repeatable.", words),
        click.option("--public-connection-url", help="Where people reach it."),
        click.option("--channel", help="Where its updates come from."),
        click.option("--description", help="What it is."),
    ):
        command = option(command)
    return command


@click.group()
def server() -> None:
    """Machines: those that are expected, and those that have registered."""


@server.command("list")
@click.option("--cluster", help="Of this cluster only.")
@click.option("--status", help="In this status only: ready, pending, offline, unregistered.")
@click.option("--filter", help='An expression, such as name startsWith "m".')
@asking
def server_list(asked: Asking, **where: str | None) -> None:
    """List servers and how they are."""
    rows = listed(asked, "servers", where)
    empty = "No servers. Have one register itself: muster server token add"
    asked.show(rows, lambda out: listing(out, rows, _COLUMNS, empty))


@server.command("show")
@click.argument("name")
@click.option("--part", type=click.Choice(sorted(_PARTS)), help="This part only, whole.")
@asking
def server_show(asked: Asking, name: str, part: str | None) -> None:
    """Show a server; with --json, or a --part, everything that it told of itself."""
    known = seen(asked, "servers", name)
    if part:
        asked.show(known[_PARTS[part]], lambda out: out.print_json(data=known[_PARTS[part]]))
        return
    large = {*_PARTS.values(), "certificate"} - {"properties"}
    rows = [(key, value) for key, value in known.items() if key not in large]
    rows = [(k, called(v) if k.startswith("last_") else v) for k, v in rows]
    asked.show(known, lambda out: pairs(out, rows))


@server.command("pre-register")
@click.argument("name")
@click.option("--system-uuid", help="By which it is known when it registers.")
@click.option("--machine-id", help="The same, where there is no system UUID.")
@_descriptive
@asking
def server_expect(asked: Asking, name: str, **options: Any) -> None:
    """Say which server to expect: when it registers, it is called NAME."""
    with asked.session() as session:
        made = session.call("POST", f"{HERE}/servers", {"name": name, **said(**options)})
    asked.show(made["metadata"], lambda out: out.print(f"Server {name} is expected."))


@server.command("edit")
@click.argument("name")
@_descriptive
@asking
def server_edit(asked: Asking, name: str, **options: Any) -> None:
    """Say something else of a server; what is not given stays."""
    now = revised(asked, "servers", name, said(**options))
    asked.show(now, lambda out: out.print(f"Server {name} is changed."))


@server.command("rename")
@click.argument("name")
@click.argument("new")
@asking
def server_rename(asked: Asking, name: str, new: str) -> None:
    """Call a server NEW, unless it is in a cluster; its hostname stays."""
    with asked.session() as session:
        session.call("POST", at("servers", name), {"name": new})
    asked.show(None, lambda out: out.print(f"Server {name} is called {new}."))


@server.command("remove")
@click.argument("name")
@asking
def server_remove(asked: Asking, name: str) -> None:
    """Forget a server that is in no cluster; nothing is done to it."""
    drop(asked, "servers", name)
    asked.show(None, lambda out: out.print(f"Server {name} is forgotten."))


@server.command("resync")
@click.argument("name")
@asking
def server_resync(asked: Asking, name: str) -> None:
    """Have a server asked for everything now."""
    with asked.session() as session:
        session.call("POST", at("servers", name, ":resync"))
    asked.show(None, lambda out: out.print(f"Server {name} is being asked."))


@server.command("os")
@click.argument("name")
@click.argument("path", default="1.0")
@click.option("--put", type=_FILE, help="Have it be as this file says: YAML or JSON.")
@click.option("--post", type=_FILE, help="Have it do that, with what this file says.")
@click.option("--force", is_flag=True, help="Although its cluster is at something.")
@asking
def server_os(asked: Asking, name: str, path: str, force: bool, **files: str | None) -> None:
    """Ask or tell a server by its own interface: muster server os m1 1.0/system/kernel."""
    given = {method: file for method, file in files.items() if file}
    if len(given) > 1:
        raise click.UsageError("either --put or --post")
    method, file = next(iter(given.items()), ("get", None))
    body = mapping_of(file, f"--{method}") if file else None
    query = {"force": "true"} if force and file else {}
    where = at("servers", name, f"os/{path.strip('/')}")
    with asked.session() as session:
        told = session.call(method.upper(), where, body, query=query)["metadata"]
    asked.show(told, lambda out: out.print_json(data=told))


@server.group("token")
def server_token() -> None:
    """Tokens by which servers register: so many of them, and so long."""


@server_token.command("add")
@click.option("--uses", "uses_remaining", type=click.IntRange(1), default=1, show_default=True)
@click.option("--lifetime", type=Lasting(), default="30d", show_default=True, help="How long.")
@click.option("--description", help="What it is for.")
@click.option("--channel", help="Of the servers that register by it.")
@asking
def token_add(asked: Asking, lifetime: int, **options: Any) -> None:
    """Make a token, and print it."""
    from muster.base.clock import SystemClock

    until = SystemClock().now() + timedelta(seconds=lifetime)
    body = {"expire_at": until.isoformat(), **said(**options)}
    with asked.session() as session:
        made = session.call("POST", f"{HERE}/tokens", body)["metadata"]
    click.echo(f"Good until {local(made['expire_at'])}.", err=True)
    asked.show(made, lambda _: click.echo(made["uuid"]))


@server_token.command("list")
@asking
def token_list(asked: Asking) -> None:
    """List tokens, and how often each is good."""
    rows = listed(asked, "tokens", {})
    columns: tuple[Column, ...] = (
        ("TOKEN", field("uuid")),
        ("USES", field("uses_remaining")),
        ("UNTIL", lambda row: local(row["expire_at"])),
        ("CHANNEL", field("channel")),
        ("DESCRIPTION", field("description")),
    )
    empty = "No tokens. Make one: muster server token add"
    asked.show(rows, lambda out: listing(out, rows, columns, empty))


@server_token.command("show")
@click.argument("token")
@asking
def token_show(asked: Asking, token: str) -> None:
    """Show a token, and what a machine has to be told so that it registers by it."""
    with asked.session() as session:
        known = session.call("GET", at("tokens", token))["metadata"]
        told = session.call("GET", at("tokens", token, "provider-config"))["metadata"]
    rows = [*known.items(), *told["config"].items()]
    asked.show({**known, "provider": told}, lambda out: pairs(out, rows))


@server_token.command("remove")
@click.argument("token")
@asking
def token_remove(asked: Asking, token: str) -> None:
    """Take a token back; servers that have registered by it stay."""
    drop(asked, "tokens", token)
    asked.show(None, lambda out: out.print("Nobody registers by it any more."))


server_token.add_command(token_seed)
server.add_command(server_channel)
