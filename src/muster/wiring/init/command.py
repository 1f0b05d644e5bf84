"""`muster init`: the command."""

import asyncio
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from muster.base.clock import SystemClock
from muster.base.errors import Conflict, Invalid
from muster.cli.asking import Asking, asking
from muster.client.http import Access, ApiError, Unreachable
from muster.decide.founding import IMAGE
from muster.drivers.incus.founding import Founding
from muster.drivers.incus.options import SOCKET
from muster.drivers.machine import Machine
from muster.drivers.packages import Packages
from muster.model.founding import Role
from muster.settings import load
from muster.wiring.init import asked
from muster.wiring.init.asked import Answers, Said
from muster.wiring.init.journal import Journal, alone
from muster.wiring.init.run import Made, found
from muster.wiring.init.site import Site
from muster.wiring.serve import told

FIRST = f"muster launch {IMAGE} --name first"
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--auto", is_flag=True, help="Ask nothing; what is not said is discovered.")
@click.option("--control", "control", is_flag=True, help="Make this the control machine.")
@click.option(
    "--compute", is_flag=True, help="Make this a member of the control machine's cluster."
)
@click.option("-j", "--join", help="A string of muster add-compute, for --compute.")
@click.option("--password-file", type=str, help="Its first line is the cluster password; -: stdin.")
@click.option("--control-address", help="Of the control machine, where there is no --join.")
@click.option("--address", help="Of this machine. Default: that of the default route.")
@click.option("--name", help="Of this machine in the cluster. Default: its host name.")
@click.option("--uplink", help="An interface without address: instances get addresses behind it.")
@click.option("--preseed", type=FILE, help="YAML with answers: role, join, address, name ...")
@asking
def init(caller: Asking, /, **said: Any) -> None:
    """Make this machine a control machine, or a member of a cluster, or a server by itself.

    Without options it asks. Run again, it goes on where it was left, and changes nothing
    that is as it should be.
    """
    with told():
        settings = load()
        machine, packages = Machine(), Packages(tell=_say)
        journal = Journal.opened(settings.home)
        answers = _answers(said, machine, packages, journal)
        site = Site(
            settings=settings,
            machine=machine,
            packages=packages,
            incus=Founding(_socket()),
            journal=journal,
            clock=SystemClock(),
            tell=_say,
            secret=answers.secret,
            step=answers.step,
            access=Access(
                url=f"http://{settings.listen}",
                token=caller.token,
                user=caller.user,
                password=caller.password,
            ),
        )
        with alone(settings.home):
            made = _run(site, answers)
    _tell(made, caller.as_json)


def _run(site: Site, answers: Answers) -> Made:
    try:
        return asyncio.run(_found(site, answers))
    except (ApiError, Unreachable) as error:
        raise Conflict(f"Muster on this machine: {error}") from None


async def _found(site: Site, answers: Answers) -> Made:
    try:
        return await found(site, answers.wish)
    finally:
        if site.visit:
            site.visit.__exit__(None, None, None)
        await site.incus.close()


def _answers(
    options: dict[str, Any], machine: Machine, packages: Packages, journal: Journal
) -> Answers:
    """Return what was said, or answered; a terminal is asked only if nothing says not to."""
    said, addresses = _said(options, journal.named), machine.addresses()
    if options["auto"] or options["preseed"] or said.role or asked.asks_nobody():
        return asked.without_asking(said, addresses)
    answers = asked.by_asking(said, journal.wish, addresses)
    if not packages.has_incus() and not asked.may_install():
        raise Conflict("without Incus there are no instances: install it, and run this again")
    return answers


def _said(options: dict[str, Any], before: str) -> Said:
    if options["control"] and options["compute"]:
        raise Invalid("--control or --compute: a machine is one of the two", field="role")
    known = asked.preseed(options["preseed"]) if options["preseed"] else {}
    if options["control"] or options["compute"]:
        known["role"] = Role.CONTROL if options["control"] else Role.COMPUTE
    if options["password_file"]:
        known["password"] = asked.password_of(options["password_file"])
    for name in ("join", "control_address", "address", "name", "uplink"):
        if options[name]:
            known[name] = options[name]
    return Said(**{"name": before, **known})


def _tell(made: Made, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(asdict(made), indent=2))
        return
    changed = f"in {made.seconds:.1f} s" if made.steps else "already, nothing was changed"
    match made.role:
        case Role.COMPUTE:
            click.echo(f"{made.name} is a member of the cluster, {changed}.")
        case Role.ALONE:
            click.echo(f"{made.name} is ready, {changed}. Next: {FIRST}")
        case Role.CONTROL:
            click.echo(f"{made.name} is the control machine, at {made.address}, {changed}.")
            click.echo(f"Machines join at {made.door}, whose certificate is {made.fingerprint}.")
            click.echo("On a machine that is to join, within 20 minutes:\n")
            click.echo(f"  muster init --compute --join {made.string}\n")
            click.echo(f"For the next one: muster add-compute. And here: {FIRST}")


def _say(text: str) -> None:
    click.echo(text, err=True)


def _socket() -> Path:
    folder = os.environ.get("INCUS_DIR")
    return Path(folder) / "unix.socket" if folder else Path(SOCKET)
