"""What is set for all servers together: shown and changed."""

from pathlib import Path
from typing import Any

import click

from muster.cli.asking import Asking, asking
from muster.cli.given import pairs_option, words
from muster.cli.show import pairs

HERE = "/1.0/system"
RENEWED_S = 120.0  # an authority may take its time over a proof
_PART = click.argument("part", type=click.Choice(["network", "security", "settings", "updates"]))


@click.group()
def system() -> None:
    """What is set for all servers together."""


@system.command("show")
@_PART
@asking
def system_show(asked: Asking, part: str) -> None:
    """Show what is in force."""
    with asked.session() as session:
        known: dict[str, Any] = session.call("GET", f"{HERE}/{part}")["metadata"]
    asked.show(known, lambda out: pairs(out, list(known.items())))


@system.command("set")
@_PART
@pairs_option("--value values", "What it is from now on; repeatable.", words)
@asking
def system_set(asked: Asking, part: str, values: tuple[tuple[str, str], ...]) -> None:
    """Set values for all servers; what is said elsewhere is refused, naming where."""
    with asked.session() as session:
        session.revise(f"{HERE}/{part}", dict(values))
        known = session.call("GET", f"{HERE}/{part}")["metadata"]
    asked.show(known, lambda out: out.print("It is set, for all servers."))


@system.group("certificate")
def certificate() -> None:
    """What servers show by HTTPS."""


@certificate.command("show")
@asking
def certificate_show(asked: Asking) -> None:
    """Show it, and until when it is good."""
    with asked.session() as session:
        _told(asked, session.call("GET", f"{HERE}/certificate")["metadata"])


@certificate.command("set")
@click.argument("certificate_file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("key_file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@asking
def certificate_set(asked: Asking, certificate_file: Path, key_file: Path) -> None:
    """Have all servers show another one at once, and tell machines that are held to it.

    CERTIFICATE_FILE begins with the server's own; each further one vouches for the one before it.
    """
    body = {"certificate": certificate_file.read_text(), "key": key_file.read_text()}
    with asked.session() as session:
        _told(asked, session.call("POST", f"{HERE}/certificate", body)["metadata"])


@certificate.command("renew")
@asking
def certificate_renew(asked: Asking) -> None:
    """Get another one by ACME now, as `muster system acme` says, and show it."""
    with asked.session() as session:
        path = f"{HERE}/certificate/:renew"
        _told(asked, session.call("POST", path, {}, patience_s=RENEWED_S)["metadata"])


@system.command("acme")
@click.option("--domain", help="The name that the certificate is for; empty: none is got any more.")
@click.option("--email", help="Whom the authority may write to.")
@click.option("--agree-tos", is_flag=True, default=None, help="You agree to the authority's terms.")
@click.option("--ca-url", help="The authority's directory; usual: that of Let's Encrypt.")
@click.option(
    "--http-challenge-address",
    help="Where Muster proves the domain (:80); empty: others pass that on to Muster.",
)
@asking
def acme(asked: Asking, **said: Any) -> None:
    """Have Muster get the certificate that it shows from an authority, and renew it.

    What is not said stays as it is; with nothing said, what is set is shown.
    """
    named = {name: value for name, value in said.items() if value is not None}
    with asked.session() as session:
        if named:
            session.revise(f"{HERE}/security", {"acme": named})
        known = session.call("GET", f"{HERE}/security")["metadata"]["acme"]
    asked.show(known, lambda out: pairs(out, list(known.items())))


def _told(asked: Asking, known: dict[str, Any]) -> None:
    asked.show(known, lambda out: pairs(out, list(known.items())))
