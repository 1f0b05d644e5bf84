"""Rules, samples and crews for tests of `react`."""

from datetime import UTC, datetime, timedelta
from typing import Any

from muster.model.scaling import (
    Crew,
    Decision,
    Metric,
    Sample,
    Scaling,
    Target,
    Thresholds,
)

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
PAIR = Thresholds(high=0.7, low=0.2)
REQUESTS = Target(metric=Metric.REQUESTS, value=50)
AT_ONCE = Scaling(thresholds=(PAIR,), rates=(), in_window_s=0)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def cpu(mean: float | None, members: int = 8, seconds: float = 0) -> Sample:
    return Sample(metric=Metric.CPU, at=ago(seconds), mean=mean, members=members)


def requests(mean: float | None, members: int = 8, seconds: float = 0) -> Sample:
    return Sample(metric=Metric.REQUESTS, at=ago(seconds), mean=mean, members=members)


def crew(desired: int = 8, **but: Any) -> Crew:
    return Crew(**{"desired": desired, "ready": desired, "low": 1, "high": 100} | but)


def limiters(decision: Decision) -> list[str]:
    return [cut.limiter for cut in decision.cuts]
