"""This machine, as far as setting it up goes: its addresses, packages, services, programs."""

import os
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import psutil

from muster.base.errors import Permanent

OWN_SOCKET = Path("/var/lib/incus/unix.socket")
LONG_S = 900.0  # packages come over somebody's network
BRIDGES = ("lo", "incusbr", "docker", "virbr", "lxc", "veth", "ovs", "tap")


class Runner(Protocol):
    """Runs programs of this machine."""

    def run(self, *words: str, surroundings: Mapping[str, str] | None = None) -> str:
        """Return what it printed. Raises `Permanent` with what it complained of."""
        ...


class Programs:
    """Programs as they are installed."""

    def run(self, *words: str, surroundings: Mapping[str, str] | None = None) -> str:
        environ = {**os.environ, "LC_ALL": "C", **(surroundings or {})}
        try:
            ended = subprocess.run(
                words, capture_output=True, text=True, timeout=LONG_S, env=environ
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Permanent(f"{words[0]}: {error}") from None
        if ended.returncode:
            said = (ended.stderr or ended.stdout).strip().splitlines()[-3:]
            raise Permanent(f"{' '.join(words)}: {'; '.join(said) or ended.returncode}")
        return ended.stdout


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """`root` is where its files are: another folder in tests."""

    runner: Runner = field(default_factory=Programs)
    root: Path = Path("/")

    def addresses(self) -> tuple[str, ...]:
        """Return those that others may reach, that of the default route first."""
        found = [
            each.address
            for name, all_of in psutil.net_if_addrs().items()
            for each in all_of
            if not name.startswith(BRIDGES) and each.family in (socket.AF_INET, socket.AF_INET6)
            if not each.address.startswith(("127.", "fe80", "::1", "169.254."))
        ]
        first = _outward()
        return tuple(sorted(dict.fromkeys(found), key=lambda each: (each != first, ":" in each)))

    def has_systemd(self) -> bool:
        return (self.root / "run/systemd/system").is_dir()

    def start_incus(self, socket_file: Path) -> None:
        """Have systemd start the system's own Incus; another one is whoever's it is."""
        if not self.has_systemd() or socket_file != OWN_SOCKET:
            raise Permanent(
                f"incusd does not answer at {socket_file}: start it, and run this again"
            )
        self.runner.run("systemctl", "enable", "--now", "incus.service")

    def enable(self, unit: str, text: str) -> None:
        """Have systemd start a service, now and with the machine."""
        file = self.root / "etc/systemd/system" / unit
        new = file.with_name(f".{unit}.new")
        with new.open("w") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())  # a unit that a power cut left empty is worse than none
        new.replace(file)
        self.runner.run("systemctl", "daemon-reload")
        self.runner.run("systemctl", "enable", unit)
        self.runner.run("systemctl", "restart", unit)

    def starts(self, unit: str) -> bool:
        """Return whether a service runs, and does so when the machine has been started anew."""
        try:
            for asked in ("is-active", "is-enabled"):
                self.runner.run("systemctl", asked, "--quiet", unit)
        except Permanent:
            return False
        return True

    def start_by_itself(self, program: Sequence[str], home: Path) -> int:
        """Start Muster where nobody starts services, and return its process."""
        environ = {k: v for k, v in os.environ.items() if not k.startswith("MUSTER_")}
        with (home / "muster.log").open("ab") as log:
            begun = subprocess.Popen(
                [*program, "serve"],
                env={**environ, "MUSTER_HOME": str(home)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
            )
        return begun.pid


def _outward() -> str:
    """Return the address that packets to elsewhere would come from; none is sent."""
    for family, far in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((far, 9))
                return str(probe.getsockname()[0])
            except OSError:
                continue
    return ""


def in_use(host: str, port: int) -> bool:
    """Return whether somebody listens there already."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False
