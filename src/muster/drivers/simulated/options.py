"""What a simulated cloud can be told in its part of the settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from muster.base.errors import Invalid
from muster.drivers.options import options

PACE = {"look_every_s": 5.0, "probe_every_s": 5.0, "sample_every_s": 15.0, "stray_grace_s": 60.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Delays are in seconds; with `jitter` each one is spread by that share, by a hash."""

    world: str = "memory"  # or "file": it outlives the process
    file: str = ""  # of the world; empty: in the cloud's home
    create_s: float = 0.0  # asked for, until it runs
    boot_s: float = 0.0  # runs, until its application answers
    delete_s: float = 0.0  # asked to go, until it is gone
    snapshot_s: float = 0.0  # until an image can be used
    list_lag_s: float = 0.0  # until a new server is listed
    jitter: float = 0.0
    zones: tuple[str, ...] = ("z1", "z2", "z3")
    hosts: int = 12  # spread over the zones
    offline_s: float = 10.0  # of a host's silence, until the others hold it dead
    slots: int = 0  # servers per host; 0: no limit
    host_vcpus: int = 0  # of each host, for placing; 0: as many as one likes
    host_memory_mib: int = 0
    host_disk_gib: int = 0
    requests_per_vcpu: float = 100.0  # what one processor can serve in a second
    request_s: float = 0.01  # how long a request takes when nobody else is there
    drain_s: float = 3.0  # how long the requests of a member under load take to run out
    taken_ports: tuple[int, ...] = ()  # where no pool can listen
    accept_any: bool = False  # any name of an image, flavor, network or key will do
    faults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    look_every_s: float = PACE["look_every_s"]
    probe_every_s: float = PACE["probe_every_s"]
    sample_every_s: float = PACE["sample_every_s"]
    stray_grace_s: float = PACE["stray_grace_s"]
    calls_at_once: int = 1024


def parsed(said: Mapping[str, Any]) -> Options:
    """Return the options in force; raises `Invalid` naming the one at fault."""
    return _checked(options(Options, said, "simulated", nothing=True))


def _checked(read: Options) -> Options:
    if read.world not in ("memory", "file"):
        raise Invalid(f"world must be memory or file, not {read.world!r}", field="world")
    if not read.zones or not all(isinstance(zone, str) and zone for zone in read.zones):
        raise Invalid("zones must name at least one zone", field="zones")
    if read.hosts < len(read.zones):
        raise Invalid("hosts must be at least as many as zones", field="hosts")
    if read.requests_per_vcpu <= 0:
        raise Invalid("requests_per_vcpu must be more than 0", field="requests_per_vcpu")
    return read
