"""What somebody asks of a cluster: values of the right kind, and what was wrong with the rest."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Never

from muster.base.errors import Invalid
from muster.model.scaling import Metric, Mode, Schedule, StepBand


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with one field, and what would be right."""

    field: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A cluster as asked for, or a change of one. Only what is in `given` was said.

    A value in `given` that is None was taken back on purpose. What could not be read is in
    `faults` and not in `given`, so that everything wrong can be told at once.
    """

    given: frozenset[str] = frozenset()
    faults: tuple[Fault, ...] = ()

    name: str = ""
    cloud: str = ""
    image: str = ""
    flavor: str = ""
    backend_network: str = ""
    keypair: str | None = None
    min_size: int = 0
    max_size: int = 0
    desired_size: int = 0
    port: int = 0
    protocol: str = ""
    health_path: str | None = None
    dns_name: str | None = None
    tls: Mapping[str, str] | None = None
    create_bastion: bool = False
    scale_out_threshold: float | None = None
    scale_in_threshold: float | None = None
    metric: Metric | None = None
    query: str | None = None
    target: float | None = None
    steps: tuple[StepBand, ...] | None = None
    schedules: tuple[Schedule, ...] | None = None
    scaling_mode: Mode | None = None
    predictive: bool | None = None  # whether a forecast may act; None: there is none
    cooldown: float | None = None
    warm_up: float | None = None
    scale_out_window: float | None = None
    scale_in_window: float | None = None
    update_strategy: Mapping[str, Any] | None = field(default=None)
    health: Mapping[str, Any] | None = field(default=None)
    drain_seconds: float | None = None
    warm_pool: int | None = None
    zones: tuple[str, ...] | None = None
    user_data: str | None = None
    metadata: Mapping[str, str] | None = field(default=None)

    def says(self, name: str) -> bool:
        return name in self.given

    def faulty(self, name: str) -> bool:
        return any(each.field.split(".")[0] == name for each in self.faults)


def refuse(faults: Iterable[Fault]) -> Never:
    """Raise `Invalid` that tells every fault; its text and field are those of the first."""
    told = tuple(faults)
    raise Invalid(told[0].message, field=told[0].field, errors=told)
