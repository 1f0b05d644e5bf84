"""One HAProxy as a process: found, started, reloaded, asked to stop."""

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from muster.base.errors import Permanent, Transient
from muster.drivers.balancers import child
from muster.drivers.balancers.files import within, write
from muster.drivers.balancers.haproxy import control
from muster.drivers.balancers.haproxy.config import (
    CERTIFICATE,
    STATE,
    haproxy_config,
    of_run,
    pem,
    shape,
    state_file,
)
from muster.drivers.balancers.haproxy.folder import Folder, Run
from muster.drivers.balancers.haproxy.kept import Kept
from muster.model.pool import Front

_START_S = 15.0
_OLDEST = (2, 6)
_PLACES = ("/usr/sbin", "/usr/local/sbin", "/sbin")
_OUTPUT = "haproxy.out"
_MOST_SAID = 256 << 10


def alive(folder: Folder, run: Run) -> bool:
    """Return True while this run's HAProxy lives. See Note [Never two]."""
    return child.alive(folder.path / run.alive)


def lives(folder: Folder) -> list[Run]:
    """Return every run of this pool whose HAProxy lives, oldest first."""
    return [run for run in folder.runs() if alive(folder, run)]


def in_force(folder: Folder, port: int) -> Run | None:
    """Return the run that serves the pool. See Note [Which run is in force]."""
    there = [run for run in lives(folder) if run.port == port]
    return there[-1] if there else None


async def start(folder: Folder, kept: Kept, sock: socket.socket, children: child.Children) -> Run:
    """Start an HAProxy for this pool on this socket, and return when it answers.

    Raises `Permanent` with HAProxy's own words if it does not start.
    """
    program, run = await binary(), folder.next_run(kept.port)
    write_down(folder, run, kept, folder.text(STATE))
    started = _spawned(program, folder, run, sock)
    children.started.append(started)
    end = asyncio.get_running_loop().time() + _START_S
    while started.poll() is None and asyncio.get_running_loop().time() < end:
        if await _serves(folder, run, kept.front):
            return run
        await asyncio.sleep(0.01)
    started.kill()
    started.wait()
    raise Permanent(f"HAProxy could not be started: {_last_words(folder)}")


def write_down(folder: Folder, run: Run, kept: Kept, known: str) -> None:
    """Have the run's file say what is in force, for its next start or reload."""
    write_certificate(folder, kept.front)
    write(folder.path / STATE, state_file(known, kept).encode())
    write(folder.path / run.config, haproxy_config(kept, of_run(run)).encode())


def write_certificate(folder: Folder, front: Front) -> None:
    if front.certificate:
        write(folder.path / CERTIFICATE, pem(front).encode())


def _spawned(
    program: str, folder: Folder, run: Run, sock: socket.socket
) -> "subprocess.Popen[bytes]":
    (folder.path / _OUTPUT).unlink(missing_ok=True)
    order = child.Order(
        name="HAProxy",
        command=[program, "-W", "-S", _master(run), "-p", run.pid, "-f", run.config],
        folder=folder.path,
        alive=folder.path / run.alive,
        output=folder.path / _OUTPUT,
    )
    return child.spawned(order, sock)


def _master(run: Run) -> str:
    return f"unix@{run.master},mode,600"


async def _serves(folder: Folder, run: Run, front: Front, but: int = 0) -> bool:
    """Return whether a worker with this front answers, and not the one that is process `but`."""
    try:
        said = await control.information(folder.path / run.stats)
    except Transient:
        return False
    return said.get("description") == shape(front) and said.get("Pid") != str(but)


def _last_words(folder: Folder) -> str:
    lines = [line for line in folder.text(_OUTPUT).splitlines() if "[ALERT]" in line]
    return f"{_plain(lines)}; its words are in {folder.path / _OUTPUT}"


def _plain(lines: Sequence[str]) -> str:
    said = [re.sub(r"^\[ALERT\]\s+\(\d+\) : ", "", line) for line in lines]
    return said[0] if said else "it said nothing"


def shorten(folder: Folder) -> None:
    """Let go of what HAProxy has said once that is much: it tells of every server that turns."""
    path = folder.path / _OUTPUT
    if path.exists() and path.stat().st_size > _MOST_SAID:
        os.truncate(path, 0)


async def reload(folder: Folder, run: Run, kept: Kept) -> None:
    """Have HAProxy take a front that it can only take by reading its file again.

    Raises `Permanent` with its own words, and nothing has changed, if it would not.
    """
    program, config = await binary(), folder.path / run.config
    fresh = config.with_suffix(".new")
    write(fresh, haproxy_config(kept, of_run(run)).encode())
    write_certificate(folder, kept.front)
    await _refuse_unreadable(program, fresh)
    before = int((await control.information(folder.path / run.stats))["Pid"])
    said = await control.asked(folder.path / run.stats, "show servers state members")
    write_down(folder, run, kept, said)
    fresh.unlink()
    child.signalled(pid_of(folder, run), signal.SIGUSR2)
    end = asyncio.get_running_loop().time() + _START_S
    while not await _serves(folder, run, kept.front, but=before):
        if asyncio.get_running_loop().time() > end:
            raise Transient(f"HAProxy did not reload: {_last_words(folder)}")
        await asyncio.sleep(0.01)


async def _refuse_unreadable(program: str, config: Path) -> None:
    """Raise `Permanent` if HAProxy cannot read the file. A socket of no use stands in."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        checking = await asyncio.create_subprocess_exec(
            program,
            *("-c", "-f", config.name),
            cwd=config.parent,
            env={"PATH": os.defpath, child.LISTENER: str(sock.fileno())},
            pass_fds=[sock.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        _, said = await checking.communicate()
    if checking.returncode:
        lines = [each for each in said.decode(errors="replace").splitlines() if "ALERT" in each]
        raise Permanent(f"HAProxy refuses the front: {_plain(lines)}")


def pid_of(folder: Folder, run: Run) -> int | None:
    """Return the master of this run."""
    return child.pid_of(folder.path, folder.path / run.alive, folder.path / run.master)


def stop(folder: Folder, runs: Sequence[Run], number: signal.Signals) -> None:
    for run in runs:
        child.signalled(pid_of(folder, run), number)


async def stopped(folder: Folder, number: signal.Signals, patience_s: float) -> bool:
    """Have every HAProxy of the pool end; return whether that has happened in time."""
    stop(folder, lives(folder), number)
    return await within(patience_s, lambda: not lives(folder))


@dataclass(frozen=True, slots=True)
class Voice:
    """A worker that can be asked: over which socket, and how it is addressed there."""

    socket_path: Path
    address: str = ""

    async def asked(self, *questions: str) -> str:
        """Return all answers, one after the other. A master passes questions on one by one."""
        if not self.address:
            return await control.asked(self.socket_path, "; ".join(questions))
        answers = [await control.asked(self.socket_path, self.address + q) for q in questions]
        return "\n".join(answers)


async def old_voices(folder: Folder, run: Run) -> list[Voice]:
    """Return the workers that still have sessions: before a reload, or of a run before."""
    found = []
    for each in lives(folder):
        master = folder.path / each.master
        now, before = await control.workers(master)
        pids = before if each == run else [*now, *before]
        found += [Voice(master, f"@!{pid} ") for pid in pids]
    return found


async def binary() -> str:
    """Return the path of an HAProxy that is new enough. Raises `Permanent` naming what is not."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *_PLACES])
    program = shutil.which("haproxy", path=path)
    if program is None:
        raise Permanent(
            "HAProxy could not be started: no program haproxy is installed "
            "(Debian and Ubuntu: sudo apt-get install haproxy); or set balancer to caddy"
        )
    version = await asyncio.to_thread(_version, program)
    if version < _OLDEST:
        said = ".".join(map(str, version))
        raise Permanent(f"{program} is version {said}; Muster needs HAProxy 2.6 or later")
    return program


@lru_cache
def _version(program: str) -> tuple[int, int]:
    said = subprocess.run([program, "-v"], capture_output=True, text=True, timeout=5, check=False)
    found = re.search(r"version (\d+)\.(\d+)", said.stdout)
    return (int(found[1]), int(found[2])) if found else (0, 0)
