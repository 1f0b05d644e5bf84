"""What a simulated cloud can be told in its part of the settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import Any

from muster.base.errors import Invalid
from muster.model.cloud import Pace

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
    slots: int = 0  # servers per host; 0: no limit
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
    calls_at_once: int = 256

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
    kinds = {each.name: each.type for each in fields(Options)}
    values: dict[str, Any] = {}
    for name, value in said.items():
        if name not in kinds:
            raise Invalid(f"no option of a simulated cloud is called {name!r}", field=name)
        values[name] = _value(name, kinds[name], value)
    return _checked(Options(**values))


def _value(name: str, kind: Any, value: Any) -> Any:
    wanted: Any = {float: (int, float), bool: bool, int: int, str: str}.get(kind, object)
    if not isinstance(value, wanted) or (kind is not bool and isinstance(value, bool)):
        raise Invalid(f"{name} must be {kind.__name__}, not {value!r}", field=name)
    if kind in (int, float) and not 0 <= value < float("inf"):
        raise Invalid(f"{name} must be 0 or more, not {value!r}", field=name)
    if name in ("zones", "taken_ports"):
        if isinstance(value, str) or not isinstance(value, (list, tuple)):
            raise Invalid(f"{name} must be a list, not {value!r}", field=name)
        return tuple(value)
    return float(value) if kind is float else value


def _checked(options: Options) -> Options:
    if options.world not in ("memory", "file"):
        raise Invalid(f"world must be memory or file, not {options.world!r}", field="world")
    if not options.zones or not all(isinstance(zone, str) and zone for zone in options.zones):
        raise Invalid("zones must name at least one zone", field="zones")
    if options.hosts < len(options.zones):
        raise Invalid("hosts must be at least as many as zones", field="hosts")
    if options.requests_per_vcpu <= 0:
        raise Invalid("requests_per_vcpu must be more than 0", field="requests_per_vcpu")
    if not isinstance(options.faults, Mapping):
        raise Invalid("faults must be a table: call -> what goes wrong", field="faults")
    return options
