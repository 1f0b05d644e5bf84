"""Machines with a whole Debian, whose systemd is PID 1 and which nothing has been installed on."""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import muster
from testbed.debian import release
from testbed.debian.mirror import Mirror, served
from testbed.environments import KEPT
from testbed.incus import fabric, machine
from testbed.incus.bed import down, guarded, held, sweep
from testbed.incus.place import PROGRAMS, Place

BOOTS_S = 240.0
UP = ("running", "degraded")  # of what systemd says of itself


def lacking() -> str:
    """Return what this machine lacks for such machines, "" if nothing."""
    if os.geteuid() != 0:
        return "a machine with a systemd of its own needs root"
    return release.lacking(PROGRAMS)


@contextmanager
def lent_debian(suite: str, count: int) -> Iterator[Place]:
    """Lend `count` machines m1, m2 ... without power; they do not outlive us."""
    sweep()
    system = release.root(suite)
    kind = f"{count}{suite}"
    base = Path(tempfile.gettempdir()) / f"muster-incus-{os.getpid()}-{kind}"
    place = Place(base=base, name=f"mt{os.getpid()}x{kind}")
    with held(base), guarded(place):
        down(place)
        members = [f"m{number}" for number in range(1, count + 1)]
        for member in members:
            _furnish(place.folder(member), system)
        fabric.lay(place, members)
        fabric.lease_addresses(place)
        with served(place, Mirror(release.upstream(), KEPT / "debian-mirror")):
            yield place


def _furnish(folder: Path, system: Path) -> None:
    for name in ("upper/etc", "work", "root"):
        (folder / name).mkdir(parents=True)
    (folder / "lower").symlink_to(system)
    (folder / "source").symlink_to(Path(muster.__file__).parents[1])
    (folder / "upper/etc/hostname").write_text(f"{folder.name}\n")
    (folder / "upper/etc/hosts").write_text(f"127.0.0.1 localhost\n127.0.1.1 {folder.name}\n")


def boot(place: Place, member: str) -> None:
    """Give a machine power: its systemd has started all that it was to when this returns."""
    machine.power(place, member)
    end = time.monotonic() + BOOTS_S
    while (said := on(place, member, "systemctl", "is-system-running").stdout.strip()) not in UP:
        if time.monotonic() > end:
            log = (place.folder(member) / "init.log").read_text()[-2000:]
            raise RuntimeError(f"{member} has not booted, it is {said!r}: {log}")
        time.sleep(0.05)


def inside(place: Place, member: str, *words: str) -> list[str]:
    """Return the line that runs a program on a machine, as whoever sits at it."""
    plain = ("env", "-i", "HOME=/root", "TERM=vt100", "LC_ALL=C.UTF-8", f"PATH={release.PATH}")
    pid = str(machine.first_process(place, member))
    return ["nsenter", "-t", pid, "-a", *plain, *words]


def on(place: Place, member: str, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run a program on a machine, and return how it ended."""
    return subprocess.run(
        inside(place, member, *words),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=release.PATIENCE_S,
        check=False,
    )


def begun(place: Place, member: str, *words: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        inside(place, member, *words),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
