"""Commands in instances: run one, and keep a record that it was run."""

from datetime import datetime

from muster.base.errors import Unsupported
from muster.base.ids import new_id
from muster.model.cloud import Ability
from muster.model.command import Command, Ended
from muster.model.event import About, Event
from muster.model.who import Who
from muster.service.desk import Desk
from muster.service.instances import Instance, find, server_of
from muster.service.intent import Intent, plain


async def execution(desk: Desk, who: Who, said: str, command: Command) -> Intent[Ended]:
    """Return the intent to run a command in an instance as its administrator.

    The event of it names the program and not its words, which may hold secrets.
    """
    found = await desk.store.read(lambda tx: find(tx, who, said))
    cloud = desk.cloud(found.cluster.cloud)
    commands = cloud.commands
    if commands is None:
        why = cloud.about.refusal(Ability.EXEC) or "it has no way to"
        raise Unsupported(f"cloud {cloud.about.name} cannot run commands in instances: {why}")
    ref = server_of(found)

    async def run() -> Ended:
        ended = await commands.run_command(ref, command)
        event = _event(who, found, command.words[0], ended, desk.clock.now())
        await desk.store.write(lambda tx: tx.events.append(event))
        return ended

    return plain(run, f"run {command.words[0]} in {found.node.name}", reversible=False)


def _event(who: Who, found: Instance, program: str, ended: Ended, now: datetime) -> Event:
    node = found.node
    outcome = f"ended with {ended.code}" if ended.in_time else "took too long and was killed"
    return Event(
        id=new_id(),
        at=now,
        kind="node.command",
        otype=About.NODE,
        oid=node.id,
        oname=node.name,
        cluster_id=found.cluster.id,
        project=node.project,
        user=who.user,
        status="end",
        reason=f"{who.user} ran {program} in {node.name}; it {outcome}",
        data={"program": program, "exit_code": ended.code},
    )
