"""Clusters of servers: what one would be made of, made, listed, shown, changed, let go."""

from collections.abc import Mapping
from typing import Any

import click

from muster.cli import bulk
from muster.cli.asking import Asking, asking
from muster.cli.given import mapping_of, pairs_option, said, words
from muster.cli.provisioning import HERE, at, listed, revised, seen
from muster.cli.server_cluster_jobs import COMMANDS, names_in, told, waiting, whole
from muster.cli.show import Column, field, listing
from muster.cli.template import asking_secrets, with_secrets

_FILE = click.Path(exists=True, dir_okay=False)
_KINDS = ("incus", "incus-lts-7.0", "migration-manager", "operations-center")


@click.group("server-cluster")
def server_cluster() -> None:
    """Clusters of servers."""


def _described(command: Any) -> Any:
    """Give a command the options that say what a cluster is to be made of."""
    for option in (
        click.option("--channel", help="Where its updates come from; that of its servers."),
        asking_secrets,
        click.option("--cluster-template-variables", type=_FILE, help="YAML: NAME: value."),
        click.option("--cluster-template", help="A template, instead of both files."),
        click.option("--application-seed-config", "-a", type=_FILE, help="YAML: Incus's begin."),
        click.option("--services-config", "-c", type=_FILE, help="YAML: services by name."),
        click.option(
            "--server-type", "-t", type=click.Choice(_KINDS), default="incus", show_default=True
        ),
        click.option(
            "--server-names", "-s", required=True, help="The servers, with commas in between."
        ),
        click.argument("name"),
    ):
        command = option(command)
    return command


@server_cluster.command("preview")
@_described
@asking
def cluster_preview(asked: Asking, name: str, server_names: str, **options: Any) -> None:
    """Ask every server, and say all that speaks against a cluster of them; nothing is done.

    Ends with 1 where anything does.
    """
    body = {"name": name, "server_names": names_in(server_names), **_read(asked, options)}
    with asked.session() as session:
        told = session.call("POST", f"{HERE}/clusters/:preview", body)["metadata"]
    asked.show(told, lambda out: _people(out, told))
    if not told["possible"]:
        raise SystemExit(1)


@server_cluster.command("create")
@_described
@click.option("--description", help="What it is.")
@click.option("--no-cloud", is_flag=True, help="It becomes no cloud of its name.")
@waiting
@asking
def cluster_create(asked: Asking, name: str, server_names: str, wait: bool, **options: Any) -> None:
    """Make a cluster of servers, once nothing speaks against it.

    Where a server dies meanwhile, what was done is undone. Once it is ready it is a cloud.
    """
    config: dict[str, Any] = {"config": {"cloud": False}} if options.pop("no_cloud") else {}
    body = {"name": name, "server_names": names_in(server_names), **config, **_read(asked, options)}
    with asked.session() as session:
        made = session.call("POST", f"{HERE}/clusters", body)["metadata"]
    told(asked, made, wait)


@server_cluster.command("list")
@click.option("--filter", help='An expression, such as status == "ready".')
@asking
def cluster_list(asked: Asking, **where: str | None) -> None:
    """List clusters of servers, and what each is at."""
    rows = listed(asked, "clusters", where)
    columns: tuple[Column, ...] = (
        ("NAME", field("name")),
        ("STATUS", field("status")),
        ("SERVERS", lambda row: ", ".join(row["server_names"])),
        ("CLOUD", lambda row: row["cloud"] or ""),
        ("CHANNEL", field("channel")),
        ("JOB", _job),
        ("DESCRIPTION", field("description")),
    )
    empty = "No clusters of servers. Make one: muster server-cluster create"
    asked.show(rows, lambda out: listing(out, rows, columns, empty))


def _job(row: Mapping[str, Any]) -> str:
    job = row["job"] or {}
    return f"{job['kind']} {job['status']} {job['progress']}" if job else ""


@server_cluster.command("show")
@click.argument("name")
@asking
def cluster_show(asked: Asking, name: str) -> None:
    """Show a cluster, the cloud that it is, and the journal of its last job."""
    known = seen(asked, "clusters", name)
    asked.show(known, lambda out: whole(out, known))


_IN_TURN = (
    "post_restore_delay",
    "restore_mode",
    "windows",
    "max_parallel",
    "drain_timeout",
    "hook_before",
    "hook_after",
)


@server_cluster.command("edit")
@click.argument("name")
@pairs_option("--property properties", "Whatever one wants to know; repeatable.", words)
@click.option("--connection-url", help="Where people reach it.")
@click.option("--channel", help="Where updates of its servers come from.")
@click.option("--description", help="What it is.")
@click.option("--post-restore-delay", help="Rest after each server of a round, such as 15m.")
@click.option("--restore-mode", type=click.Choice(["", "skip"]), help="skip: nothing moves back.")
@click.option(
    "--window",
    "windows",
    multiple=True,
    help='When a round may begin with a server, in UTC: "Sat 01:00-05:00"; repeatable.',
)
@click.option("--max-parallel", type=click.IntRange(1, 100), help="How many may be away at once.")
@click.option("--drain-timeout", help="How long nodes of clusters may take to leave, such as 15m.")
@click.option("--hook-before", help="A URL that is told before each server, and lets it go.")
@click.option("--hook-after", help="One that is told when something was done to a server.")
@click.option("--cloud/--no-cloud", default=None, help="Whether it is a cloud of its name.")
@asking
def cluster_edit(asked: Asking, name: str, **options: Any) -> None:
    """Say something else of a cluster; what is not given stays."""
    rolling = said(**{each: options.pop(each) for each in _IN_TURN})
    config: dict[str, object] = said(cloud=options.pop("cloud"))
    changes = said(**options)
    if rolling:
        before = seen(asked, "clusters", name)["config"]["rolling_restart"]
        config["rolling_restart"] = {**before, **rolling}
    if config:
        changes["config"] = config
    now = revised(asked, "clusters", name, changes)
    asked.show(now, lambda out: out.print(f"Cluster {name} is changed."))


@server_cluster.command("rename")
@click.argument("name")
@click.argument("new")
@asking
def cluster_rename(asked: Asking, name: str, new: str) -> None:
    """Call a cluster NEW."""
    with asked.session() as session:
        session.call("POST", at("clusters", name), {"name": new})
    asked.show(None, lambda out: out.print(f"Cluster {name} is called {new}."))


@server_cluster.command("delete")
@click.argument("name")
@click.option(
    "--mode",
    type=click.Choice(["normal", "force", "factory-reset"]),
    default="normal",
    show_default=True,
    help="force: forget it as it is; factory-reset: reset its servers, all on them is lost.",
)
@asking
def cluster_delete(asked: Asking, name: str, mode: str) -> None:
    """Forget a cluster that has no servers; or, by --mode, one that has."""
    with asked.session() as session:
        session.call("DELETE", at("clusters", name), query={"mode": mode})
    text = "is being reset" if mode == "factory-reset" else "is forgotten"
    asked.show(None, lambda out: out.print(f"Cluster {name} {text}."))


for _each in (*COMMANDS, *bulk.COMMANDS):
    server_cluster.add_command(_each)


def _read(asked: Asking, options: Mapping[str, Any]) -> dict[str, object]:
    """Return what the options say, every file as what is in it."""
    files = {
        "services_config": "--services-config",
        "application_seed_config": "--application-seed-config",
        "cluster_template_variables": "--cluster-template-variables",
    }
    given = said(**options)
    asks = given.pop("ask_secrets")
    read = {
        name: mapping_of(given.pop(name), flag) for name, flag in files.items() if name in given
    }
    values = read.pop("cluster_template_variables", None)
    if asks and "cluster_template" in given:
        values = with_secrets(asked, str(given["cluster_template"]), values or {})
    return {**given, **read, **said(cluster_template_variable_values=values)}


def _people(out: Any, told: Mapping[str, Any]) -> None:
    columns: tuple[Column, ...] = (
        ("SERVER", field("server")),
        ("WHAT", field("what")),
        ("WHY", field("text")),
    )
    listing(out, told["findings"], columns, "Nothing speaks against it.")
    for name, orders in told["services_config"].items():
        told_services = ", ".join(each["service"] for each in orders)
        out.print(f"{name}: {told_services or 'no services'}")
