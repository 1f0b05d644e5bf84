"""The commands port over processes of this machine: a program beside that of the instance."""

import asyncio
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from contextlib import suppress

from muster.base.errors import Permanent
from muster.drivers.local import operate, processes
from muster.drivers.local.instance import Instance, condition
from muster.drivers.local.site import Site
from muster.drivers.local.terminal import SIGNALLED, opened
from muster.drivers.printed import Printed
from muster.model.command import Command, Ended, Screen
from muster.model.observed import Seen
from muster.ports.commands import Terminal

NOT_FOUND, NOT_RUN = 127, 126
CHUNK = 1 << 16


# Note [Beside the instance]
# The program gets the instance's folder, environment and mark, so it ends with the instance.
# Whoever looks for the instance's first process looks for a marked one that leads a session, and
# must find neither this nor what it starts: so their surroundings say that they are beside it.
class LocalCommands:
    """See Note [Beside the instance]."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def run_command(self, ref: str, command: Command) -> Ended:
        instance = await self._site.call(self._running, ref)
        try:
            process = await asyncio.create_subprocess_exec(
                *command.words,
                cwd=self._site.folders.work(ref),
                env=_surroundings(instance, command),
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                process_group=0,
            )
        except FileNotFoundError:
            return Ended(code=NOT_FOUND, errors=_told(command.words, "not found"))
        except (OSError, ValueError) as error:
            return Ended(code=NOT_RUN, errors=_told(command.words, str(error)))
        return await _followed(process, command)

    async def open_terminal(self, ref: str, command: Command, screen: Screen) -> Terminal:
        instance = await self._site.call(self._running, ref)
        surroundings = {"TERM": "xterm", **_surroundings(instance, command)}
        try:
            return await opened(command.words, self._site.folders.work(ref), surroundings, screen)
        except (OSError, ValueError) as error:
            raise Permanent(f"{command.words[0]} cannot be run there: {error}") from None

    def _running(self, ref: str) -> Instance:
        instance = operate.must_find(self._site, ref)
        stat = processes.stat(instance.process.pid) if instance.process else None
        seen, reason = condition(instance, stat)
        if seen is not Seen.RUNNING:
            raise Permanent(f"{instance.name} does not run: {reason or 'its process has ended'}")
        return instance


async def _followed(process: Process, command: Command) -> Ended:
    printed, errors = Printed(), Printed()
    talk = asyncio.gather(
        _give(process, command.given),
        _take(process.stdout, printed),
        _take(process.stderr, errors),
    )
    done, _ = await asyncio.wait([talk], timeout=command.patience_s)
    if not done:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await asyncio.wait([talk], timeout=processes.DEATH_S)
        talk.cancel()
    code = await process.wait()
    return Ended(
        code=code if code >= 0 else SIGNALLED - code,
        output=bytes(printed.kept),
        errors=bytes(errors.kept),
        in_time=bool(done),
        whole=printed.whole and errors.whole,
    )


async def _take(stream: asyncio.StreamReader | None, printed: Printed) -> None:
    """Read to the end; what is more than is kept is read all the same."""
    while stream and (more := await stream.read(CHUNK)):
        printed.add(more)


async def _give(process: Process, content: bytes) -> None:
    stream = process.stdin
    if stream is None:
        return
    with suppress(ConnectionError):  # it ended without reading everything
        stream.write(content)
        await stream.drain()
    stream.close()


def _surroundings(instance: Instance, command: Command) -> dict[str, str]:
    marks = {processes.MARK: str(instance.server_id), processes.BESIDE: "1"}
    return {**instance.env, **command.environment, **marks}


def _told(words: Sequence[str], why: str) -> bytes:
    return f"{words[0]}: {why}\n".encode()
