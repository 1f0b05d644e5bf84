"""A program of this machine at a terminal of its own, and somebody before it."""

import asyncio
import os
import signal
import termios
from asyncio.subprocess import Process
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from muster.model.command import Screen

CHUNK = 1 << 16
GRACE_S = 2.0  # from hanging up until what still goes on is killed
SIGNALLED = 128


# Note [A terminal of its own]
# The terminal on which job control and ctrl-C work is the one that the leader of a session is
# the first to open. So the program leads a session, and a shell opens the terminal by name
# before it becomes the program. That it is not the instance's own program, which leads a session
# as well, is said in its surroundings.
SHELL = 'exec "$@" <>"$0" >&0 2>&0'


async def opened(
    words: Sequence[str], folder: Path, environment: Mapping[str, str], screen: Screen
) -> "LocalTerminal":
    """Return the terminal, once its program begins. See Note [A terminal of its own]."""
    ours, theirs = os.openpty()
    with ExitStack() as left:
        left.callback(os.close, ours)
        with ExitStack() as given:
            given.callback(os.close, theirs)
            _size(ours, screen)
            process = await asyncio.create_subprocess_exec(
                *("/bin/sh", "-c", SHELL, os.ttyname(theirs), *words),
                cwd=folder,
                env=dict(environment),
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
                start_new_session=True,
            )
        left.pop_all()
    return await _connected(process, ours)


async def _connected(process: Process, ours: int) -> "LocalTerminal":
    loop = asyncio.get_running_loop()
    shows = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(shows)
    reading, _ = await loop.connect_read_pipe(lambda: protocol, os.fdopen(os.dup(ours), "rb", 0))
    writing, flow = await loop.connect_write_pipe(
        lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()), os.fdopen(ours, "wb", 0)
    )
    keys = asyncio.StreamWriter(writing, flow, None, loop)
    return LocalTerminal(process, shows, keys, reading)


class LocalTerminal:
    def __init__(
        self,
        process: Process,
        shows: asyncio.StreamReader,
        keys: asyncio.StreamWriter,
        reading: asyncio.ReadTransport,
    ) -> None:
        self._process = process
        self._shows = shows
        self._keys = keys
        self._reading = reading

    async def printed(self) -> bytes:
        try:
            return await self._shows.read(CHUNK)
        except OSError:  # so it ends when nobody has it open any more
            return b""

    async def type(self, keys: bytes) -> None:
        with suppress(OSError):
            self._keys.write(keys)
            await self._keys.drain()

    async def resize(self, screen: Screen) -> None:
        with suppress(OSError):
            _size(self._handle, screen)

    async def signal(self, number: int) -> None:
        with suppress(OSError):
            # 0 would be ourselves: nothing is in front before the shell has opened it.
            os.killpg(os.tcgetpgrp(self._handle) or self._process.pid, number)

    async def hang_up(self) -> int:
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE_S if self._shows.at_eof() else 0):
                await self._process.wait()
        self._reading.close()
        self._keys.close()
        try:
            async with asyncio.timeout(GRACE_S):
                code = await self._process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            code = await self._process.wait()
        return code if code >= 0 else SIGNALLED - code

    @property
    def _handle(self) -> int:
        file = self._keys.get_extra_info("pipe")
        return int(file.fileno())


def _size(handle: int, screen: Screen) -> None:
    termios.tcsetwinsize(handle, (screen.rows, screen.columns))
