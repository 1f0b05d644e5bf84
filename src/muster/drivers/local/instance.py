"""An instance as its folder records it: what it is made of, and whether it should run."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from muster.drivers.local.processes import Stat
from muster.model.observed import Seen, Server


class Wanted(StrEnum):
    RUNNING = "running"
    STOPPED = "stopped"
    GONE = "gone"  # it is being deleted; whoever finds it finishes that


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One run of a program. The number alone may be somebody else's by now."""

    pid: int
    started: int  # ticks of the machine's clock since it booted
    boot: str  # which boot of the machine that was


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    vcpus: float
    memory_mib: int
    open_files: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """`process` is None until it was started: see Note [One process]."""

    server_id: UUID
    node_id: UUID
    cluster_id: UUID
    installation: UUID
    project: str
    name: str
    created: datetime
    address: str
    port: int
    image: str
    image_version: str
    command: tuple[str, ...]
    env: Mapping[str, str]
    stop_s: float
    limits: Limits
    wanted: Wanted = Wanted.RUNNING
    process: Process | None = None


def running(instance: Instance, stat: Stat | None) -> bool:
    """Tell whether `stat`, read under the recorded number, is this instance's own process."""
    process = instance.process
    return bool(process and stat and stat.alive and stat.started == process.started)


def condition(instance: Instance, stat: Stat | None) -> tuple[Seen, str]:
    """Return what to call the instance, and the reason where the record alone tells it."""
    if instance.wanted is Wanted.GONE:
        return Seen.STOPPED, "is being deleted"
    if instance.wanted is Wanted.STOPPED:
        return Seen.STOPPED, "was stopped on request"
    if not stat or not running(instance, stat):
        return Seen.BROKEN, ""
    if stat.state == "T":
        return Seen.STOPPED, "is paused"
    return Seen.RUNNING, ""


def shown(instance: Instance, host: str, seen: Seen, reason: str) -> Server:
    return Server(
        ref=str(instance.server_id),
        server_id=instance.server_id,
        node_id=instance.node_id,
        cluster_id=instance.cluster_id,
        name=instance.name,
        seen=seen,
        created=instance.created,
        address=instance.address,
        host=host,
        zone="local",
        image=instance.image,
        project=instance.project,
        reason=reason,
    )
