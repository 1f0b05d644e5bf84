"""What this machine's processes are and use, read from /proc."""

import os
import select
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

MARK = "MUSTER_INSTANCE"  # in the environment of every process of an instance
BESIDE = "MUSTER_BESIDE"  # and of those of them that are beside its program, as commands are
PROC = Path("/proc")
DEATH_S = 2.0  # a killed process is gone by then, or hangs in the kernel
KERNEL = 0x00200000  # PF_KTHREAD among the flags of a process
LOOKS = 4  # at surroundings that seem empty
LOOK_S = 0.002
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Stat:
    """One line of /proc/<pid>/stat, as far as it matters here."""

    pid: int
    state: str
    session: int
    cpu_s: float  # its own, and that of children it has waited for
    started: int
    memory_bytes: int
    status: int  # as by waitpid, once it has ended
    kernel: bool  # a thread of the kernel, not a program

    @property
    def alive(self) -> bool:
        return self.state not in "ZX"


def stat(pid: int) -> Stat | None:
    """Return how the process is, None if there is none. One that has ended may still show."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            line = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return None
    rest = line[line.rindex(b")") + 2 :].split()
    return Stat(
        pid=pid,
        state=rest[0].decode(),
        session=int(rest[3]),
        cpu_s=sum(map(int, rest[11:15])) / TICKS,
        started=int(rest[19]),
        memory_bytes=int(rest[21]) * PAGE,
        status=int(rest[49]),
        kernel=bool(int(rest[6]) & KERNEL),
    )


def everything() -> list[Stat]:
    """Return every process that this machine shows us, those that have ended but linger too."""
    found = (stat(int(entry)) for entry in os.listdir(PROC) if entry.isdigit())
    return [each for each in found if each]


# Note [Between two programs]
# While the shell that sets the limits becomes the instance's program, the process has for
# a moment neither surroundings nor memory to show. Whoever looked just then would take it
# for nobody's and start a second one. So surroundings that are empty are looked at again.
def mark(pid: int) -> str:
    """Return the id of the instance that the process is part of, "" if of none.

    See Note [Between two programs].
    """
    return _surroundings(pid).get(MARK.encode(), b"").decode(errors="replace")


def leads(process: Stat) -> bool:
    """Return whether a marked process can be its instance's first one, and is not beside it."""
    return process.session == process.pid and BESIDE.encode() not in _surroundings(process.pid)


def _surroundings(pid: int) -> dict[bytes, bytes]:
    environ = b""
    for look in range(LOOKS):
        if look:
            time.sleep(LOOK_S)
        try:
            with open(f"/proc/{pid}/environ", "rb", buffering=0) as file:
                environ = file.read()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            return {}
        if environ:
            break
    entries = (entry.partition(b"=") for entry in environ.split(b"\0"))
    return {name: value for name, _, value in entries}


def members(instance: str, session: int | None) -> list[Stat]:
    """Return the living processes that carry the instance's mark or are in its session."""
    return [
        each
        for each in everything()
        if each.alive and (each.session == session or _marked(each, instance))
    ]


def _marked(process: Stat, instance: str) -> bool:
    return not process.kernel and mark(process.pid) == instance


@cache
def boot() -> str:
    """Return a name for this run of the machine, or of the container if this is one."""
    kernel = (PROC / "sys/kernel/random/boot_id").read_text().strip()
    first = stat(1)
    return f"{kernel}/{first.started if first else 0}"


def send(processes: Sequence[Stat], number: int) -> None:
    """Send a signal to just these, not to whoever has their numbers by now."""
    for each in processes:
        with suppress(ProcessLookupError):
            handle = os.pidfd_open(each.pid)
            try:
                now = stat(each.pid)
                if now and now.started == each.started:
                    signal.pidfd_send_signal(handle, number)
            finally:
                os.close(handle)


def kill(some: Sequence[Stat]) -> None:
    """Kill these processes, and wait until they are dead."""
    send(some, signal.SIGKILL)
    for each in some:
        await_end(each, DEATH_S)


def await_end(process: Stat, seconds: float) -> bool:
    """Return whether the process has ended, waiting so long for it."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return True
    try:
        now = stat(process.pid)
        if not now or now.started != process.started or not now.alive:
            return True
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        return bool(poll.poll(seconds * 1000))
    finally:
        os.close(handle)
