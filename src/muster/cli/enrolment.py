"""Ways by which machines become members: strings that are good once, and the password."""

import re

import click

from muster.cli.asking import Asking, asking
from muster.cli.show import field, listing, local

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Lasting(click.ParamType[int]):
    """A time such as 20m, 1h, 90s."""

    name = "time"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the seconds, or end the command naming the option."""
        if isinstance(value, int):
            return value
        read = re.fullmatch(r"(\d{1,6})([smhd])", str(value))
        if not read:
            self.fail(f"{value!r} is no time such as 20m, 1h or 90s.", param, ctx)
        return int(read[1]) * _UNITS[read[2]]


@click.command("add-compute")
@click.option("--name", help="The only machine that it lets in, by its name in the cluster.")
@click.option("--ttl", type=Lasting(), default="20m", show_default=True, help="How long.")
@asking
def add_compute(asked: Asking, name: str | None, ttl: int) -> None:
    """Print a string that lets one machine in: muster init --compute --join STRING there.

    It is good once, and shown this once. What else there is to say goes to standard error.
    """
    body: dict[str, object] = {"expires_in_seconds": ttl}
    if name:
        body["name"] = name
    with asked.session() as session:
        made = session.call("POST", "/v1/enrolments", body)["enrolment"]
    until = local(made["expires_at"])
    click.echo(f"For one machine, until {until}: muster init --compute --join STRING", err=True)
    asked.show(made, lambda _: click.echo(made["string"]))


@click.group()
def enrolment() -> None:
    """Ways by which machines become members. muster add-compute makes one."""


@enrolment.command("list")
@asking
def list_(asked: Asking) -> None:
    """List them, and which machine has used which."""
    with asked.session() as session:
        rows = session.call("GET", "/v1/enrolments")["enrolments"]
    columns = [
        ("KIND", field("kind")),
        ("FOR", field("name")),
        ("UNTIL", lambda row: local(row["expires_at"])),
        ("USED BY", field("used_by")),
        ("ID", field("id")),
    ]
    empty = "No machine is let in. Make a string: muster add-compute"
    asked.show(rows, lambda out: listing(out, rows, columns, empty))


@enrolment.command("remove")
@click.argument("identity", metavar="ID")
@asking
def remove(asked: Asking, identity: str) -> None:
    """Close one: a string by its ID, or the password by that word."""
    from muster.client.http import at

    with asked.session() as session:
        session.call("DELETE", at("enrolments", identity))
    asked.show(None, lambda out: out.print(f"Nobody is let in by {identity} any more."))
