"""How many scaling decisions one core makes in a second.

    python benchmarks/autoscaler.py [--seconds 1]

Each line is one rule set in one situation: forty samples and a window of wishes before it,
as an engine has that looks every fifteen seconds. Best of five; processor time.
"""

import argparse
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from muster.decide.scaling import react, remembered
from muster.model.scaling import (
    Crew,
    Metric,
    Past,
    Recommended,
    Sample,
    Scaling,
    Schedule,
    Target,
    Thresholds,
)

ROUNDS = 5
AIM = 20_000
NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
PAIR = Scaling(thresholds=(Thresholds(high=0.7, low=0.2),))
TARGETS = Scaling(
    targets=(
        Target(metric=Metric.CPU, value=0.6),
        Target(metric=Metric.REQUESTS, value=50),
    )
)
SCHEDULED = Scaling(
    thresholds=PAIR.thresholds,
    schedules=(Schedule(cron="0 8 * * 1-5", low=4), Schedule(cron="0 20 * * *", low=1)),
)
CASES: Mapping[str, tuple[Scaling, float]] = {
    "two thresholds, holding": (PAIR, 0.5),
    "two thresholds, out": (PAIR, 0.9),
    "two thresholds, in, held by the window": (PAIR, 0.1),
    "two targets (CPU, requests), holding": (TARGETS, 0.6),
    "two targets (CPU, requests), out": (TARGETS, 0.9),
    "two thresholds and two schedules": (SCHEDULED, 0.5),
}


def per_second(work: Callable[[], object], seconds: float) -> float:
    """Return how often `work` runs in a second of processor time, best of some rounds."""
    count = 1000
    best = 0.0
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(count):
            work()
        rate = count / max(time.process_time() - began, 1e-9)
        best = max(best, rate)
        count = max(int(rate * seconds / ROUNDS), 100)
    return best


def measure(seconds: float) -> dict[str, float]:
    """Print one line per case, and return decisions per second by its name."""
    print("autoscaler: decisions a second on one core, and with remembering them")
    ago = [NOW - timedelta(seconds=15 * back) for back in range(40, -1, -1)]
    past = Past(recommended=tuple(Recommended(at=at, size=8 + n % 2) for n, at in enumerate(ago)))
    crew = Crew(desired=8, ready=8, low=2, high=20, boot_s=30)
    rates = {}
    for name, (rules, share) in CASES.items():
        samples = [
            Sample(metric=metric, at=at, mean=share * unit, members=8)
            for at in ago
            for metric, unit in ((Metric.CPU, 1.0), (Metric.REQUESTS, 50 / 0.6))
        ]

        def decide(rules: Scaling = rules, samples: list[Sample] = samples) -> None:
            react(rules, samples, past, crew, NOW)

        def remember(rules: Scaling = rules, samples: list[Sample] = samples) -> None:
            remembered(past, react(rules, samples, past, crew, NOW), rules, crew, NOW)

        rates[name] = per_second(decide, seconds)
        both = per_second(remember, seconds)
        print(f"  {name:<40} {rates[name]:9,.0f}   {both:9,.0f}")
    worst = min(rates.values())
    print(f"  slowest: {worst:,.0f} a second, {worst / AIM:.1f} x the aim of {AIM:,}")
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="per case")
    measure(parser.parse_args().seconds)


if __name__ == "__main__":
    main()
