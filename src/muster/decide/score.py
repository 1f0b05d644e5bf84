"""How good a trajectory is: too little, too much, lost load, cost, restlessness."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from math import prod

from muster.decide.plant import Tick, Trajectory

LEAST = 0.01  # under this a share is noise, and dividing by it makes speed-ups of nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Measures of the SPEC cloud group, and ours; shares in percent, 0 is best."""

    under: float  # θ_U: how much was missing
    over: float  # θ_O: how much was too much
    under_time: float  # τ_U: how long any was missing
    over_time: float  # τ_O: how long more than one was too much
    instability: float  # υ: supply moved against demand
    lost: float  # λ: load that nobody could carry
    cost: float  # κ: members paid for, per member demanded
    changes_per_hour: float  # α
    flaps: int  # turns of the size beyond those of the demand
    reaction_s: float  # ρ: longest time with less than 95 % of the demand
    wait_p99_s: float  # what 99 of 100 units of load did not exceed in a queue

    @property
    def j(self) -> float:
        """One number to compare by, lost load first, then cost; 0 is best."""
        return 100 * self.lost + 10 * self.under + 10 * (self.cost - 1) + 0.1 * self.instability


def score(trajectory: Trajectory) -> Score:
    ticks = trajectory.ticks
    share = 100 / len(ticks)
    hours = max(len(ticks) * trajectory.step_s / 3600, LEAST)
    load = sum(tick.load for tick in ticks)
    return Score(
        under=share * sum(max(t.demand - t.supply, 0) / max(t.demand, 1) for t in ticks),
        over=share * sum(max(t.supply - t.demand, 0) / max(t.demand, 1) for t in ticks),
        under_time=share * sum(t.demand > t.supply for t in ticks),
        over_time=share * sum(t.supply > t.demand + 1 for t in ticks),
        instability=_instability(ticks),
        lost=100 * sum(tick.lost for tick in ticks) / load if load else 0.0,
        cost=sum(t.requested for t in ticks) / max(sum(t.demand for t in ticks), 1),
        changes_per_hour=sum(a.requested != b.requested for a, b in pairwise(ticks)) / hours,
        flaps=max(_turns([t.requested for t in ticks]) - _turns([t.demand for t in ticks]), 0),
        reaction_s=_longest_short(ticks) * trajectory.step_s,
        wait_p99_s=_wait(ticks, load),
    )


def speedup(ours: Score, baseline: Score) -> float:
    """Return ε: above 1 `ours` follows demand better than `baseline`. Never a verdict alone."""
    measures = ("under", "over", "under_time", "over_time")
    ratios = (
        max(getattr(baseline, name), LEAST) / max(getattr(ours, name), LEAST) for name in measures
    )
    return float(prod(ratios) ** 0.25)


def _instability(ticks: Sequence[Tick]) -> float:
    moved = sum(
        _sign(b.supply - a.supply) != _sign(b.demand - a.demand) for a, b in pairwise(ticks)
    )
    return 100 * moved / max(len(ticks) - 1, 1)


def _sign(change: int) -> int:
    return (change > 0) - (change < 0)


def _turns(sizes: Sequence[int]) -> int:
    ways = [_sign(b - a) for a, b in pairwise(sizes) if a != b]
    return sum(a != b for a, b in pairwise(ways))


def _longest_short(ticks: Sequence[Tick]) -> int:
    runs = groupby(ticks, key=lambda tick: tick.supply < 0.95 * tick.demand)
    return max((len(list(run)) for short, run in runs if short), default=0)


def _wait(ticks: Sequence[Tick], load: float) -> float:
    rest = load / 100
    for tick in sorted(ticks, key=lambda tick: -tick.wait_s):
        rest -= tick.load
        if rest < 0:
            return tick.wait_s
    return 0.0
