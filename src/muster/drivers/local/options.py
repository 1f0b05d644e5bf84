"""What the local cloud can be told in its part of the settings."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from ipaddress import IPv4Network
from typing import Any

from muster.base.errors import Invalid
from muster.model.cloud import Pace

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

    @property
    def pace(self) -> Pace:
        return Pace(
            look_every=timedelta(seconds=self.look_every_s),
            probe_every=timedelta(seconds=self.probe_every_s),
            sample_every=timedelta(seconds=self.sample_every_s),
            stray_grace=timedelta(seconds=self.stray_grace_s),
            calls_at_once=self.calls_at_once,
        )


def parsed(said: Mapping[str, Any]) -> Options:
    """Return the options in force; raises `Invalid` naming the one at fault."""
    kinds: dict[str, Any] = {each.name: each.type for each in fields(Options)}
    values: dict[str, Any] = {}
    for name, value in said.items():
        if name not in kinds:
            raise Invalid(f"no option of a local cloud is called {name!r}", field=name)
        values[name] = _value(name, kinds[name], value)
    return _checked(Options(**values))


def _value(name: str, kind: type, value: Any) -> Any:
    wanted = (int, float) if kind is float else kind
    if not isinstance(value, wanted) or isinstance(value, bool):
        raise Invalid(f"{name} must be {kind.__name__}, not {value!r}", field=name)
    if isinstance(value, (int, float)) and value <= 0:
        raise Invalid(f"{name} must be more than 0", field=name)
    return kind(value)


def _checked(options: Options) -> Options:
    try:
        network = options.network
    except ValueError as error:
        raise Invalid(f"addresses: {error}", field="addresses") from None
    if not network.subnet_of(LOOPBACK) or network.num_addresses < 4:
        raise Invalid(f"addresses must be a part of {LOOPBACK}, not {network}", field="addresses")
    if options.cgroup not in ("auto", "off") and not options.cgroup.startswith("/"):
        raise Invalid("cgroup must be auto, off or a folder", field="cgroup")
    return options
