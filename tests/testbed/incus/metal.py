"""Machines of metal: members with an agent, a name, a clock, and a power button of their own."""

import shlex
import shutil
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import muster
from testbed.incus import machine
from testbed.incus.bed import lent_bare
from testbed.incus.place import Place

_HERE = Path(__file__).parent
SOCKET = "run/incus-os/unix.socket"
_AGENT = (sys.executable, "-m", "muster", "agent", "--listen", "0.0.0.0:8444")


# Note [As on a machine]
# The agent acts on what is below /, so a machine has its own /var/lib, /etc and systemctl, each
# mounted over what it shares with us. Incus is where it is on a machine as well: `incus` in the
# member's folder leads there, for those who look from outside.
def furnish(place: Place, member: str) -> None:
    """Give a member what a machine of metal has. See Note [As on a machine]."""
    folder = place.folder(member)
    for name in ("lib/incus", "sbin", "etc"):
        (folder / name).mkdir(parents=True)
    (folder / "incus").rmdir()
    (folder / "incus").symlink_to("lib/incus")
    (folder / "etc/hostname").write_text(f"{member}\n")
    (folder / "etc/machine-id").write_text(f"{uuid.uuid4().hex}\n")
    shutil.copy(_HERE / "systemctl.sh", folder / "sbin/systemctl")
    (folder / "sbin/ceph").write_text("#!/bin/sh\nexit 1\n")  # it reaches no cluster
    (folder / "sbin/ceph").chmod(0o755)
    script = (_HERE / "member_metal.sh").read_text()
    said = {"TB_AGENT": shlex.join(_AGENT), "TB_SOURCE": str(Path(muster.__file__).parents[1])}
    lines = [f"{name}={shlex.quote(value)}" for name, value in said.items()]
    (folder / "metal.sh").write_text("\n".join([*lines, script]))


@contextmanager
def lent_metal(count: int) -> Iterator[Place]:
    """Lend machines with an Incus that nobody has touched and an agent that knows nobody."""
    with lent_bare(count, furnish) as place:
        yield place


def socket_of(place: Place, member: str) -> Path:
    """Return where the machine's own root asks its agent."""
    return Path(f"/proc/{machine.first_process(place, member)}/root") / SOCKET


def wanted(place: Place, member: str) -> str:
    """Return what a machine has pressed on its own power button, "" for nothing."""
    said = place.folder(member) / "wanted"
    return said.read_text().strip() if said.exists() else ""


def obey(place: Place, member: str) -> None:
    """Have a machine that wanted to reboot be there again."""
    machine.crash(place, member)
    (place.folder(member) / "wanted").unlink()
    machine.power(place, member)
