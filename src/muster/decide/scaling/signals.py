"""What the samples say now, per metric: how much load there is, and how sure we are."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from muster.base.copies import Value
from muster.model.scaling import Crew, Metric, Sample, Scaling

STALE_AFTER_S = 60.0

LABEL: Mapping[Metric, str] = {
    Metric.CPU: "CPU",
    Metric.REQUESTS: "requests",
    Metric.CUSTOM: "metric",
    Metric.PROMETHEUS: "query",
}


class Signal(Value, frozen=True, kw_only=True):
    """The newest reading of one metric. `value` is None when none is young enough."""

    metric: Metric
    value: float | None
    members: int  # how many the value is the mean of; at least one
    whole: bool  # the newest sample is a reading, and a young one
    age_s: float | None  # of the newest reading; None: there never was one

    @property
    def load(self) -> float:
        """The load over all, in the metric's own unit: what survives a change of size."""
        return (self.value or 0.0) * self.members

    @property
    def label(self) -> str:
        return LABEL[self.metric]

    def said(self, value: float) -> str:
        """Return a value of this metric in words: 71 %, 12.5/s."""
        if self.metric is Metric.CPU:
            return f"{value * 100:.3g} %"
        return f"{value:.4g}/s" if self.metric is Metric.REQUESTS else f"{value:.4g}"

    def missing(self) -> str:
        """Return in words how long this metric has been silent."""
        if self.age_s is None:
            return f"no {self.label} was ever reported"
        return f"the last {self.label} point is {self.age_s:.0f} s old"


# Note [Missing is not low]
# A sample without a mean says that nobody could be asked, and no sample at all says
# even less. Neither is a low load. An older reading that is still young enough may
# speak for growing, because growing by mistake costs money and not requests; it never
# speaks for shrinking.
def read(metric: Metric, samples: Sequence[Sample], rules: Scaling, now: datetime) -> Signal:
    """Return the newest reading of `metric` among `samples`, which come oldest first.

    See Note [Missing is not low].
    """
    patience = STALE_AFTER_S if rules.stale_after_s is None else rules.stale_after_s
    newest = True
    for sample in reversed(samples):
        if sample.metric is not metric or sample.at > now:
            continue
        if sample.mean is not None:
            age = (now - sample.at).total_seconds()
            young = age <= patience
            return Signal(
                metric=metric,
                value=sample.mean if young else None,
                members=max(sample.members, 1),
                whole=newest and young,
                age_s=age,
            )
        newest = False
    return Signal(metric=metric, value=None, members=1, whole=False, age_s=None)


def read_all(rules: Scaling, samples: Sequence[Sample], now: datetime) -> Mapping[Metric, Signal]:
    """Return one signal for each metric that a rule names."""
    signals: dict[Metric, Signal] = {}
    for kind in (rules.thresholds, rules.targets, rules.steps):
        for rule in kind:
            if rule.metric not in signals:
                signals[rule.metric] = read(rule.metric, samples, rules, now)
    return signals


def members_at_low(signal: Signal, crew: Crew) -> int:
    """Return over how many members the load may be spread, counted in favour of staying.

    Members too young for the mean may already carry as much as the others, so a load
    computed from the old ones alone would be too small to shrink by.
    """
    return max(signal.members, crew.ready + crew.warming)
