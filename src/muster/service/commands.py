"""Commands in instances: run one, or sit before one, and keep a record that it was run."""

from dataclasses import dataclass, replace
from datetime import datetime

from muster.base.errors import Unsupported
from muster.base.ids import new_id
from muster.model.cloud import Ability
from muster.model.command import Command, Ended, Screen
from muster.model.event import About, Event
from muster.model.who import Who
from muster.ports.commands import Commands, Terminal
from muster.service.desk import Desk
from muster.service.instances import Instance, find, server_of
from muster.service.intent import Intent, plain


async def execution(desk: Desk, who: Who, said: str, command: Command) -> Intent[Ended]:
    """Return the intent to run a command in an instance as its administrator.

    The event of it names the program and not its words, which may hold secrets.
    """
    found = await desk.store.read(lambda tx: find(tx, who, said))
    commands = _commands(desk, found)
    ref, program = server_of(found), command.words[0]

    async def run() -> Ended:
        ended = await commands.run_command(ref, command)
        outcome = f"ended with {ended.code}" if ended.in_time else "took too long and was killed"
        reason = f"{who.user} ran {program} in {found.node.name}; it {outcome}"
        data = {"program": program, "exit_code": ended.code}
        event = replace(_event(who, found, desk.clock.now()), reason=reason, data=data)
        await desk.store.write(lambda tx: tx.events.append(event))
        return ended

    return plain(run, f"run {program} in {found.node.name}", reversible=False)


@dataclass(frozen=True, slots=True)
class Sitting:
    """Somebody before a program, until he rises from it."""

    desk: Desk
    terminal: Terminal
    told: Event  # how it began

    async def rise(self) -> int:
        """Return how the program ended, which it does now at the latest, and write it down."""
        code = await self.terminal.hang_up()
        ended = replace(
            self.told,
            id=new_id(),
            at=self.desk.clock.now(),
            status="end",
            reason=f"{self.told.reason}; it ended with {code}",
            data={**self.told.data, "exit_code": code},
        )
        await self.desk.store.write(lambda tx: tx.events.append(ended))
        return code


async def sit_down(desk: Desk, who: Who, said: str, command: Command, screen: Screen) -> Sitting:
    """Return a terminal in an instance with a program at it, begun as its administrator.

    That somebody sits there is written down as it begins: it may go on for days.
    """
    found = await desk.store.read(lambda tx: find(tx, who, said))
    commands = _commands(desk, found)
    program = command.words[0]
    terminal = await commands.open_terminal(server_of(found), command, screen)
    told = replace(
        _event(who, found, desk.clock.now()),
        status="start",
        reason=f"{who.user} ran {program} at a terminal in {found.node.name}",
        data={"program": program, "terminal": True},
    )
    await desk.store.write(lambda tx: tx.events.append(told))
    return Sitting(desk, terminal, told)


def _commands(desk: Desk, found: Instance) -> Commands:
    cloud = desk.cloud(found.cluster.cloud)
    if cloud.commands is None:
        why = cloud.about.refusal(Ability.EXEC) or "it has no way to"
        raise Unsupported(f"cloud {cloud.about.name} cannot run commands in instances: {why}")
    return cloud.commands


def _event(who: Who, found: Instance, now: datetime) -> Event:
    node = found.node
    return Event(
        id=new_id(),
        at=now,
        kind="node.command",
        otype=About.NODE,
        oid=node.id,
        oname=node.name,
        cluster_id=node.cluster_id,
        project=node.project,
        user=who.user,
        status="end",
    )
