"""`muster agent`: what a control plane asks of this machine, done."""

import click

from muster.agent.options import OPTIONS
from muster.agent.program import serve


@click.command()
def agent(**said: str) -> None:
    """Serve /os/1.0 on this machine: as root, to the clients it trusts.

    The same without anything but Python: `python -m muster.agent`.
    """
    serve(said)


for _option in OPTIONS:
    agent.params.append(
        click.Option(
            [f"--{_option.name}"], default=_option.default, show_default=True, help=_option.about
        )
    )
