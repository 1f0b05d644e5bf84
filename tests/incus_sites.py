"""Bare machines with an Incus that nobody has touched, and what is typed on them."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pexpect

from house import until
from testbed.incus import machine, rest
from testbed.incus.bed import lent_bare
from testbed.incus.place import Place

MUSTER = (sys.executable, "-m", "muster")
PATIENCE_S = 300


@dataclass(frozen=True, slots=True)
class Site:
    """Machines m1, m2 ... each with a home of its own for Muster."""

    place: Place
    home: Path  # of whoever types

    def surroundings(self, member: str) -> Mapping[str, str]:
        plain = {k: v for k, v in os.environ.items() if not k.startswith("MUSTER_")}
        folder = self.place.folder(member)
        return {
            **plain,
            "HOME": str(self.home),
            "TERM": "vt100",
            "INCUS_DIR": str(folder / "incus"),
            "MUSTER_HOME": str(folder / "muster"),
        }

    def inside(self, member: str, *words: str) -> list[str]:
        return ["nsenter", "-t", str(machine.first_process(self.place, member)), "-a", *words]

    def on(self, member: str, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run a program on a machine, and return how it ended."""
        return subprocess.run(
            self.inside(member, *words),
            env={**self.surroundings(member)},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=PATIENCE_S,
        )

    def muster(self, member: str, *words: str) -> str:
        """Return what `muster` printed on a machine; it must succeed."""
        done = self.on(member, *MUSTER, *words)
        assert done.returncode == 0, (words, done.stdout, done.stderr, self.log(member))
        return done.stdout

    def refused(self, member: str, *words: str) -> str:
        """Return the words with which `muster` was refused on a machine."""
        done = self.on(member, *MUSTER, *words)
        assert done.returncode == 1, (words, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr, done.stderr
        return done.stderr

    def begun(self, member: str, *words: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            self.inside(member, *MUSTER, *words),
            env={**self.surroundings(member)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def cut_short(self, member: str) -> None:
        """Kill the `muster init` that is under way on a machine: the program, not what began it."""
        pid = (self.place.folder(member) / "muster" / "init.lock").read_text()
        self.on(member, "kill", "-9", pid)

    @contextmanager
    def terminal(self, member: str, *words: str) -> Iterator[Any]:
        """Yield a terminal on a machine at which `muster` was typed with these words."""
        line = self.inside(member, *MUSTER, *words)
        child = pexpect.spawn(
            line[0],
            line[1:],
            env={**self.surroundings(member)},
            timeout=PATIENCE_S,
            encoding="utf-8",
            dimensions=(40, 200),
        )
        try:
            yield child
        finally:
            child.close(force=True)

    def control(self, *words: str) -> dict[str, Any]:
        """Make m1 the control machine, and return what it says of itself."""
        said = self.muster(
            "m1", "init", "--auto", "--control", "--uplink", "eth1", "--json", *words
        )
        made: dict[str, Any] = json.loads(said)
        return made

    def well(self, *names: str) -> None:
        """Wait until the cluster's members are these, and well: by heartbeats, seconds apart."""
        wanted = dict.fromkeys(names, "Online")
        until(lambda: self.members() == wanted, 180, lambda: f"all are well: {self.members()}")

    def members(self) -> dict[str, str]:
        listed = rest.call(self.place.socket("m1"), "GET", "/1.0/cluster/members?recursion=1")
        return {each["server_name"]: each["status"] for each in listed}

    def log(self, member: str) -> str:
        file = self.place.folder(member) / "muster" / "muster.log"
        return file.read_text()[-3000:] if file.exists() else ""

    def journal(self, member: str) -> str:
        file = self.place.folder(member) / "muster" / "init.json"
        return file.read_text() if file.exists() else ""

    def without_incus(self, member: str, *words: str) -> list[str]:
        """Return the line that runs `muster` where no Incus is installed, for all it can see."""
        muster = shlex.join((*MUSTER, *words))
        hidden = "mount -t tmpfs none /usr/libexec/incus"
        return self.inside(member, "unshare", "--mount", "sh", "-c", f"{hidden} && exec {muster}")


@contextmanager
def site(count: int, home: Path) -> Iterator[Site]:
    with lent_bare(count) as place:
        yield Site(place, home)
