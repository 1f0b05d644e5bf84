"""Volumes: disks that outlive instances."""

from typing import Any

import click

from muster.cli.asking import Asking, asking
from muster.cli.show import Row, field, listing, local, pairs


@click.group()
def volume() -> None:
    """Disks that are made by themselves, and attached to instances."""


@volume.command("list")
@click.option("--cloud", help="Of this cloud only.")
@asking
def volume_list(asked: Asking, cloud: str | None) -> None:
    """List volumes and who has them."""
    with asked.session() as session:
        rows = session.call("GET", "/v1/volumes", query={"cloud": cloud})["volumes"]
    columns = [
        ("NAME", field("name")),
        ("SIZE", _size),
        ("STATUS", field("status")),
        ("INSTANCE", lambda row: row.get("instance_name") or row.get("server")),
        ("PATH", field("path")),
        ("CLOUD", field("cloud")),
        ("HOST", field("host")),
        ("ID", field("id")),
    ]
    empty = "No volumes. Make one: muster volume create NAME --size 10"
    asked.show(rows, lambda out: listing(out, rows, columns, empty))


def _size(row: Row) -> str:
    kept = "" if row.get("size_enforced") else " (not enforced)"
    return f"{row.get('size_gib')} GiB{kept}"


@volume.command("show")
@click.argument("volume_")
@asking
def volume_show(asked: Asking, volume_: str) -> None:
    """Show everything about a volume (a name or an id)."""
    from muster.client.http import at

    with asked.session() as session:
        seen = session.call("GET", at("volumes", volume_))["volume"]
    rows = [(k, local(v) if k.endswith("_at") else v) for k, v in seen.items()]
    asked.show(seen, lambda out: pairs(out, rows))


@volume.command("create")
@click.argument("name")
@click.option("--size", "size_gib", type=click.IntRange(1), required=True, help="GiB.")
@click.option("--cloud", help="Default: the server's default cloud.")
@click.option("--zone", help="Where it is to lie. Default: anywhere.")
@click.option("--host", help="The very host.")
@asking
def volume_create(asked: Asking, **said: Any) -> None:
    """Make an empty volume called NAME."""
    body = {name: value for name, value in said.items() if value is not None}
    with asked.session() as session:
        made = session.call("POST", "/v1/volumes", body)["volume"]
    asked.show(made, lambda out: out.print(f"Volume {made['name']} is there: {made['id']}"))


@volume.command("attach")
@click.argument("volume_")
@click.argument("instance")
@click.option("--path", help="Where the instance finds it. Default: where its cloud puts it.")
@asking
def volume_attach(asked: Asking, volume_: str, instance: str, path: str | None) -> None:
    """Give a volume to INSTANCE; it is brought to the instance's host."""
    body = {"instance": instance} | ({"path": path} if path else {})
    made = _post(asked, volume_, "attach", body)
    who = made.get("instance_name") or made.get("server")
    asked.show(made, lambda out: out.print(f"{who} has {made['name']} at {made['path']}"))


@volume.command("detach")
@click.argument("volume_")
@asking
def volume_detach(asked: Asking, volume_: str) -> None:
    """Take a volume from the instance that has it; what is in it stays."""
    made = _post(asked, volume_, "detach")
    asked.show(made, lambda out: out.print(f"Nobody has {made['name']} any more."))


@volume.command("move")
@click.argument("volume_")
@click.argument("host")
@asking
def volume_move(asked: Asking, volume_: str, host: str) -> None:
    """Bring a volume that nobody has to another HOST, with what is in it."""
    made = _post(asked, volume_, "move", {"host": host})
    asked.show(made, lambda out: out.print(f"{made['name']} is on {made['host']}."))


@volume.command("resize")
@click.argument("volume_")
@click.option("--size", "size_gib", type=click.IntRange(1), required=True, help="GiB.")
@asking
def volume_resize(asked: Asking, volume_: str, size_gib: int) -> None:
    """Make a volume larger."""
    made = _post(asked, volume_, "resize", {"size_gib": size_gib})
    asked.show(made, lambda out: out.print(f"{made['name']} has {made['size_gib']} GiB."))


@volume.command("delete")
@click.argument("volume_")
@asking
def volume_delete(asked: Asking, volume_: str) -> None:
    """Delete a volume that nobody has, with what is in it."""
    from muster.client.http import at

    with asked.session() as session:
        session.call("DELETE", at("volumes", volume_))
    asked.show(None, lambda out: out.print(f"Volume {volume_} is gone."))


def _post(asked: Asking, name: str, verb: str, body: object = None) -> Any:
    from muster.client.http import at

    with asked.session() as session:
        return session.call("POST", at("volumes", name, verb), body)["volume"]
