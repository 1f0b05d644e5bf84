"""What each rule asks for by itself: a size, a direction, and the arithmetic that led there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, inf

from muster.base.copies import Value
from muster.decide.scaling.signals import Signal, members_at_low
from muster.model.scaling import (
    Crew,
    Metric,
    Scaling,
    StepBand,
    Steps,
    Target,
    Thresholds,
    Verdict,
)

HAIR = 1e-9  # what floating point adds to a quotient that is whole


class Vote(Value, frozen=True, kw_only=True):
    """One rule's wish. Without a reading it holds, and says so by `blind`."""

    signal: Signal
    verdict: Verdict
    size: int  # equals the present one on hold
    goal: float = 0  # the mean per member that the size aims at; 0: the rule sizes by steps
    spread: int = 0  # over how many members the load was counted
    high: float  # a mean above this asks for more: no removal may lead there
    touching: bool = False  # a mean of exactly `high` asks for more, too
    low: float  # a mean that rises above this no longer asks for less
    blind: bool = False  # the newest sample is missing or too old

    @property
    def fewest(self) -> int:
        """The smallest crew on which the present load would not ask for more at once."""
        load = (self.signal.value or 0.0) * self.spread
        if load <= 0 or self.high == inf:
            return 0
        if self.high <= 0:
            return 1 << 30
        whole = load / self.high
        return floor(whole + HAIR) + 1 if self.touching else ceil(whole - HAIR)


def vote_all(rules: Scaling, signals: Mapping[Metric, Signal], crew: Crew) -> Sequence[Vote]:
    """Return one vote per rule, in the order of the rules."""
    return (
        *(_by_thresholds(rule, signals[rule.metric], crew) for rule in rules.thresholds),
        *(_by_target(rule, signals[rule.metric], crew) for rule in rules.targets),
        *(_by_steps(rule, signals[rule.metric], crew) for rule in rules.steps),
    )


@dataclass(frozen=True, slots=True)
class _Band:
    """Below `low` less, above `high` more, and `goal` is what either aims at."""

    low: float
    goal: float
    high: float


# Note [Middle of the band]
# A pair of thresholds says when, not how many. Sizing for the middle leaves the same
# room to both sides, so neither the answer to a crowd nor a removal ends next to the
# threshold that would undo it, and a crowd is met at once instead of one by one.
def _by_thresholds(rule: Thresholds, signal: Signal, crew: Crew) -> Vote:
    """See Note [Middle of the band]."""
    band = _Band(rule.low, (rule.high + rule.low) / 2, rule.high)
    return _by_band(band, signal, crew, at_least_one=True)


def _by_target(rule: Target, signal: Signal, crew: Crew) -> Vote:
    slack = rule.value * rule.tolerance
    band = _Band(rule.value - slack, rule.value, rule.value + slack)
    return _by_band(band, signal, crew, at_least_one=False)


def _by_band(band: _Band, signal: Signal, crew: Crew, *, at_least_one: bool) -> Vote:
    mean, size, spread = signal.value, crew.desired, signal.members
    verdict = Verdict.HOLD
    if mean is not None and mean > band.high:
        # Members on the way count: what was ordered for this load is not ordered again.
        size = max(size, ceil(signal.load / band.goal - HAIR))
        verdict = Verdict.OUT if size > crew.desired else Verdict.HOLD
    elif mean is not None and mean < band.low and signal.whole:
        spread = members_at_low(signal, crew)
        size = ceil(mean * spread / band.goal - HAIR)
        if at_least_one:
            size = min(size, crew.desired - 1)
        size = max(size, 0 if _may_vanish(signal) else 1)
        verdict = Verdict.IN if size < crew.desired else Verdict.HOLD
    return Vote(
        signal=signal,
        verdict=verdict,
        size=size if verdict is not Verdict.HOLD else crew.desired,
        goal=band.goal,
        spread=spread,
        high=band.high,
        low=band.low,
        blind=not signal.whole,
    )


# Note [Nobody measures nobody]
# The CPU share of no members is no number, so a cluster that CPU shrank to nothing
# could never be woken by it. Only a metric that is counted outside of the members may
# take the last one away, and only while it counts nothing at all.
def _may_vanish(signal: Signal) -> bool:
    """See Note [Nobody measures nobody]."""
    return signal.metric is not Metric.CPU and signal.value == 0


def _by_steps(rule: Steps, signal: Signal, crew: Crew) -> Vote:
    band = _band_of(rule.bands, signal.value)
    change = band.change if band else 0
    size, verdict = crew.desired, Verdict.HOLD
    if change > 0:
        # From those in service, so that one reading seen twice orders once.
        size = max(size, signal.members + change)
        verdict = Verdict.OUT if size > crew.desired else Verdict.HOLD
    elif change < 0 and signal.whole:
        size = max(size + change, 0 if _may_vanish(signal) else 1)
        verdict = Verdict.IN if size < crew.desired else Verdict.HOLD
    return Vote(
        signal=signal,
        verdict=verdict,
        size=size if verdict is not Verdict.HOLD else crew.desired,
        spread=members_at_low(signal, crew),
        high=min((each.above for each in rule.bands if each.change > 0), default=inf),
        touching=True,
        low=min((e.above for e in rule.bands if band and e.above > band.above), default=inf),
        blind=not signal.whole,
    )


def _band_of(bands: tuple[StepBand, ...], value: float | None) -> StepBand | None:
    if value is None:
        return None
    below = [band for band in bands if band.above <= value]
    return below[-1] if below else None
