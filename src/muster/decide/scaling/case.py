"""One case to decide: everything the limiters look at, and what they leave."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from muster.base.copies import Value
from muster.decide.calendar import Due, InForce
from muster.decide.scaling.votes import Vote
from muster.model.scaling import Crew, Cut, Past, Scaling, Verdict

SHORTEST_IN_WINDOW_S = 300.0
BOOTS_PER_WINDOW = 3
BOOT_UNKNOWN_S = 100.0


class Case(Value, frozen=True, kw_only=True):
    rules: Scaling
    past: Past
    crew: Crew
    now: datetime
    votes: Sequence[Vote]
    calendar: InForce
    due: Due | None

    @property
    def boot_s(self) -> float:
        return BOOT_UNKNOWN_S if self.crew.boot_s is None else self.crew.boot_s


class Wish(Value, frozen=True, kw_only=True):
    """What rules and calendar ask for, before any limiter. `vote` is the one that decided."""

    verdict: Verdict
    size: int
    vote: Vote | None = None
    blind: Vote | None = None  # a removal was not even asked for, because this one cannot see


def direction(before: int, after: int) -> Verdict:
    return Verdict.OUT if after > before else Verdict.IN if after < before else Verdict.HOLD


class Stop(Value, frozen=True, kw_only=True):
    """What one limiter took away, and when it will let go, if that can be said."""

    cut: Cut
    until: datetime | None = None
    how: str = ""  # what ends it, when no time does


class Limited(Value, frozen=True, kw_only=True):
    """What the limiters left of a wish."""

    size: int  # now
    goal: int  # once they have let go: the wish within the bounds
    stops: Sequence[Stop]


# Note [Window of several boots]
# Removing is only cheap if the member is not wanted back before a new one could be
# there. Replays of noisy loads lose three to six times less with a window of a few
# boot times than with one, for a third more of running members.
def in_window(rules: Scaling, crew: Crew) -> float:
    """Return for how many seconds a low must last. See Note [Window of several boots]."""
    if rules.in_window_s is not None:
        return rules.in_window_s
    return max(SHORTEST_IN_WINDOW_S, BOOTS_PER_WINDOW * (crew.boot_s or 0.0))


def memory(rules: Scaling, crew: Crew) -> timedelta:
    """Return how far back a decision looks at most."""
    periods = (rate.period_s for rate in rules.rates)
    windows = (in_window(rules, crew), rules.out_window_s or 0.0, rules.cooldown_s or 0.0)
    patience = BOOTS_PER_WINDOW * (crew.boot_s or BOOT_UNKNOWN_S) + (rules.warm_up_s or 0.0)
    return timedelta(seconds=max(patience, *windows, *periods))
