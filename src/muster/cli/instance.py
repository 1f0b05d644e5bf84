"""Instances, in clusters and alone."""

import sys
from collections.abc import Mapping
from typing import Any

import click

from muster.cli.asking import NUMBER, Asking, asking
from muster.cli.show import field, listing, local, pairs


@click.group()
def instance() -> None:
    """Instances: health, log, replace, protect."""


@instance.command("list")
@click.option("--cluster", help="Of this cluster only (name or id).")
@asking
def instance_list(asked: Asking, cluster: str | None) -> None:
    """List instances."""
    with asked.session() as session:
        rows = session.call("GET", "/v1/instances", query={"cluster": cluster})["instances"]
    columns = [
        ("NAME", field("name")),
        ("CLUSTER", field("cluster_name")),
        ("STATUS", field("status")),
        ("ADDRESS", field("address")),
        ("HOST", field("host")),
        ("RUNS", lambda row: (row.get("health") or {}).get("infrastructure")),
        ("BALANCER", lambda row: (row.get("health") or {}).get("load_balancer")),
        ("ANSWERS", lambda row: (row.get("health") or {}).get("application")),
        ("ID", field("id")),
    ]
    empty = "No instances. One alone: muster launch IMAGE; several: muster cluster create --help"
    asked.show(rows, lambda out: listing(out, rows, columns, empty))


@instance.command("strays")
@asking
def instance_strays(asked: Asking) -> None:
    """List what clouds have of ours that belongs to no cluster; it goes after a grace time."""
    with asked.session() as session:
        rows = session.call("GET", "/v1/strays")["strays"]
    columns = [
        ("NAME", field("name")),
        ("CLOUD", field("cloud")),
        ("SEEN", field("seen")),
        ("ADDRESS", field("address")),
        ("HOST", field("host")),
        ("SINCE", lambda row: local(row.get("created_at"))),
        ("REF", field("ref")),
    ]
    asked.show(rows, lambda out: listing(out, rows, columns, "No strays."))


@instance.command("show")
@click.argument("instance")
@asking
def instance_show(asked: Asking, instance: str) -> None:
    """Show everything about INSTANCE (a name or an id)."""
    from muster.client.http import at

    with asked.session() as session:
        seen = session.call("GET", at("instances", instance))["instance"]
    rows = [(k, local(v) if k.endswith("_at") else v) for k, v in seen.items()]
    asked.show(seen, lambda out: pairs(out, rows))


@instance.command("log")
@click.argument("instance")
@click.option("--lines", type=int, default=50, show_default=True)
@asking
def instance_log(asked: Asking, instance: str, lines: int) -> None:
    """Print the newest lines of what INSTANCE has printed."""
    from muster.client.http import at

    with asked.session() as session:
        text = session.text(at("instances", instance, "log"), {"lines": lines})
    asked.show({"log": text}, lambda out: click.echo(text, nl=not text.endswith("\n")))


@instance.command("exec", context_settings={"ignore_unknown_options": True})
@click.argument("instance")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("--timeout", type=NUMBER, default=30.0, show_default=True, help="Seconds.")
@click.option("-i", "--stdin", "reads", is_flag=True, help="Give it what this command reads.")
@click.option(
    "-t", "--tty", "sits", is_flag=True, help="At a terminal: keys, screen and signals are yours."
)
@asking
def instance_exec(
    asked: Asking, instance: str, command: tuple[str, ...], timeout: float, **how: bool
) -> None:
    """Run COMMAND in INSTANCE and end as it ended.

    Put `--` before it: muster instance exec web-001 -- sh -c 'ps aux'. No shell reads its words
    but one that you name. For a shell of your own: muster instance exec -it web-001 -- sh; it
    goes on for as long as you like, whatever --timeout says.
    """
    from muster.client.http import at

    if how["sits"]:
        click.get_current_context().exit(_sat(asked, instance, command))
    body: dict[str, object] = {"command": list(command), "timeout_seconds": timeout}
    if how["reads"]:
        body["input"] = sys.stdin.read()
    with asked.session() as session:
        ended = session.call("POST", at("instances", instance, "exec"), body, patience_s=timeout)
    if asked.as_json:
        asked.show(ended, lambda out: None)
    else:
        _print_ended(ended)
    click.get_current_context().exit(124 if ended["timed_out"] else ended["exit_code"])


# Note [Asked before sitting down]
# A WebSocket that is refused says no more than a number. So first it is asked, as for a command
# without a terminal, what would be done: that is refused for the same reasons, in words.
def _sat(asked: Asking, instance: str, command: tuple[str, ...]) -> int:
    """Return how the program ended. See Note [Asked before sitting down]."""
    from muster.cli.terminal import sit
    from muster.client.http import at

    if asked.as_json:
        raise click.UsageError("a terminal prints no JSON: leave -t or --json out")
    with asked.session() as session:
        body = {"command": list(command)}
        session.call("POST", at("instances", instance, "exec"), body, {"plan": True})
        return sit(session.access, instance, command)


def _print_ended(ended: Mapping[str, Any]) -> None:
    click.echo(ended["output"], nl=False)
    click.echo(ended["errors"], nl=False, err=True)
    if ended["truncated"]:
        click.echo("It printed more than is kept.", err=True)
    if ended["timed_out"]:
        click.echo("It took too long and was killed.", err=True)


def _verb(name: str, about: str, done: str) -> None:
    @instance.command(name, help=about)
    @click.argument("instance_")
    @asking
    def run(asked: Asking, instance_: str) -> None:
        from muster.client.http import at

        with asked.session() as session:
            answer = session.call("POST", at("instances", instance_, name))
        asked.show(answer, lambda out: out.print(f"{instance_} {done}"))


_verb("replace", "Put a new instance in the place of this one, drained first.", "is being replaced")
_verb("protect", "Keep scaling and updates from removing it.", "is protected")
_verb("unprotect", "Let scaling and updates remove it again.", "is no longer protected")
