"""Completion of commands and options in the shell."""

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of SHELL.

    For bash: muster completion bash >> ~/.bashrc
    """
    from click.shell_completion import get_completion_class

    from muster.cli.main import tree

    made = get_completion_class(shell)
    assert made is not None
    click.echo(made(tree, {}, "muster", "_MUSTER_COMPLETE").source())
