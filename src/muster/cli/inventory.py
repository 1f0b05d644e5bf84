"""What clusters have: listed by kind, shown, and searched over all kinds."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import click

from muster.cli.asking import Asking, asking
from muster.cli.given import said
from muster.cli.provisioning import at, called
from muster.cli.show import Column, Row, field, listing

HERE = "/1.0/inventory"
KINDS = (
    "images",
    "instances",
    "networks",
    "network_acls",
    "network_address_sets",
    "network_forwards",
    "network_integrations",
    "network_load_balancers",
    "network_peers",
    "network_zones",
    "profiles",
    "projects",
    "storage_buckets",
    "storage_pools",
    "storage_volumes",
)
_KIND = click.argument("kind", type=click.Choice(KINDS))
_COLUMNS: tuple[Column, ...] = (
    ("NAME", field("name")),
    ("CLUSTER", field("cluster")),
    ("SERVER", field("server")),
    ("PROJECT", field("project_name")),
    ("IN", field("parent_name")),
    ("TYPE", field("type")),
    ("UUID", field("uuid")),
)


def _sifting(command: Any) -> Any:
    for option in (
        click.option("--text", help="Words that all have to be somewhere in it."),
        click.option("--filter", help='An expression, such as object.status == "Running".'),
        click.option("--project", help="Of this project only."),
        click.option("--server", help="On this server only."),
        click.option("--cluster", help="Of this cluster only."),
    ):
        command = option(command)
    return command


@click.group()
def inventory() -> None:
    """What clusters have, of all kinds."""


@inventory.command("list")
@_KIND
@_sifting
@click.option("--limit", type=click.IntRange(1), help="So many at most.")
@asking
def inventory_list(asked: Asking, kind: str, **where: Any) -> None:
    """List what clusters have of one kind."""
    rows: list[Row] = _asked(asked, f"/{kind}", {"recursion": 1, **said(**where)})
    asked.show(rows, lambda out: listing(out, rows, _COLUMNS, f"No {kind}."))


@inventory.command("show")
@_KIND
@click.argument("uuid")
@asking
def inventory_show(asked: Asking, kind: str, uuid: str) -> None:
    """Show one thing as its cluster shows it."""
    known = _asked(asked, f"/{kind}/{quote(uuid, safe='')}", {})
    asked.show(known, lambda out: out.print_json(data=known))


@inventory.command("query")
@click.option("--kind", multiple=True, type=click.Choice(KINDS), help="Of this kind; repeatable.")
@_sifting
@click.option("--parent", help="In this network or pool only.")
@asking
def inventory_query(asked: Asking, kind: tuple[str, ...], **where: Any) -> None:
    """Search everything that clusters have."""
    question = urlencode({"kind": kind, **said(**where)}, doseq=True)
    told = _asked(asked, f"/query?{question}", {})
    rows: list[Row] = [
        {**each, "kind": kind}
        for cluster in told
        for kind, those in cluster.items()
        if kind != "cluster"
        for each in those
    ]
    columns: tuple[Column, ...] = (("KIND", field("kind")), *_COLUMNS)
    asked.show(told, lambda out: listing(out, rows, columns, "There is nothing of that sort."))


@inventory.command("clusters")
@asking
def inventory_clusters(asked: Asking) -> None:
    """List the clusters of the inventory, and when each was read."""
    rows: list[Row] = _asked(asked, "", {})
    columns: tuple[Column, ...] = (
        ("CLUSTER", field("cluster")),
        ("READ", lambda row: called(row["last_read"])),
        ("DRIFTED", field("drifted")),
        ("WHY NOT", field("error")),
    )
    asked.show(rows, lambda out: listing(out, rows, columns, "No cluster is known."))


@inventory.command("resync")
@click.argument("cluster")
@asking
def inventory_resync(asked: Asking, cluster: str) -> None:
    """Have everything that a cluster has be read again."""
    with asked.session() as session:
        session.call("POST", at("clusters", cluster, ":resync-inventory"))
    asked.show(None, lambda out: out.print(f"Cluster {cluster} is being read."))


def _asked(asked: Asking, where: str, query: Mapping[str, object]) -> Any:
    with asked.session() as session:
        return session.call("GET", f"{HERE}{where}", query=query or None)["metadata"]
