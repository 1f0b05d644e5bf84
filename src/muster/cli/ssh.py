"""`muster ssh`: into an instance, through the bastion of its cluster."""

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click

from muster.cli.asking import Asking, asking
from muster.cli.cluster import found


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who logs in, and by which key."""

    login: str | None
    identity: str | None


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("cluster")
@click.argument("instance", required=False)
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.option("-l", "--login", default="root", show_default=True, help="The user there.")
@click.option(
    "-i", "--identity", type=click.Path(exists=True, dir_okay=False), help="The private key."
)
@click.option("--print", "only_print", is_flag=True, help="Print the command, and run nothing.")
@asking
def ssh(
    asked: Asking,
    cluster: str,
    instance: str | None,
    command: tuple[str, ...],
    only_print: bool,
    **caller: str | None,
) -> None:
    """Log in to an instance of CLUSTER through its bastion, by the system's ssh.

    INSTANCE is its number in the list, its name or its id; without it, the first that is in
    order. What follows is run there instead of a shell.

    muster ssh web 2 -i ~/.ssh/id_ed25519 uptime
    """
    with asked.session() as session:
        seen = found(session, cluster)
    words = line(seen, _chosen(seen, instance), Caller(**caller), command)
    if only_print or asked.as_json:
        asked.show({"command": words}, lambda _: click.echo(shlex.join(words)))
        return
    try:
        os.execvp(words[0], words)
    except FileNotFoundError:
        raise click.ClickException("no ssh on this machine: install openssh-client") from None


def _chosen(cluster: dict[str, Any], said: str | None) -> dict[str, Any]:
    """Return the instance that is meant; it has an address."""
    there = cluster["instances"]
    if said is None:
        found = next((each for each in there if each["ready_at"] and not each["leaving"]), None)
    elif said.isdecimal():
        found = there[int(said) - 1] if 0 < int(said) <= len(there) else None
    else:
        found = next((each for each in there if said in (each["name"], each["id"])), None)
    if found is None:
        what = f"no instance {said}" if said else "no instance in order"
        raise click.ClickException(f"{cluster['name']} has {what}: it has {len(there)} in all")
    if not found["address"]:
        raise click.ClickException(f"{found['name']} has no address yet: it is {found['status']}")
    return dict(found)


# Note [Two hosts, one line]
# A plain ProxyJump gives the bastion neither key nor options of the command line, only those of
# the user's own file. So the jump is written out. Addresses are used again by other instances,
# whose host keys are others': each is remembered under the name of its server instead.
def line(
    cluster: dict[str, Any], instance: dict[str, Any], caller: Caller, command: Sequence[str]
) -> list[str]:
    """Return the ssh command. See Note [Two hosts, one line]."""
    bastion = cluster.get("bastion")
    if bastion is None:
        raise click.ClickException(
            f"{cluster['name']} has no bastion: create a cluster with --bastion and --keypair"
        )
    if not bastion["address"]:
        reason = f": {bastion['reason']}" if bastion["reason"] else ""
        raise click.ClickException(f"{bastion['name']} is {bastion['status']}{reason}")
    key = ["-i", caller.identity, "-o", "IdentitiesOnly=yes"] if caller.identity else []
    jump = ["ssh", *key, *_known(bastion["server"]), "-p", str(bastion["port"])]
    jump += ["-W", f"[{instance['address']}]:22", f"{caller.login}@{bastion['address']}"]
    through = shlex.join(jump).replace("%", "%%")
    options = [*key, *_known(instance["ref"]), "-o", f"ProxyCommand={through}"]
    return ["ssh", *options, f"{caller.login}@{instance['address']}", *command]


def _known(server: str | None) -> list[str]:
    return ["-o", f"HostKeyAlias=muster-{server}", "-o", "StrictHostKeyChecking=accept-new"]
