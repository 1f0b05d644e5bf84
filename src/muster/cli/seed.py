"""Seeds of tokens: what a machine that registers is to begin with, kept and fetched."""

from typing import Any, BinaryIO
from urllib.parse import quote

import click

from muster.cli.asking import Asking, asking
from muster.cli.given import mapping_of, said
from muster.cli.provisioning import at, called
from muster.cli.show import Column, field, listing


def _at(token: str, name: str = "") -> str:
    return at("tokens", token, f"seeds/{quote(name, safe='')}" if name else "seeds")


@click.group("seed")
def token_seed() -> None:
    """What machines that register by a token begin with: network, applications."""


@token_seed.command("add")
@click.argument("token")
@click.argument("name")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--description", help="What it is for.")
@click.option("--public", is_flag=True, help="Whoever knows the token may fetch it.")
@asking
def seed_add(asked: Asking, token: str, name: str, file: str, public: bool, **more: Any) -> None:
    """Keep what FILE says (YAML: network, applications, install, each as IncusOS knows it)."""
    body = {"name": name, "public": public, "seeds": mapping_of(file, "FILE"), **said(**more)}
    with asked.session() as session:
        made = session.call("POST", _at(token), body)["metadata"]
    asked.show(made, lambda out: out.print(f"Seed {name} is kept."))


@token_seed.command("list")
@click.argument("token")
@asking
def seed_list(asked: Asking, token: str) -> None:
    """List the seeds of a token."""
    with asked.session() as session:
        rows = session.call("GET", _at(token), query={"recursion": 1})["metadata"]
    columns: tuple[Column, ...] = (
        ("NAME", field("name")),
        ("PARTS", lambda row: ", ".join(row["seeds"])),
        ("PUBLIC", lambda row: "yes" if row["public"] else "no"),
        ("FETCHED", lambda row: called(row["fetched_at"])),
        ("DESCRIPTION", field("description")),
    )
    empty = "No seeds. Keep one: muster server token seed add TOKEN NAME FILE"
    asked.show(rows, lambda out: listing(out, rows, columns, empty))


@token_seed.command("show")
@click.argument("token")
@click.argument("name")
@asking
def seed_show(asked: Asking, token: str, name: str) -> None:
    """Show a seed; what is secret in it as its digest."""
    with asked.session() as session:
        known = session.call("GET", _at(token, name))["metadata"]
    asked.show(known, lambda out: out.print_json(data=known))


@token_seed.command("get")
@click.argument("token")
@click.argument("name")
@click.argument("file", type=click.File("wb"), default="-")
@click.option("--type", type=click.Choice(["tar", "json", "script"]), default="tar")
@click.option("--channel", help="Where the machine's updates come from; that of the token.")
@asking
def seed_get(asked: Asking, token: str, name: str, file: BinaryIO, **query: Any) -> None:
    """Fetch a seed for one machine: a tar for IncusOS, a script for Debian and Ubuntu.

    What is secret in it is handed out once, and not kept after that.
    """
    with asked.session() as session:
        file.write(session.text(_at(token, name), query).encode())


@token_seed.command("remove")
@click.argument("token")
@click.argument("name")
@asking
def seed_remove(asked: Asking, token: str, name: str) -> None:
    """Forget a seed; machines that began with it stay."""
    with asked.session() as session:
        session.call("DELETE", _at(token, name))
    asked.show(None, lambda out: out.print(f"Seed {name} is forgotten."))
