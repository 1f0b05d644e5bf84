"""One member as a small machine: its power, and the daemon on it."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from testbed.incus import rest
from testbed.incus.place import CGROUPS, INCUSD, Place, inside

SCRIPT = Path(__file__).with_name("member.sh")
_V1 = ("cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "systemd")
# Members are machines of their own: what else runs here is not to starve them.
_WEIGHT = {"cpu.shares": 8 * 1024, "cpu.weight": 8 * 100}
SPACES = ("--mount", "--pid", "--uts", "--ipc", "--cgroup")


def controllers() -> tuple[str, ...]:
    """Return the controllers of cgroup version 1, () where there is version 2 only."""
    return () if (CGROUPS / "cgroup.controllers").exists() else _V1


def _trees() -> Iterator[Path]:
    if not controllers():
        yield CGROUPS
        return
    for each in (*controllers(), "unified"):
        yield CGROUPS / each


def boot(place: Place, member: str) -> None:
    """Give the member power: incusd runs when this returns."""
    power(place, member)
    rest.await_answer(place.socket(member))


def power(place: Place, member: str) -> None:
    """Give the member power; its incusd may never come up, say without the others."""
    folder = place.folder(member)
    groups = [tree / place.name / member for tree in _trees()]
    for group in groups:
        group.mkdir(parents=True, exist_ok=True)
    _fill_cpusets(place, member)
    _weigh(place)

    def join() -> None:  # before the cgroup namespace is made
        for group in groups:
            (group / "cgroup.procs").write_text("0")

    environ = {
        "TB_NAME": member,
        "TB_DIR": str(folder),
        "TB_INCUSD": str(INCUSD),
        "TB_V1": " ".join(controllers()),
        "PATH": os.environ.get("PATH", os.defpath),
    }
    own = ("unshare", *SPACES, *_clock(folder), "--fork", "--kill-child=SIGKILL")
    command = inside(place.namespace(member), *own)
    with (folder / "init.log").open("a") as log:
        process = subprocess.Popen(
            [str(each) for each in (*command, "bash", SCRIPT, folder)],
            preexec_fn=join,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environ,
        )
    (folder / "unshare.pid").write_text(str(process.pid))


def _clock(folder: Path) -> tuple[str, ...]:
    """Return how a machine of metal counts for how long it runs; others have no clock of theirs."""
    if not (folder / "metal.sh").exists():
        return ()
    up = Path("/proc/uptime").read_text().partition(".")[0]
    return ("--time", f"--boottime=-{up}")


def _weigh(place: Place) -> None:
    """Give the testbed its share of the processors, where others are at work."""
    for tree in _trees():
        for name, weight in _WEIGHT.items():
            if (file := tree / place.name / name).exists():
                file.write_text(str(weight))


def _fill_cpusets(place: Place, member: str) -> None:
    tree = CGROUPS / "cpuset"
    if not controllers():
        return
    for group in (tree / place.name, tree / place.name / member):
        for name in ("cpuset.cpus", "cpuset.mems"):
            (group / name).write_text((tree / name).read_text())
        (group / "cgroup.clone_children").write_text("1")


def _children(pid: int) -> list[int]:
    try:
        return [int(each) for each in _proc(pid, f"task/{pid}/children").split()]
    except OSError:
        return []


def _proc(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text()


def first_process(place: Place, member: str) -> int | None:
    """Return the member's PID 1 as we see it, None if it has no power."""
    try:
        parent = int((place.folder(member) / "unshare.pid").read_text())
        ours = f"{SCRIPT}\0{place.folder(member)}\0" in _proc(parent, "cmdline")
    except (OSError, ValueError):
        return None
    return next(iter(_children(parent)), None) if ours else None


def daemon(place: Place, member: str) -> int | None:
    """Return incusd's pid. By command line: "[lxc monitor]" has the same program."""
    for pid in _children(first_process(place, member) or 0):
        try:
            if _proc(pid, "cmdline").startswith(f"{INCUSD}\0--group"):
                return pid
        except OSError:
            continue
    return None


def crash(place: Place, member: str) -> None:
    """Take the power away: everything on the member ends at once."""
    pid = first_process(place, member)
    if pid is not None:
        _kill(pid)  # it may be about to end by itself, as one that reboots
        await_end(pid)


def start(place: Place, member: str) -> None:
    pid = first_process(place, member)
    if pid is None:
        raise RuntimeError(f"{member} has no power")
    os.kill(pid, signal.SIGUSR1)
    rest.await_answer(place.socket(member))


def end_daemon(place: Place, member: str, number: signal.Signals) -> None:
    """Stop incusd (SIGTERM) or kill it (SIGKILL); containers go on either way."""
    pid = daemon(place, member)
    if pid is not None:
        os.kill(pid, number)
        await_end(pid)


def await_end(pid: int, patience_s: float = 30) -> None:
    """Return when a process has ended, or the patience."""
    deadline = time.monotonic() + patience_s
    while _runs(pid) and time.monotonic() < deadline:
        time.sleep(0.02)


def _runs(pid: int) -> bool:
    try:
        return _proc(pid, "stat").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def clear_cgroups(place: Place) -> None:
    """Kill what is left in our own cgroups, and remove them."""
    for tree in _trees():
        top = tree / place.name
        groups = [Path(folder) for folder, _, _ in os.walk(top, topdown=False)]
        for group in groups:
            _clear(group)


def _clear(group: Path) -> None:
    for _ in range(100):
        try:
            group.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            for pid in _members(group):
                _kill(pid)
            time.sleep(0.02)
        else:
            return


def _members(group: Path) -> list[int]:
    try:
        return [int(each) for each in (group / "cgroup.procs").read_text().split()]
    except OSError:
        return []


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
