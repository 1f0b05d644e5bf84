"""A balancer as a process that outlives us: started in a session of its own, found again."""

import contextlib
import os
import signal
import socket
import struct
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from muster.base.errors import Permanent
from muster.drivers.balancers.files import locked

LISTENER = "MUSTER_LISTENER"  # names the inherited socket, in the child's environment
_MARK = "MUSTER_POOL"  # in the child's environment: the folder it works for
_DEADLINE_S = 3.0
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid


@dataclass(slots=True)
class Children:
    """The balancers that this process has started; they must be waited for when they end."""

    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def reap(self) -> None:
        self.started = [child for child in self.started if child.poll() is None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be started, and in which folder. Its words go to `output` there."""

    name: str
    command: Sequence[str]
    folder: Path
    alive: Path
    output: Path
    surroundings: Mapping[str, str] = field(default_factory=dict)


# Note [Never two]
# A balancer inherits an open file that is locked. The lock ends when the last process that
# has the file open ends, however it ends, so the kernel answers whether the balancer of a
# run lives, also for a Muster that did not start it and for one that was killed between
# starting it and writing anything down.
def alive(path: Path) -> bool:
    """Return True while the balancer that was given this file lives. See Note [Never two]."""
    try:
        with path.open("rb") as file:
            return not locked(file.fileno())
    except FileNotFoundError:
        return False


def spawned(order: Order, sock: socket.socket) -> "subprocess.Popen[bytes]":
    """Start it on this socket; what it inherits beyond that is the locked file."""
    env = {
        "PATH": os.environ.get("PATH", os.defpath),
        LISTENER: str(sock.fileno()),
        _MARK: str(order.folder),
        **order.surroundings,
    }
    with order.alive.open("wb") as lock, order.output.open("ab") as output:
        if not locked(lock.fileno()):
            raise Permanent(f"this run of {order.name} is alive already")
        try:
            child = subprocess.Popen(
                order.command,
                cwd=order.folder,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=[sock.fileno(), lock.fileno()],
                start_new_session=True,
            )
        except OSError as error:
            raise Permanent(f"{order.name} could not be started: {error}") from None
        lock.write(str(child.pid).encode())
    return child


def pid_of(folder: Path, alive: Path, socket_path: Path) -> int | None:
    """Return the process, as written down or as it answers; None if neither."""
    try:
        written = int(alive.read_text() or 0)
    except FileNotFoundError:
        written = 0
    if written and _environment(written).get(_MARK) == str(folder):
        return written
    return _peer(socket_path)


def listener_of(pid: int) -> int | None:
    """Return the number under which this balancer has the front's socket."""
    said = _environment(pid).get(LISTENER)
    return int(said) if said else None


def signalled(pid: int | None, number: signal.Signals) -> None:
    """Send the signal, if there still is anybody to get it."""
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _environment(pid: int) -> Mapping[str, str]:
    try:
        said = Path(f"/proc/{pid}/environ").read_text(errors="replace")
    except OSError:
        return {}
    return dict(each.split("=", 1) for each in said.split("\0") if "=" in each)


def _peer(socket_path: Path) -> int | None:
    """Return the process at the other end, or None if nobody is there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(_DEADLINE_S)
        try:
            with short(socket_path) as name:
                sock.connect(name)
        except OSError:
            return None
        said = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid: int = _CREDENTIALS.unpack(said)[0]
    return pid


@contextmanager
def short(socket_path: Path) -> Iterator[str]:
    """Name the socket so that a deep home does not exceed the 107 bytes a name may have."""
    folder = os.open(socket_path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{socket_path.name}"
    finally:
        os.close(folder)
