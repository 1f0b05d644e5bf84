"""What the local cloud can be told in its part of the settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any

from muster.base.errors import Invalid
from muster.drivers.options import options

LOOPBACK = IPv4Network("127.0.0.0/8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    addresses: str = "127.64.0.0/10"  # instances get theirs from here
    image_bytes: int = 2 << 30  # the largest image that is taken in, unpacked
    log_bytes: int = 1 << 20  # per instance; the older half goes when it is full
    open_files: int = 4096  # per process of an instance
    cgroup: str = "auto"  # "off", or a delegated cgroup folder of version 2
    hosts_file: str = ""  # where names are published; empty: `hosts` in the cloud's home
    probe_timeout_s: float = 2.0
    look_every_s: float = 0.5
    probe_every_s: float = 1.0
    sample_every_s: float = 1.0
    stray_grace_s: float = 60.0
    calls_at_once: int = 4

    @property
    def network(self) -> IPv4Network:
        return IPv4Network(self.addresses)


def parsed(said: Mapping[str, Any]) -> Options:
    """Return the options in force; raises `Invalid` naming the one at fault."""
    return _checked(options(Options, said, "local"))


def _checked(read: Options) -> Options:
    try:
        network = read.network
    except ValueError as error:
        raise Invalid(f"addresses: {error}", field="addresses") from None
    if not network.subnet_of(LOOPBACK) or network.num_addresses < 4:
        raise Invalid(f"addresses must be a part of {LOOPBACK}, not {network}", field="addresses")
    if read.cgroup not in ("auto", "off") and not read.cgroup.startswith("/"):
        raise Invalid("cgroup must be auto, off or a folder", field="cgroup")
    return read
