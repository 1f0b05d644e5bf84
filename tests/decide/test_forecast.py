"""What load is expected, how sure that is, and when a forecast may act."""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster.decide.forecast import (
    GROWTH,
    PER_DAY,
    PER_WEEK,
    SLOT_S,
    History,
    Learned,
    foresee_load,
    subject,
    weighted_median,
)
from muster.decide.plant import Plant, replay
from muster.decide.presets import Ours
from muster.decide.score import score
from muster.decide.worth import MORE_COST, worth
from muster.model.scaling import (
    Crew,
    Floor,
    Metric,
    Scaling,
    StepBand,
    Steps,
    Target,
    Thresholds,
)

RULES = Scaling(
    targets=(Target(metric=Metric.REQUESTS, value=50),),
    floor=Floor(enabled=True),
    in_window_s=300,
)
CREW = Crew(desired=2, ready=2, low=1, high=100, boot_s=600)
START = 52 * PER_WEEK  # any slot, at midnight


def told(load: Callable[[int], float | None], slots: int, first: int = START) -> History:
    history = History()
    for slot in range(first, first + slots):
        history = history.with_next(slot, load(slot))
    return history


def by_day(slot: int) -> float:
    """Quiet, but for two hours at ten in the morning that begin at once."""
    return 2000.0 if 120 <= slot % PER_DAY < 144 else 100.0


def by_week(slot: int) -> float:
    return by_day(slot) if slot // PER_DAY % 7 < 5 else 100.0


# The forecast


@pytest.mark.parametrize(
    ("pairs", "median"),
    [([], None), ([(5.0, 4)], 5), ([(5.0, 4), (9.0, 3), (1.0, 2)], 5), ([(1.0, 1), (2.0, 1)], 2)],
)
def test_the_median_is_where_half_of_the_weight_lies(pairs: list[tuple[float, int]], median):
    assert weighted_median(pairs) == median


def test_it_expects_what_the_same_time_of_other_days_had():
    history = told(by_day, 3 * PER_DAY + 100)
    nine = [history.end, history.end + 10]
    assert history.expected(nine) == pytest.approx(100, rel=0.01)
    assert history.expected([history.end + 20]) == pytest.approx(2000, rel=0.01)


def test_weeks_tell_working_days_from_others():
    history = told(by_week, 3 * PER_WEEK)
    assert history.level(history.end + 5 * PER_DAY + 130) == 100
    assert history.level(history.end + 130) == 2000


def test_a_day_with_more_load_is_expected_to_go_on_so_within_bounds():
    def more_today(slot: int) -> float:
        return by_day(slot) * (1.3 if slot >= START + 3 * PER_DAY else 1)

    def twice_today(slot: int) -> float:
        return by_day(slot) * (2 if slot >= START + 3 * PER_DAY else 1)

    assert told(more_today, 3 * PER_DAY + 50).growth == pytest.approx(1.3)
    assert told(twice_today, 3 * PER_DAY + 50).growth == GROWTH[1]


def test_who_was_wrong_before_reckons_with_more():
    def restless(slot: int) -> float:
        return 100.0 + 60 * math.sin(slot * slot)

    assert told(by_day, 3 * PER_DAY).band < 1.1
    assert told(restless, 3 * PER_DAY).band > 1.2


def test_gaps_are_no_load():
    def with_gap(slot: int) -> float | None:
        return None if slot // PER_DAY % 7 == 2 else by_day(slot)

    history = told(with_gap, 4 * PER_DAY + 100)
    assert history.expected([history.end + 20]) == pytest.approx(2000, rel=0.01)
    skipped = told(by_day, PER_DAY).with_next(START + 2 * PER_DAY, 7.0)
    assert skipped.load(START + PER_DAY + 5) is None
    assert skipped.load(START + 2 * PER_DAY) == 7


def test_a_slot_is_the_mean_of_its_readings_and_known_when_it_is_over():
    at = START * SLOT_S
    learned = Learned(History(), START).seen(at, 10).seen(at + 150, None).seen(at + 299, 30)
    assert learned.history.loads == ()
    learned = learned.seen(at + 300, 99)
    assert learned.history.load(START) == 20
    assert learned.seen(at + 601, None).history.load(START + 1) == 99


@given(
    st.lists(st.none() | st.floats(0, 1e9, allow_subnormal=False), max_size=40),
    st.integers(0, 3 * PER_DAY),
)
def test_any_history_gives_no_or_a_finite_size_and_the_same_twice(loads, skip: int):
    history = told(by_day, PER_DAY)
    for slot, load in enumerate(loads, history.end + skip):
        history = history.with_next(slot, load)
    seen = [foresee_load(history, RULES, CREW, history.end * SLOT_S) for _ in range(2)]
    assert seen[0] == seen[1]
    assert seen[0].size is None or 0 <= seen[0].size < 1e12


# From load to members


def test_it_looks_as_far_ahead_as_a_member_takes_to_be_warm():
    history = told(by_day, 3 * PER_DAY + 117)  # a quarter of an hour before the rush
    now_s = history.end * SLOT_S
    slow = replace(CREW, boot_s=900)
    assert foresee_load(history, RULES, replace(CREW, boot_s=5), now_s).size == 2
    assert foresee_load(history, RULES, slow, now_s).size == 40
    warm_up = replace(RULES, warm_up_s=890)
    assert foresee_load(history, warm_up, replace(CREW, boot_s=10), now_s).size == 40


def test_without_a_day_there_is_no_forecast_and_it_says_so():
    said = foresee_load(told(by_day, 36), RULES, CREW, (START + 36) * SLOT_S)
    assert said.size is None
    assert said.why == "no forecast yet: 3.0 h of a day are known"


def test_rules_say_how_much_of_what_a_member_is_for():
    pair = Scaling(thresholds=(Thresholds(high=0.7, low=0.3),))
    steps = Scaling(steps=(Steps(metric=Metric.CUSTOM, bands=(StepBand(above=9, change=2),)),))
    assert subject(RULES) is not None
    for rules, each in ((RULES, 50), (pair, 0.5), (steps, 9)):
        what = subject(rules)
        assert what is not None
        assert what.each == pytest.approx(each)
    assert subject(Scaling()) is None


# Whether it may act


def test_a_rush_that_comes_every_day_earns_the_forecast_its_say():
    shown = worth(told(by_day, 4 * PER_DAY), RULES, CREW)
    assert shown.acts, shown.why
    assert shown.why.startswith("over the last 3 days: ")


def test_a_rush_that_never_came_before_does_not():
    def once(slot: int) -> float:
        return 2000.0 if START + 3 * PER_DAY < slot < START + 3 * PER_DAY + 20 else 100.0

    shown = worth(told(once, 4 * PER_DAY), RULES, CREW)
    assert not shown.acts
    assert "load lost instead of" in shown.why


def test_where_nothing_is_lost_nothing_is_gained():
    assert not worth(told(lambda slot: 100.0, 3 * PER_DAY), RULES, CREW).acts


def test_a_trial_takes_two_days():
    shown = worth(told(by_day, PER_DAY), RULES, CREW)
    assert not shown.acts
    assert shown.why == "tried once 48 h are known"


def test_a_replay_with_a_forecast_loses_less():
    points = [(slot * SLOT_S, by_day(slot)) for slot in range(4 * PER_DAY)]
    plant = Plant(boot_s=600, mu=80, low=1, high=100, step_s=60)
    plain = score(replay(points, Ours(rules=replace(RULES, floor=None)), plant))
    with_it = score(replay(points, Ours(rules=RULES), plant))
    assert with_it.lost < 0.6 * plain.lost
    assert with_it.cost <= MORE_COST * plain.cost
