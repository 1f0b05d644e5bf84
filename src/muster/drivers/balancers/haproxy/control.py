"""Asking a running HAProxy: its runtime API, over sockets in the pool's folder."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

from muster.base.errors import Permanent, Transient
from muster.drivers.balancers.child import short

_DEADLINE_S = 3.0
_EXCHANGE_S = 0.2
_AGAIN_S = 0.01
_AT_ONCE = 12_000  # characters; HAProxy takes 16 kB in one go


# Note [A socket that is exchanged]
# At a reload HAProxy puts another socket in the place of the one before, and for a moment
# nobody listens there: who is refused then asks again.
async def asked(socket_path: Path, command: str) -> str:
    """Return what HAProxy answers. Raises `Transient` if it does not."""
    try:
        async with asyncio.timeout(_DEADLINE_S):
            reader, writer = await _connected(socket_path)
            try:
                writer.write(f"{command}\n".encode())
                writer.write_eof()
                return (await reader.read()).decode(errors="replace")
            finally:
                writer.close()
    except TimeoutError:
        raise Transient(f"HAProxy does not answer within {_DEADLINE_S:g} s") from None
    except OSError as error:
        raise Transient(f"HAProxy does not answer: {error}") from None


async def _connected(socket_path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """See Note [A socket that is exchanged]."""
    end = asyncio.get_running_loop().time() + _EXCHANGE_S
    while True:
        try:
            with short(socket_path) as name:
                return await asyncio.open_unix_connection(name)
        except (ConnectionRefusedError, FileNotFoundError):
            if asyncio.get_running_loop().time() > end:
                raise
            await asyncio.sleep(_AGAIN_S)


async def asked_again(socket_path: Path, command: str) -> str:
    """Return the answer to a question, asked again while HAProxy hangs up: it is reloading."""
    end = asyncio.get_running_loop().time() + _DEADLINE_S
    while True:
        try:
            return await asked(socket_path, command)
        except Transient:
            if asyncio.get_running_loop().time() > end:
                raise
            await asyncio.sleep(_AGAIN_S)


async def told(socket_path: Path, commands: Sequence[str]) -> None:
    """Have HAProxy do all of this. Raises `Permanent` with its words if it refuses something."""
    for several in bundles(commands):
        heed(await asked(socket_path, several), several)


def heed(answer: str, commands: str) -> None:
    """Raise `Permanent` with HAProxy's words if it refuses something in this answer."""
    answers = [line.strip() for line in answer.splitlines()]
    refused = [line for line in answers if line and not line.startswith(_ACCEPTED)]
    if refused:
        raise Permanent(f"HAProxy refuses: {' '.join(refused)}", commands=commands)


_ACCEPTED = ("New server registered", "Server deleted", "Transaction ", "Success!", "Committing ")


def bundles(commands: Sequence[str]) -> Iterator[str]:
    """Yield the commands as lines that HAProxy takes in one go each."""
    bundle = ""
    for command in commands:
        if bundle and len(bundle) + len(command) > _AT_ONCE:
            yield bundle
            bundle = ""
        bundle = f"{bundle}; {command}" if bundle else command
    if bundle:
        yield bundle


async def information(socket_path: Path) -> dict[str, str]:
    """Return what HAProxy says about itself: `Pid`, `description`, `Maxconn` ..."""
    said = await asked(socket_path, "show info")
    return dict(line.split(": ", 1) for line in said.splitlines() if ": " in line)


async def workers(master: Path) -> tuple[list[int], list[int]]:
    """Return the processes of the present worker, and of those on their way out."""
    return processes(await asked_again(master, "show proc"))


def processes(said: str) -> tuple[list[int], list[int]]:
    """Return present workers and those on their way out, by a master's `show proc`."""
    now: list[int] = []
    before: list[int] = []
    place: list[int] = []
    for line in said.splitlines():
        words = line.split()
        if line.startswith("#"):
            place = before if "old" in line else now
        elif len(words) > 1 and words[1] == "worker":
            place.append(int(words[0]))
    return now, before
