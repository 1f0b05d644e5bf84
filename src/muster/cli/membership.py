"""What belongs to a cluster by name: policies attached to it, nodes that join and leave."""

import click

from muster.cli.asking import Asking, asking
from muster.cli.given import words
from muster.cli.plain import act
from muster.cli.show import field, listing, local
from muster.cli.wished import Wait, waiting


@click.group("policy")
def attached() -> None:
    """Policies attached to a cluster."""


@attached.command("list")
@click.argument("cluster")
@asking
def list_attached(asked: Asking, cluster: str) -> None:
    """List the policies of CLUSTER."""
    from muster.client.http import at

    with asked.session() as session:
        rows = session.call("GET", at("clusters", cluster, "policies"))["cluster_policies"]
    columns = [
        ("POLICY", field("policy_name")),
        ("TYPE", field("policy_type")),
        ("ENABLED", field("enabled")),
        ("PRIORITY", field("priority")),
        ("LAST", lambda row: local(row.get("last_op"))),
    ]
    empty = f"No policies. Attach one: muster cluster policy attach {cluster} POLICY"
    asked.show(rows, lambda out: listing(out, rows, columns, empty))


@attached.command("attach")
@click.argument("cluster")
@click.argument("policy")
@click.option("--disabled", is_flag=True, help="Attached, and without effect for now.")
@waiting
@asking
def attach(asked: Asking, cluster: str, policy: str, disabled: bool, wait: Wait) -> None:
    """Attach POLICY to CLUSTER."""
    body = {"policy_attach": {"policy_id": policy, "enabled": not disabled}}
    act(asked, cluster, body, f"{policy} is attached to {cluster}.", wait)


@attached.command("detach")
@click.argument("cluster")
@click.argument("policy")
@waiting
@asking
def detach(asked: Asking, cluster: str, policy: str, wait: Wait) -> None:
    """Detach POLICY from CLUSTER."""
    body = {"policy_detach": {"policy_id": policy}}
    act(asked, cluster, body, f"{policy} is detached from {cluster}.", wait)


def _switch(word: str, about: str, enabled: bool) -> None:
    @attached.command(word, help=about)
    @click.argument("cluster")
    @click.argument("policy")
    @waiting
    @asking
    def run(asked: Asking, cluster: str, policy: str, wait: Wait) -> None:
        body = {"policy_update": {"policy_id": policy, "enabled": enabled}}
        act(asked, cluster, body, f"{policy} is {word}d on {cluster}.", wait)


_switch("enable", "Have POLICY take effect on CLUSTER.", True)
_switch("disable", "Keep POLICY attached to CLUSTER without effect.", False)


@click.group("nodes")
def members() -> None:
    """Nodes that join and leave a cluster by name."""


@members.command("add")
@click.argument("cluster")
@click.argument("nodes", nargs=-1, required=True)
@waiting
@asking
def add(asked: Asking, cluster: str, nodes: tuple[str, ...], wait: Wait) -> None:
    """Take NODES, which belong to no cluster, into CLUSTER."""
    body = {"add_nodes": {"nodes": list(nodes)}}
    act(asked, cluster, body, f"{cluster} has {len(nodes)} more.", wait)


@members.command("remove")
@click.argument("cluster")
@click.argument("nodes", nargs=-1, required=True)
@click.option("--destroy", is_flag=True, default=False, help="Delete them; else they live on.")
@waiting
@asking
def remove(asked: Asking, cluster: str, nodes: tuple[str, ...], destroy: bool, wait: Wait) -> None:
    """Let NODES leave CLUSTER."""
    body = {"del_nodes": {"nodes": list(nodes), "destroy_after_deletion": destroy}}
    act(asked, cluster, body, f"{cluster} has {len(nodes)} less.", wait)


@members.command("replace")
@click.argument("cluster")
@click.argument("pairs", nargs=-1, required=True, type=words, metavar="OLD=NEW...")
@waiting
@asking
def replace(asked: Asking, cluster: str, pairs: tuple[tuple[str, str], ...], wait: Wait) -> None:
    """Put nodes that belong to no cluster in the places of nodes of CLUSTER."""
    body = {"replace_nodes": {"nodes": dict(pairs)}}
    act(asked, cluster, body, f"{cluster}: replaced.", wait)


@click.command("lifecycle")
@click.argument("cluster")
@click.argument("token")
@waiting
@asking
def lifecycle(asked: Asking, cluster: str, token: str, wait: Wait) -> None:
    """Agree that the node goes which a lifecycle hook has asked about by TOKEN."""
    body = {"complete_lifecycle": {"lifecycle_action_token": token}}
    act(asked, cluster, body, "It may go.", wait)


COMMANDS = (attached, members, lifecycle)
