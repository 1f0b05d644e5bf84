"""Nodes: members of clusters, and those that stand alone."""

from typing import Any

import click

from muster.cli.asking import Asking, asking
from muster.cli.given import mapping_of, metadata_option, param_option, said
from muster.cli.plain import RECOVERIES
from muster.cli.show import field, listing, local, pairs
from muster.cli.wished import Wait, Wish, fulfil, waiting


@click.group()
def node() -> None:
    """Nodes: create, change, check, recover, operate on, adopt."""


@node.command("list")
@click.option("--cluster", help="Of this cluster only (name or id).")
@click.option("--status", help="In this status only.")
@asking
def list_(asked: Asking, cluster: str | None, status: str | None) -> None:
    """List nodes."""
    query = {"cluster_id": cluster, "status": status}
    with asked.session() as session:
        rows = session.call("GET", "/v1/nodes", query=query)["nodes"]
    columns = [
        ("NAME", field("name")),
        ("INDEX", field("index")),
        ("STATUS", field("status")),
        ("CLUSTER", field("cluster_id")),
        ("PROFILE", field("profile_name")),
        ("WHY", field("status_reason")),
        ("ID", field("id")),
    ]
    empty = "No nodes. Make one: muster node create NAME --profile PROFILE"
    asked.show(rows, lambda out: listing(out, rows, columns, empty))


@node.command("show")
@click.argument("name")
@click.option("--details", is_flag=True, help="Also what the cloud says of it.")
@asking
def show(asked: Asking, name: str, details: bool) -> None:
    """Show node NAME."""
    from muster.client.http import at

    query = {"show_details": True if details else None}
    with asked.session() as session:
        seen = session.call("GET", at("nodes", name), query=query)["node"]
    rows = [(k, local(v) if k.endswith("_at") else v) for k, v in seen.items()]
    asked.show(seen, lambda out: pairs(out, rows))


@node.command("create")
@click.argument("name")
@click.option("--profile", required=True, help="What it is made of.")
@click.option("--cluster", help="Makes it a member, named as the cluster names its members.")
@click.option("--role", help="A word of your own.")
@metadata_option
@waiting
@asking
def create(asked: Asking, name: str, wait: Wait, **values: Any) -> None:
    """Create node NAME, in a cluster or by itself."""
    body = said(
        name=name,
        profile_id=values["profile"],
        cluster_id=values["cluster"],
        role=values["role"],
        metadata=values["metadata"],
    )
    wish = Wish(
        method="POST",
        path="/v1/nodes",
        body={"node": body},
        title=name,
        done=f"Node {name} is there.",
    )
    fulfil(asked, wish, wait)


@node.command("update")
@click.argument("name")
@click.option("--name", "new_name", help="Another name.")
@click.option("--profile", help="Another profile; the node is brought to it.")
@click.option("--role", help="A word of your own.")
@click.option("--tainted/--not-tainted", default=None, help="Goes first when some have to go.")
@metadata_option
@waiting
@asking
def update(asked: Asking, name: str, wait: Wait, **values: Any) -> None:
    """Change node NAME."""
    from muster.client.http import at

    body = said(
        name=values["new_name"],
        profile_id=values["profile"],
        role=values["role"],
        tainted=values["tainted"],
        metadata=values["metadata"],
    )
    if not body:
        raise click.UsageError("Say what to change, for example --role spare.")
    done = f"Node {name} is changed."
    path = at("nodes", name)
    fulfil(asked, Wish(method="PATCH", path=path, body={"node": body}, title=name, done=done), wait)


@node.command("delete")
@click.argument("name")
@click.option("--force", is_flag=True, help="Whatever it is busy with.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@waiting
@asking
def delete(asked: Asking, name: str, force: bool, yes: bool, wait: Wait) -> None:
    """Delete node NAME with its server."""
    from muster.client.http import at

    path = at("nodes", name)
    if not yes:
        click.confirm(f"Delete node {name}?", abort=True, err=True)
    body = {"force": True} if force else None
    done = f"Node {name} is gone."
    fulfil(asked, Wish(method="DELETE", path=path, body=body, title=name, done=done), wait)


@node.command("check")
@click.argument("name")
@waiting
@asking
def check(asked: Asking, name: str, wait: Wait) -> None:
    """Look at node NAME afresh."""
    _act(asked, name, {"check": {}}, f"{name} is checked.", wait)


@node.command("recover")
@click.argument("name")
@click.option("--operation", type=RECOVERIES, help="How; else the node anew.")
@click.option("--check", is_flag=True, default=None, help="Only if it turns out not to be well.")
@param_option
@waiting
@asking
def recover(asked: Asking, name: str, wait: Wait, **values: Any) -> None:
    """Bring node NAME in order."""
    values["operation_params"] = values.pop("params")
    _act(asked, name, {"recover": said(**values)}, f"{name} is recovered.", wait)


def _act(asked: Asking, name: str, body: dict[str, Any], done: str, wait: Wait) -> None:
    from muster.client.http import at

    path = at("nodes", name, "actions")
    fulfil(asked, Wish(method="POST", path=path, body=body, title=name, done=done), wait)


@node.command("op")
@click.argument("name")
@click.argument("operation")
@param_option
@waiting
@asking
def operate(asked: Asking, name: str, operation: str, params: Any, wait: Wait) -> None:
    """Do OPERATION (reboot, stop, ...) to node NAME."""
    from muster.client.http import at

    path, body = at("nodes", name, "ops"), {operation: dict(params)}
    done = f"{operation}: done to {name}."
    fulfil(asked, Wish(method="POST", path=path, body=body, title=name, done=done), wait)


@node.command("adopt")
@click.argument("identity")
@click.option("--type", "kind", default="os.nova.server-1.0", show_default=True)
@click.option("--name", help="Of the node; else one is made up.")
@click.option("--role", help="A word of your own.")
@click.option("--overrides", type=click.Path(exists=True, dir_okay=False), help="File of changes.")
@click.option("--preview", is_flag=True, help="Only show the profile it would get.")
@metadata_option
@asking
def adopt(asked: Asking, identity: str, kind: str, preview: bool, **values: Any) -> None:
    """Make a node of a server that is there already, by its IDENTITY in the cloud."""
    file = values.pop("overrides")
    changes = mapping_of(file, "--overrides") if file else None
    body = said(identity=identity, type=kind, overrides=changes)
    with asked.session() as session:
        if preview:
            seen = session.call("POST", "/v1/nodes/adopt-preview", body)["node_profile"]
            asked.show(seen, lambda out: pairs(out, list(seen["node_preview"].items())))
            return
        made = session.call("POST", "/v1/nodes/adopt", {**body, **said(**values)})["node"]
    asked.show(made, lambda out: out.print(f"Node {made['name']} is there: {made['id']}"))
