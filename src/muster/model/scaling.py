"""When a cluster grows and shrinks by itself: rules, samples, and the record of each decision."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import field

from muster.base.copies import Value


class Mode(StrEnum):
    ON = "on"
    OUT_ONLY = "out-only"
    SHADOW = "shadow"  # decides and records, does nothing


class Metric(StrEnum):
    CPU = "cpu"  # share of what the member may use, 0 to 1, mean of ready members
    REQUESTS = "requests"  # requests per second per ready member, from the balancer
    CUSTOM = "custom"  # pushed samples
    PROMETHEUS = "prometheus"  # what the rules' own query gives, per member


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Above `high` add, below `low` remove: sized proportionally, aimed at the middle."""

    metric: Metric = Metric.CPU
    high: float
    low: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Keep the mean per member at `value`, within `tolerance` (a share of it)."""

    metric: Metric
    value: float
    tolerance: float = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class StepBand:
    """From `above` (inclusive) to the next band: change by `change` members."""

    above: float
    change: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    metric: Metric
    bands: tuple[StepBand, ...]  # ascending


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """From each time that `cron` names, in `zone`: at least / at most so many; then: just so many.

    `low` and `high` narrow the cluster's own bounds for `duration_s`, or without it until
    another schedule says the same one. `desired` is set once, at the time itself.
    """

    cron: str
    zone: str = "UTC"
    low: int | None = None
    high: int | None = None
    desired: int | None = None
    name: str = ""
    duration_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """A size below which the reactive rules may not go, from a forecast.

    The forecast itself is `Crew.foreseen`; it only ever raises the lower bound. Where it is
    not enabled it is told with each decision, and changes nothing.
    """

    horizon_s: float = 300  # how far ahead at least; else as long as a member takes to be warm
    enabled: bool = False


class Direction(StrEnum):
    OUT = "out"
    IN = "in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """At most `members`, or `percent` of the size then, whichever is more, per `period_s`.

    Several for one direction all hold: the tightest decides.
    """

    direction: Direction
    members: int = 4
    percent: int = 100
    period_s: float = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """How one cluster sizes itself. Absent numbers are learned or the cloud's own."""

    mode: Mode = Mode.ON
    thresholds: tuple[Thresholds, ...] = ()
    targets: tuple[Target, ...] = ()
    steps: tuple[Steps, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    floor: Floor | None = None
    rates: tuple[Rate, ...] = (
        Rate(direction=Direction.OUT, members=4, percent=100, period_s=15),
        Rate(direction=Direction.IN, members=1, percent=100, period_s=15),
    )
    cooldown_s: float | None = None  # after any change no removal; an addition never waits for it
    warm_up_s: float | None = None  # after ready, before a member counts in the mean
    out_window_s: float | None = None  # a high must last this long; None: not at all
    in_window_s: float | None = None  # a low must; None: max(300, 3 x learned boot time)
    stale_after_s: float | None = None  # a sample older than this is missing; None: a minute
    query: str = ""  # of metric prometheus, in PromQL; gives one number

    @property
    def metrics(self) -> frozenset[Metric]:
        """Which metrics the rules are about."""
        kinds: tuple[Sequence[Thresholds | Target | Steps], ...]
        kinds = (self.thresholds, self.targets, self.steps)
        return frozenset(rule.metric for rules in kinds for rule in rules)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One reading of one metric over a whole cluster at one moment.

    `mean` is per ready member; None says that nobody could be asked. Without members
    it is the whole load, so that requests to an empty cluster can wake it.
    """

    metric: Metric
    at: datetime
    mean: float | None
    members: int = 0  # how many were counted in


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """The newest reading that somebody outside has pushed for a cluster, of metric custom."""

    cluster_id: UUID
    project: str
    at: datetime
    mean: float  # per ready member


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadDay:
    """The load of a cluster on one day of UTC, in slots of five minutes: what forecasts learn."""

    id: UUID  # made of cluster, metric and day
    cluster_id: UUID
    project: str
    metric: Metric
    at: datetime  # when the day began
    loads: tuple[float | None, ...]  # of all members together; None: nobody could be asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """Who is there, as far as scaling cares."""

    desired: int
    ready: int  # in service and warm
    warming: int = 0  # on the way, or too young for the mean
    draining: int = 0
    low: int = 0
    high: int = 0
    boot_s: float | None = None  # learned: from asked for to ready
    foreseen: int | None = None  # how many a forecast wants by now; None: there is none
    outlook: str = ""  # the forecast in words, also why there is none
    doubted: bool = False  # the forecast has not proved its worth: it is told, and does nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What was decided before, newest last: enough for cooldowns, rates and windows."""

    changes: tuple["Changed", ...] = ()
    recommended: tuple["Recommended", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    at: datetime
    before: int
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommended:
    """What the rules alone asked for at a moment, before any limiter."""

    at: datetime
    size: int


class Verdict(StrEnum):
    OUT = "out"
    IN = "in"
    HOLD = "hold"


class Cut(Value, frozen=True, kw_only=True):
    """One limiter that took something away, and what it left."""

    # max, min, rate, cooldown, warm-up, window, missing data, mode, quota, flap, forecast
    limiter: str
    before: int
    after: int
    why: str


class Decision(Value, frozen=True, kw_only=True):
    """One evaluation, whole: what went in, what came out, and why not more."""

    verdict: Verdict
    before: int
    wanted: int  # what the rules alone ask for
    after: int  # what is done; equals `before` on hold
    reason: str  # one sentence
    formula: str = ""  # the arithmetic, with the numbers in it
    inputs: Mapping[str, float | None] = field(default_factory=dict)
    cuts: tuple[Cut, ...] = ()
    mode: Mode = Mode.ON
    next_at: datetime | None = None  # when anything may change next, if a limiter says so
    next_how: str = ""  # "12 -> 9 unless CPU rises above 48 %"
    outlook: str = ""  # what a forecast says, where the rules have one


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRecord:
    """A decision as it is kept. Equal holds in a row are one record with a count."""

    id: UUID
    cluster_id: UUID
    project: str
    at: datetime  # first time
    last_at: datetime
    times: int = 1
    decision: Decision
