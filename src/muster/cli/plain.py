"""Plain clusters: so many nodes of a profile, scaled, checked, recovered, operated on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

from muster.cli.asking import Asking, asking
from muster.cli.given import metadata_option, pairs_option, param_option, said, words
from muster.cli.show import field, listing
from muster.cli.wished import Wait, Wish, fulfil, waiting
from muster.cli.wishes import How

RECOVERIES = click.Choice(["REBOOT", "REBUILD", "RECREATE"], case_sensitive=False)
_SIZES = {"min_size": "min_size", "max_size": "max_size", "desired_size": "desired_capacity"}
config_option = pairs_option("--config", "Such as node.name.format=web-$3I.")
Pairs = Sequence[tuple[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What was said of a plain cluster beside its name and profile."""

    metadata: Pairs
    config: Pairs
    shape: Mapping[str, Any]  # of autoscaled clusters too; sizes are good for both

    @property
    def body(self) -> dict[str, Any]:
        wrong = sorted(set(self.shape) - set(_SIZES))
        if wrong:
            text = f"{', '.join(wrong)}: of a cluster with --profile it is the profile that says so"
            raise click.UsageError(text)
        sizes = {_SIZES[name]: value for name, value in self.shape.items()}
        return {**sizes, **said(metadata=self.metadata, config=self.config)}


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give the creation of a cluster what only a plain one has."""
    command = click.option("--profile", help="Makes it a plain cluster of this profile.")(command)
    return metadata_option(config_option(command))


def create(asked: Asking, profile: str, name: str, given: Given, how: How) -> None:
    """Create a plain cluster; plans are of autoscaled ones."""
    if how.plan or how.plan_hash:
        raise click.UsageError("--plan and --plan-hash are not for clusters with --profile.")
    wish = Wish(
        method="POST",
        path="/v1/clusters",
        body={"cluster": {"name": name, "profile_id": profile, **given.body}},
        title=name,
        done=f"{name} is there.",
    )
    fulfil(asked, wish, Wait(wait=how.wait, timeout=how.timeout))


def act(asked: Asking, name: str, body: Mapping[str, Any], done: str, wait: Wait) -> None:
    """Ask for one action of a cluster."""
    from muster.client.http import at

    path = at("clusters", name, "actions")
    fulfil(asked, Wish(method="POST", path=path, body=body, title=name, done=done), wait)


@click.command("set")
@click.argument("name")
@click.option("--name", "new_name", help="Another name.")
@click.option("--profile", help="Another profile; the nodes are brought to it.")
@click.option("--profile-only", is_flag=True, default=None, help="New nodes only get the profile.")
@click.option("--action-timeout", type=int, help="Seconds that its actions may take.")
@metadata_option
@config_option
@waiting
@asking
def set_(asked: Asking, name: str, wait: Wait, **values: Any) -> None:
    """Change a plain cluster NAME: name, profile, metadata, configuration."""
    from muster.client.http import at

    body = said(
        name=values["new_name"],
        profile_id=values["profile"],
        profile_only=values["profile_only"],
        timeout=values["action_timeout"],
        metadata=values["metadata"],
        config=values["config"],
    )
    if not body:
        raise click.UsageError("Say what to change, for example --profile bigger.")
    path = at("clusters", name)
    done = f"{name} is changed."
    wish = Wish(method="PATCH", path=path, body={"cluster": body}, title=name, done=done)
    fulfil(asked, wish, wait)


def _scaling(word: str, about: str) -> click.Command:
    @click.command(word, help=about)
    @click.argument("name")
    @click.option("--by", type=int, help="So many; else as its scaling policy says, or one.")
    @waiting
    @asking
    def run(asked: Asking, name: str, by: int | None, wait: Wait) -> None:
        body = {word.replace("-", "_"): said(count=by)}
        act(asked, name, body, f"{name} is scaled.", wait)

    return run


scale_out = _scaling("scale-out", "Add nodes to cluster NAME.")
scale_in = _scaling("scale-in", "Remove nodes from cluster NAME.")


@click.command("check")
@click.argument("name")
@waiting
@asking
def check(asked: Asking, name: str, wait: Wait) -> None:
    """Look at every node of cluster NAME afresh."""
    act(asked, name, {"check": {}}, f"{name} is checked.", wait)


@click.command("recover")
@click.argument("name")
@click.option("--operation", type=RECOVERIES, help="How; else each node anew.")
@click.option("--check", is_flag=True, default=None, help="Look at the nodes first.")
@click.option("--check-capacity", is_flag=True, default=None, help="Fill up what is missing.")
@param_option
@waiting
@asking
def recover(asked: Asking, name: str, wait: Wait, **values: Any) -> None:
    """Bring those nodes of cluster NAME in order that are not."""
    values["operation_params"] = values.pop("params")
    act(asked, name, {"recover": said(**values)}, f"{name} is recovered.", wait)


@click.command("op")
@click.argument("name")
@click.argument("operation")
@param_option
@pairs_option("--filter filters", "Only those of this status, role, name, profile_id.", words)
@waiting
@asking
def operate(asked: Asking, name: str, operation: str, wait: Wait, **values: Any) -> None:
    """Do OPERATION (reboot, stop, ...) to the nodes of cluster NAME, or to some of them."""
    from muster.client.http import at

    path, body = at("clusters", name, "ops"), {operation: said(**values)}
    done = f"{operation}: done to {name}."
    fulfil(asked, Wish(method="POST", path=path, body=body, title=name, done=done), wait)


@click.command("collect")
@click.argument("name")
@click.argument("path")
@asking
def collect(asked: Asking, name: str, path: str) -> None:
    """Print one attribute of every node of cluster NAME, by its JSONPath.

    muster cluster collect web details.addresses
    """
    from muster.client.http import at

    with asked.session() as session:
        found = session.call("GET", at("clusters", name, "attrs", path))["cluster_attributes"]
    columns = [("NODE", field("id")), ("VALUE", field("value"))]
    asked.show(found, lambda out: listing(out, found, columns, "No node has that."))


COMMANDS = (set_, scale_out, scale_in, check, recover, operate, collect)
