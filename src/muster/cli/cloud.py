"""Clouds: listed, taken on, let go."""

from typing import Any

import click

from muster.cli.asking import Asking, asking, text_of
from muster.cli.given import pairs_option
from muster.cli.show import field, listing, local, pairs


@click.group()
def cloud() -> None:
    """Clouds that instances can run on."""


@cloud.command("list")
@asking
def cloud_list(asked: Asking) -> None:
    """List clouds and what each cannot do."""
    with asked.session() as session:
        rows = session.call("GET", "/v1/clouds")["clouds"]
    columns = [
        ("NAME", field("name")),
        ("KIND", field("kind")),
        ("URL", field("url")),
        ("CANNOT", lambda row: ", ".join(row.get("cannot") or {})),
    ]
    asked.show(rows, lambda out: listing(out, rows, columns, "No clouds."))


@cloud.command("show")
@click.argument("name")
@asking
def cloud_show(asked: Asking, name: str) -> None:
    """Show everything about a cloud, and why it cannot do what it cannot."""
    from muster.client.http import at

    with asked.session() as session:
        seen = session.call("GET", at("clouds", name))["cloud"]
    why = [(f"cannot {ability}", said) for ability, said in seen["cannot"].items()]
    rows = [(k, ", ".join(v) if isinstance(v, list) else v) for k, v in seen.items()]
    about = [each for each in rows if each[0] != "cannot"]
    asked.show(seen, lambda out: pairs(out, [*about, *why]))


@cloud.command("operations")
@click.argument("name")
@asking
def cloud_operations(asked: Asking, name: str) -> None:
    """List what a cloud is at just now, and how far it is."""
    from muster.client.http import at

    with asked.session() as session:
        rows = session.call("GET", at("clouds", name, "operations"))["operations"]
    columns = [
        ("OPERATION", field("description")),
        ("SERVER", field("server")),
        ("HOST", field("host")),
        ("SINCE", lambda row: local(row["since"])),
        ("PROGRESS", field("progress")),
        ("CANCEL", lambda row: "can be" if row["may_cancel"] else ""),
        ("ID", field("id")),
    ]
    asked.show(rows, lambda out: listing(out, rows, columns, f"{name} is at nothing just now."))


@cloud.command("cancel")
@click.argument("name")
@click.argument("operation")
@asking
def cloud_cancel(asked: Asking, name: str, operation: str) -> None:
    """Have cloud NAME end an OPERATION (its id) before it is done, where it can."""
    from muster.client.http import at

    with asked.session() as session:
        session.call("DELETE", at("clouds", name, "operations", operation))
    asked.show(None, lambda out: out.print(f"Operation {operation} is cancelled."))


@cloud.command("add")
@click.argument("name")
@click.option("--incus", "url", help="Of an Incus server: unix:, unix:/path, https://host:8443.")
@click.option("--token", help="A trust token: incus config trust add NAME prints one.")
@click.option("--cert", type=click.Path(exists=True, dir_okay=False), help="PEM, instead.")
@click.option(
    "--key", type=click.Path(exists=True, dir_okay=False), help="PEM. Default: it is in --cert."
)
@click.option("--fingerprint", help="Of the server's certificate; a token has it.")
@click.option("--openstack", "entry", help="Of an OpenStack: an entry of clouds.yaml.")
@click.option("--clouds-file", type=click.Path(exists=True, dir_okay=False), help="That file.")
@click.option("--kind", help="Another kind than incus, such as simulated.")
@pairs_option("--option options", "As in the settings file, such as project=lab; may be repeated.")
@asking
def cloud_add(asked: Asking, name: str, **said: Any) -> None:
    """Take a cloud on as NAME. It is there at once, and after a restart.

    With a token Muster makes a certificate, has the servers trust it, and holds them to
    theirs: muster cloud add lab --incus https://10.0.0.1:8443 --token ...

    An OpenStack is signed in to as clouds.yaml says; Muster keeps what --clouds-file holds:
    muster cloud add lab --openstack lab --clouds-file clouds.yaml --option network=private
    """
    options = dict(said["options"])
    body = {"name": name, "kind": said["kind"] or "incus", "options": options}
    if said["entry"]:
        body["kind"] = "openstack"
        options["entry"] = said["entry"]
        if said["clouds_file"]:
            options["clouds"] = text_of(said["clouds_file"], "--clouds-file")
    body |= {each: said[each] for each in ("url", "token", "fingerprint") if said[each]}
    if said["cert"]:
        body["certificate"] = text_of(said["cert"], "--cert")
        body["key"] = text_of(said["key"] or said["cert"], "--key")
    with asked.session() as session:
        made = session.call("POST", "/v1/clouds", body)["cloud"]
    where = f" at {made['url']}" if made["url"] else ""
    asked.show(made, lambda out: out.print(f"Cloud {name} is there{where}."))


@cloud.command("remove")
@click.argument("name")
@asking
def cloud_remove(asked: Asking, name: str) -> None:
    """Let go of a cloud that was added and that nothing uses; what is in it stays."""
    from muster.client.http import at

    with asked.session() as session:
        session.call("DELETE", at("clouds", name))
    asked.show(None, lambda out: out.print(f"Cloud {name} is looked after no more."))
