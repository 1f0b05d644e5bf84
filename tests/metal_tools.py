"""Programs and devices that machines of metal have besides, and how they fail."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from house import until
from metal_sites import READY_S, Site
from testbed.incus import bed
from testbed.incus.place import Place

_HERE = Path(bed.__file__).parent
TOOLS = (
    *("apt-get", "dpkg-query"),
    *("iscsiadm", "multipath", "multipathd", "nvme"),
    *("modprobe", "networkctl", "rsyslogd", "timedatectl"),
)
DISK = "wwn-0x5000c500a1b2c3d4"


def give_tools(place: Place, member: str) -> None:
    """Have a machine be one that can be changed in every way."""
    for name in TOOLS:
        shutil.copy(_HERE / "tool.sh", place.folder(member) / "sbin" / name)
    for name in ("broken", "waiting"):
        (place.folder(member) / name).mkdir()
    _do(place, member, "systemctl start systemd-networkd.service")
    card = f"02:00:00:00:00:{int(member[1:]):02x}"
    script = (_HERE / "devices.sh").read_text()
    _do(place, member, f"set -- {DISK} {card}\n{script}")


def _do(place: Place, member: str, script: str) -> None:
    words = f"export TB_DIR={place.folder(member)} PATH=/usr/local/sbin:$PATH; set -e\n{script}"
    assert bed.execute(place, member, ["bash", "-c", words]) == 0, script


def told(it: Site, member: str) -> str:
    """Return what the programs of a machine were told so far."""
    said = it.place.folder(member) / "told"
    return said.read_text() if said.exists() else ""


@contextmanager
def broken(it: Site, member: str, what: str) -> Iterator[str]:
    """Have a program or a unit of a machine fail; yields what it says then."""
    sign = it.place.folder(member) / "broken" / what
    sign.write_text(f"{what} cannot do that here\n")
    try:
        yield sign.read_text().strip()
    finally:
        sign.unlink()


@contextmanager
def without_disk(it: Site, member: str, what: str) -> Iterator[str]:
    """Have a machine miss a disk; yields how it is called."""
    disk = f"/dev/disk/by-id/{what}"
    _do(it.place, member, f"rm {disk}")
    try:
        yield disk
    finally:
        _do(it.place, member, f"touch {disk}")


@contextmanager
def read_only(it: Site, member: str, path: str) -> Iterator[str]:
    """Have nothing be written to a file or a folder of a machine; yields what is said of that."""
    _do(it.place, member, f"mount --bind {path} {path}; mount -o remount,bind,ro {path}")
    try:
        yield "Read-only file system"
    finally:
        _do(it.place, member, f"umount {path}")


@contextmanager
def waiting(it: Site, member: str, tool: str) -> Iterator[None]:
    """Have a program of a machine not come to its end."""
    sign = it.place.folder(member) / "waiting" / tool
    sign.touch()
    try:
        yield
    finally:
        sign.unlink()


@contextmanager
def without_agent(it: Site, member: str) -> Iterator[None]:
    """Have a machine's agent be dead, and nobody start it again."""
    keeper = "$(ps -o ppid= -p $(cat /run/agent.pid))"
    _do(it.place, member, f"kill -STOP {keeper}; kill -9 $(cat /run/agent.pid)")
    try:
        yield
    finally:
        _do(it.place, member, f"kill -CONT {keeper}")
        until(lambda: it.has_agent(member), READY_S, f"{member} has an agent")
