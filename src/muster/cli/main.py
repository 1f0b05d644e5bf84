"""The command tree: what `muster` can be told to do."""

import importlib
from typing import Any

import click

from muster import __version__
from muster.cli.asking import Asking

# Where each command is found and what it is for. The server's own are added by `__main__`.
COMMANDS = {
    "cluster": ("muster.cli.cluster", "Create, watch, change and delete clusters."),
    "image": ("muster.cli.image", "Images that instances are made from."),
    "snapshot": ("muster.cli.image", "Make images of running instances."),
    "flavor": ("muster.cli.catalog", "Sizes of instances."),
    "keypair": ("muster.cli.catalog", "SSH keys that instances let in."),
    "network": ("muster.cli.catalog", "Networks that instances can be on."),
    "cloud": ("muster.cli.cloud", "Clouds that instances can run on."),
    "token": ("muster.cli.catalog", "Tokens for scripts and other programs."),
    "instance": ("muster.cli.instance", "Instances: health, log, replace, protect."),
    "volume": ("muster.cli.volume", "Disks that outlive instances."),
    "vcluster": ("muster.cli.vcluster", "Servers and volumes that are placed as one."),
    "add-compute": ("muster.cli.enrolment", "Make a string that lets one machine in."),
    "enrolment": ("muster.cli.enrolment", "Ways by which machines become members."),
    "server": ("muster.cli.server", "Machines, and the tokens by which they register."),
    "server-cluster": ("muster.cli.server_cluster", "Clusters of servers."),
    "inventory": ("muster.cli.inventory", "What clusters of servers have."),
    "warning": ("muster.cli.warning", "What is not in order with servers and clusters."),
    "system": ("muster.cli.system", "What is set for all servers together."),
    "template": ("muster.cli.template", "Templates that clusters of servers are made from."),
    "launch": ("muster.cli.launch", "Start one instance, and say how to log in."),
    "rebalance": ("muster.cli.rebalance", "Nodes that would better be on other hosts."),
    "ssh": ("muster.cli.ssh", "Log in to an instance through its cluster's bastion."),
    "profile": ("muster.cli.made", "What nodes of plain clusters are made of."),
    "policy": ("muster.cli.made", "Rules that plain clusters are attached to."),
    "node": ("muster.cli.node", "Nodes of plain clusters, and those that stand alone."),
    "receiver": ("muster.cli.receiver", "Webhooks, and queues of messages, that set actions off."),
    "event": ("muster.cli.record", "What happened, and what happens now."),
    "action": ("muster.cli.record", "What was asked for, and how far it is."),
    "demo": ("muster.cli.demo", "Show a cluster that sizes, heals and updates itself."),
    "completion": ("muster.cli.completion", "Print the shell's completion script."),
}


class Tree(click.Group):
    """Loads the module of a command only when that command is used: help stays fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        entry = COMMANDS.get(name)
        if entry is None:
            return None
        command = getattr(importlib.import_module(entry[0]), name.replace("-", "_"))
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in self.list_commands(ctx)])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = _near(args[0], self.list_commands(ctx))
            hint = f" Did you mean '{near}'?" if near else " `muster --help` lists them."
            raise click.UsageError(error.message + hint, ctx) from None


def _near(word: str, known: list[str]) -> str | None:
    from difflib import get_close_matches

    return next(iter(get_close_matches(word, known, 1)), None)


@click.command(cls=Tree, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", prog_name="muster")
@click.option("--url", envvar="MUSTER_URL", help="The server, http://host:port.")
@click.option("--token", envvar="MUSTER_TOKEN", help="A token, instead of user and password.")
@click.option("--user", envvar="MUSTER_USER", help="User name, for identity basic.")
@click.option("--password", envvar="MUSTER_PASSWORD", help="Better given by the environment.")
@click.option("--project", envvar="MUSTER_PROJECT", help="Which of your projects.")
@click.option("--ca", envvar="MUSTER_CA", help="PEM file to verify the server's certificate with.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@click.pass_context
def tree(ctx: click.Context, /, **said: Any) -> None:
    """Muster: clusters that size, heal and update themselves.

    Begin with `muster serve` in one terminal and `muster demo` in another.
    """
    ctx.obj = Asking.said(**said)
