"""Where a testbed keeps what it has, and what the machine must have for it."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

INCUSD = Path("/usr/libexec/incus/incusd")
CGROUPS = Path("/sys/fs/cgroup")
NET = "10.77"
FABRIC_ADDRESS = f"{NET}.0.1"
PORT = 8443
PROGRAMS = ("ip", "nsenter", "unshare", "bash", "openssl", "dnsmasq")


@dataclass(frozen=True, slots=True)
class Place:
    """One testbed: `name` is in everything it makes, so that it can be found again."""

    base: Path
    name: str

    @property
    def fabric(self) -> str:
        return f"{self.name}-fab"

    @property
    def certificate(self) -> Path:
        return self.base / "client.crt"

    @property
    def key(self) -> Path:
        return self.base / "client.key"

    def members(self) -> list[str]:
        found = [each.name for each in self.base.glob("m[0-9]*") if each.is_dir()]
        return sorted(found, key=lambda name: int(name[1:]))

    def folder(self, member: str) -> Path:
        return self.base / member

    def socket(self, member: str) -> Path:
        return self.folder(member) / "incus" / "unix.socket"

    def namespace(self, member: str) -> str:
        return f"{self.name}-{member}"


def address(member: str) -> str:
    return f"{NET}.0.{10 + int(member[1:])}"


def url(member: str) -> str:
    return f"https://{address(member)}:{PORT}"


def lacking() -> str:
    """Return what this machine lacks for a testbed, "" if nothing."""
    if os.geteuid() != 0:
        return "a testbed of Incus members needs root"
    if not INCUSD.exists():
        return "no Incus on this machine: install the package `incus-base`"
    missing = [each for each in PROGRAMS if not shutil.which(each)]
    return f"not installed: {', '.join(missing)}" if missing else ""


def run(*command: object, text: str | None = None) -> str:
    """Return what the command printed; raises with what it said if it failed."""
    done = subprocess.run(
        [str(each) for each in command], input=text, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = done.stderr.strip() or done.stdout.strip()
        raise RuntimeError(f"{' '.join(map(str, command))}: {said}")
    return done.stdout


def inside(namespace: str, *command: object) -> tuple[object, ...]:
    """Return the command, run in a network namespace.

    `ip netns exec` would not do: it mounts /sys anew, and the cgroups are gone from it.
    """
    return ("nsenter", f"--net=/run/netns/{namespace}", *command)
