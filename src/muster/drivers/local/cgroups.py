"""Limits that hold for an instance as a whole, where the machine lets us set them.

Version 2 limits processors and memory, version 1 only processors here; where neither is
to be had, memory is limited per process and processors are not.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from muster.base.log import log
from muster.drivers.local.instance import Limits

PERIOD_US = 100_000
DELEGATED = "user.delegate"  # by which systemd marks groups that it leaves to others


@dataclass(frozen=True, slots=True)
class Cgroups:
    parent: Path | None = None  # a group per instance is made in it; None: no groups
    version: int = 0

    @property
    def memory(self) -> bool:
        return self.version == 2

    def group(self, server_id: UUID | str) -> Path | None:
        return self.parent / str(server_id) if self.parent else None


NONE = Cgroups()


def found(wish: str, installation: UUID, proc: Path = Path("/proc/self")) -> Cgroups:
    """Return the groups that can be used here; proves it by making their parent."""
    for parent, version in _places(wish, f"muster-{installation.hex[:12]}", proc):
        try:
            _make_parent(parent, version)
        except OSError as error:
            log().debug("cgroup.refused", parent=str(parent), reason=str(error))
            continue
        return Cgroups(parent, version)
    return NONE


def prepare(cgroups: Cgroups, server_id: UUID, limits: Limits) -> list[Path]:
    """Make the instance's group with its limits, and return what its process has to enter."""
    group = cgroups.group(server_id)
    if not group or not cgroups.parent:
        return []
    _make_parent(cgroups.parent, cgroups.version)
    group.mkdir(exist_ok=True)
    quota = max(1000, round(limits.vcpus * PERIOD_US))
    if cgroups.version == 1:
        (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
        (group / "cpu.cfs_quota_us").write_text(str(quota))
        return [group]
    (group / "cpu.max").write_text(f"{quota} {PERIOD_US}")
    (group / "memory.max").write_text(str(limits.memory_mib << 20))
    with suppress(FileNotFoundError):  # a kernel without swap accounting
        (group / "memory.swap.max").write_text("0")
    return [group]


def remove(cgroups: Cgroups, server_id: UUID | str) -> None:
    group = cgroups.group(server_id)
    if group:
        with suppress(OSError):  # a last process is just leaving; the next start takes it away
            group.rmdir()


def names(cgroups: Cgroups) -> list[str]:
    """Return the ids of the instances that have a group."""
    if not cgroups.parent or not cgroups.parent.is_dir():
        return []
    return [entry.name for entry in cgroups.parent.iterdir() if entry.is_dir()]


def close(cgroups: Cgroups) -> None:
    """Leave nothing behind once there are no instances."""
    if cgroups.parent:
        with suppress(OSError):  # it still has groups in it
            cgroups.parent.rmdir()


def starved(cgroups: Cgroups, server_id: UUID) -> bool:
    """Tell whether the kernel has ended a process of the instance for lack of memory."""
    group = cgroups.group(server_id)
    if not group or not cgroups.memory:
        return False
    with suppress(OSError):
        counts = dict(line.split() for line in (group / "memory.events").read_text().splitlines())
        return int(counts.get("oom_kill", 0)) > 0
    return False


# Note [Beside us]
# In version 2 a group either has processes or gives controllers to groups below it. So of the
# group that we are in itself nothing can be had, but where systemd has us in a group below the
# one that it has delegated (`DelegateSubgroup`), groups can be made beside ours.
def _places(wish: str, name: str, proc: Path) -> list[tuple[Path, int]]:
    """Return where groups might be made, with their version, the best first."""
    if wish == "off":
        return []
    if wish != "auto":
        return [(Path(wish) / name, 2)]
    own = _own(proc)
    places = []
    for line in (proc / "mounts").read_text().splitlines():
        _, folder, kind, flags, *_ = line.split()
        if kind == "cgroup2" and "" in own:
            here = _below(folder, own[""])
            places.append((here / name, 2))
            if _is_delegated(here.parent):  # see Note [Beside us]
                places.append((here.parent / name, 2))
        if kind == "cgroup" and "cpu" in flags.split(",") and "cpu" in own:
            places.append((_below(folder, own["cpu"]) / name, 1))
    return sorted(places, key=lambda place: -place[1])


def _below(folder: str, path: str) -> Path:
    return Path(folder + path.rstrip("/"))


def _is_delegated(group: Path) -> bool:
    try:
        return os.getxattr(group, DELEGATED) == b"1"
    except OSError:
        return False


def _own(proc: Path) -> dict[str, str]:
    """Return where this process is, by controller; "" is version 2."""
    own = {}
    for line in (proc / "cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        own.update(dict.fromkeys(controllers.split(","), path))
    return own


def _make_parent(parent: Path, version: int) -> None:
    if version == 2:
        (parent.parent / "cgroup.subtree_control").write_text("+cpu +memory")
    parent.mkdir(exist_ok=True)
    if version == 2:
        (parent / "cgroup.subtree_control").write_text("+cpu +memory")
    elif not os.access(parent / "cgroup.procs", os.W_OK):
        raise PermissionError(f"{parent} cannot be entered")
