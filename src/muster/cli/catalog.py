"""Flavors, keypairs, networks and tokens."""

from typing import Any

import click

from muster.cli.asking import NUMBER, Asking, asking, text_of
from muster.cli.show import field, listing, local


@click.group()
def flavor() -> None:
    """Sizes of instances: processors, memory, disk."""


@flavor.command("list")
@asking
def flavor_list(asked: Asking) -> None:
    """List all flavors."""
    with asked.session() as session:
        rows = session.call("GET", "/v1/flavors")["flavors"]
    columns = [(k.upper(), field(k)) for k in ("name", "vcpus", "memory_mib", "disk_gib", "id")]
    asked.show(rows, lambda out: listing(out, rows, columns, "No flavors."))


@flavor.command("create")
@click.argument("name")
@click.option(
    "--vcpus", type=NUMBER, required=True, help="Processors; a share such as 0.5 is fine."
)
@click.option("--memory", type=int, required=True, help="MiB.")
@click.option("--disk", type=int, default=0, help="GiB.")
@click.option(
    "--machine",
    type=click.Choice(["container", "virtual-machine"]),
    help="What an instance is, where a cloud makes both. Default: its cloud's way.",
)
@asking
def flavor_create(asked: Asking, name: str, memory: int, disk: int, **said: Any) -> None:
    """Add a flavor called NAME."""
    body = {"name": name, "memory_mib": memory, "disk_gib": disk}
    body |= {k: v for k, v in said.items() if v is not None}
    with asked.session() as session:
        made = session.call("POST", "/v1/flavors", body)["flavor"]
    asked.show(made, lambda out: out.print(f"Flavor {made['name']} is there: {made['id']}"))


@flavor.command("delete")
@click.argument("name_or_id")
@asking
def flavor_delete(asked: Asking, name_or_id: str) -> None:
    """Remove a flavor; instances that have it keep it."""
    from muster.client.http import at

    with asked.session() as session:
        session.call("DELETE", at("flavors", name_or_id))
    asked.show(None, lambda out: out.print(f"Flavor {name_or_id} is gone."))


@click.group()
def keypair() -> None:
    """SSH public keys by name."""


@keypair.command("list")
@asking
def keypair_list(asked: Asking) -> None:
    """List your keypairs."""
    with asked.session() as session:
        rows = session.call("GET", "/v1/keypairs")["keypairs"]
    columns = [("NAME", field("name")), ("FINGERPRINT", field("fingerprint"))]
    empty = "No keypairs. Add one: muster keypair create NAME --public-key ~/.ssh/id_ed25519.pub"
    asked.show(rows, lambda out: listing(out, rows, columns, empty))


@keypair.command("create")
@click.argument("name")
@click.option("--public-key", type=click.Path(exists=True, dir_okay=False), required=True)
@asking
def keypair_create(asked: Asking, name: str, public_key: str) -> None:
    """Store the public key of a file under NAME."""
    body = {"name": name, "public_key": text_of(public_key, "--public-key").strip()}
    with asked.session() as session:
        made = session.call("POST", "/v1/keypairs", body)["keypair"]
    asked.show(made, lambda out: out.print(f"Keypair {name} is there: {made['fingerprint']}"))


@keypair.command("delete")
@click.argument("name")
@asking
def keypair_delete(asked: Asking, name: str) -> None:
    """Forget a keypair."""
    from muster.client.http import at

    with asked.session() as session:
        session.call("DELETE", at("keypairs", name))
    asked.show(None, lambda out: out.print(f"Keypair {name} is gone."))


@click.group()
def network() -> None:
    """Networks that instances can be on."""


@network.command("list")
@click.option("--cloud", help="Of this cloud only.")
@asking
def network_list(asked: Asking, cloud: str | None) -> None:
    """List networks, the default of each cloud first."""
    with asked.session() as session:
        rows = session.call("GET", "/v1/networks", query={"cloud": cloud})["networks"]
    columns = [(k.upper(), field(k)) for k in ("name", "type", "cidr", "uplink", "cloud", "id")]
    asked.show(rows, lambda out: listing(out, rows, columns, "No networks."))


@network.command("create")
@click.argument("name")
@click.option("--type", type=click.Choice(["ovn", "bridge"]), required=True)
@click.option("--uplink", help="Of OVN: a network. Of a bridge: the members' interface.")
@click.option("--cidr", help="The gateway's address and prefix. Default: the cloud chooses.")
@click.option("--nat/--no-nat", default=None, help="Hide instances behind one address (default).")
@click.option(
    "--balancer",
    type=click.Choice(["ovn", "haproxy", "instance"]),
    help="Default: ovn on an OVN network, else the cloud's.",
)
@click.option("--description")
@click.option("--cloud", help="Default: the server's default cloud.")
@asking
def network_create(asked: Asking, **said: Any) -> None:
    """Make a network called NAME."""
    body = {name: value for name, value in said.items() if value is not None}
    with asked.session() as session:
        made = session.call("POST", "/v1/networks", body)["network"]
    asked.show(made, lambda out: out.print(f"Network {made['name']} is there: {made['cidr']}"))


@network.command("delete")
@click.argument("name")
@click.option("--cloud", help="Default: the server's default cloud.")
@asking
def network_delete(asked: Asking, name: str, cloud: str | None) -> None:
    """Delete a network that was made by Muster and that nothing uses."""
    from muster.client.http import at

    with asked.session() as session:
        session.call("DELETE", at("networks", name), query={"cloud": cloud})
    asked.show(None, lambda out: out.print(f"Network {name} is gone."))


@click.group()
def token() -> None:
    """Tokens: secrets for programs, shown once, revocable."""


@token.command("list")
@click.option("--user", "of_user", help="Another's, in every project; for who operates Muster.")
@asking
def token_list(asked: Asking, of_user: str | None) -> None:
    """List your tokens, without their secrets."""
    query = {"user": of_user} if of_user else None
    with asked.session() as session:
        rows = session.call("GET", "/v1/tokens", query=query)["tokens"]
    columns = [
        ("ID", field("id")),
        ("PROJECT", field("project")),
        ("NOTE", field("note")),
        ("EXPIRES", lambda row: local(row.get("expires_at"))),
    ]
    asked.show(rows, lambda out: listing(out, rows, columns, "No tokens."))


@token.command("create")
@click.option("--note", default="", help="What it is for.")
@click.option("--hours", type=NUMBER, help="How long it is good for; without: until revoked.")
@asking
def token_create(asked: Asking, note: str, hours: float | None) -> None:
    """Make a token and print its secret, this once."""
    body: dict[str, Any] = {"note": note}
    if hours is not None:
        body["expires_in_seconds"] = int(hours * 3600)
    with asked.session() as session:
        made = session.call("POST", "/v1/tokens", body)["token"]
    asked.show(made, lambda out: out.print(made["secret"]))


@token.command("delete")
@click.argument("token_id")
@asking
def token_delete(asked: Asking, token_id: str) -> None:
    """Revoke a token."""
    from muster.client.http import at

    with asked.session() as session:
        session.call("DELETE", at("tokens", token_id))
    asked.show(None, lambda out: out.print("The token is revoked."))
