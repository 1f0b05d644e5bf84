"""Whether a forecast has earned its say: a replay of the last days with it and without."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from muster.decide.forecast import PER_DAY, PER_WEEK, SLOT_S, History, Subject, subject
from muster.decide.plant import Plant, replay
from muster.decide.presets import Ours
from muster.decide.score import Score, score
from muster.model.scaling import Crew, Floor, Metric, Mode, Scaling

LEAST = 2 * PER_DAY  # one day to learn from, one to be tried on
MORE_COST = 1.1  # of what it costs without, at most
BUSY = 0.6  # a member at its target is taken to carry so much of what it could
STEP_S = 120
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """What a replay has shown, and so whether the forecast may act."""

    acts: bool
    why: str


# Note [Earning a say]
# A floor from a forecast can only add members, so it can only cost. It may act where a
# replay of the last days, in which each forecast knew no more than it would have, loses
# less load with it than without, for a tenth more cost at most. Else it is told with each
# decision and changes nothing, until a later replay speaks for it.
def worth(history: History, rules: Scaling, crew: Crew) -> Worth:
    """Return whether the floor pays under these rules. See Note [Earning a say]."""
    what = subject(rules)
    if what is None:
        return Worth(acts=False, why="no rule says how much load a member is for")
    if len(history.loads) < LEAST:
        hours = LEAST * SLOT_S / 3600
        return Worth(acts=False, why=f"tried once {hours:.0f} h are known")
    start = max(history.end - PER_WEEK, history.first + PER_DAY)
    points = _points(history, start)
    if len(points) < 2:
        return Worth(acts=False, why="no load is known of the last week")
    plant, alike = _plant(what, rules, crew), _measured(rules)
    before = _before(history, start)
    without = score(replay(points, _ours(replace(alike, floor=None), before), plant))
    floor = replace(rules.floor or Floor(), enabled=True)
    with_it = score(replay(points, _ours(replace(alike, floor=floor), before), plant))
    return _judged(without, with_it, (history.end - start) / PER_DAY)


def _judged(without: Score, with_it: Score, days: float) -> Worth:
    lost = f"{with_it.lost:.2f} % of the load lost instead of {without.lost:.2f} %"
    cost = f"cost {with_it.cost:.2f} instead of {without.cost:.2f}"
    told = f"over the last {days:.0f} days: {lost}, {cost}"
    better = with_it.lost < without.lost
    return Worth(acts=better and with_it.cost <= MORE_COST * without.cost, why=told)


def _points(history: History, start: int) -> Sequence[tuple[float, float]]:
    slots = range(start, history.end)
    loads = ((slot, history.load(slot)) for slot in slots)
    return [(float(slot * SLOT_S), load) for slot, load in loads if load is not None]


def _before(history: History, start: int) -> History:
    """Return what was known when the replay begins; its errors are learned on the way."""
    return History(history.first, history.loads[: start - history.first])


def _plant(what: Subject, rules: Scaling, crew: Crew) -> Plant:
    return Plant(
        boot_s=(crew.boot_s or 0.0) + (rules.warm_up_s or 0.0),
        mu=1.0 if what.metric is Metric.CPU else what.each / BUSY,
        low=crew.low,
        high=crew.high,
        step_s=STEP_S,
    )


def _measured(rules: Scaling) -> Scaling:
    """Return the rules about what a replay can measure: any count per member is a rate there."""

    def alike(metric: Metric) -> Metric:
        return metric if metric is Metric.CPU else Metric.REQUESTS

    return replace(
        rules,
        mode=Mode.ON,
        targets=tuple(replace(each, metric=alike(each.metric)) for each in rules.targets),
        steps=tuple(replace(each, metric=alike(each.metric)) for each in rules.steps),
    )


def _ours(rules: Scaling, before: History) -> Ours:
    return Ours(rules=rules, epoch=EPOCH, before=before)


def at_of(now: datetime) -> float:
    """Return a moment in seconds since 1970: what slots are counted in."""
    return (now - EPOCH) / timedelta(seconds=1)
