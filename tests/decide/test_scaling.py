"""What `react` answers, rule by rule."""

from dataclasses import replace

import pytest

from decide.readings import AT_ONCE, NOW, PAIR, REQUESTS, cpu, crew, limiters, requests
from muster.decide.scaling import react
from muster.model.scaling import (
    Metric,
    Past,
    Sample,
    Scaling,
    StepBand,
    Steps,
    Thresholds,
    Verdict,
)

BY_REQUESTS = Scaling(targets=(REQUESTS,), rates=(), in_window_s=0)


BOTH = replace(AT_ONCE, targets=(REQUESTS,))


# What the rules ask for


def test_above_the_high_threshold_it_adds_for_the_middle_of_the_band_and_shows_the_sum():
    decision = react(AT_ONCE, [cpu(0.71)], Past(), crew(), NOW)
    assert (decision.verdict, decision.after) == (Verdict.OUT, 13)
    assert decision.formula == "CPU 71 % / 45 % x 8 = 12.6 -> 13"
    assert decision.reason == "CPU 71 % is above 70 %: 8 -> 13"


def test_between_the_thresholds_nothing_happens():
    for mean in (0.2, 0.45, 0.7):
        decision = react(AT_ONCE, [cpu(mean)], Past(), crew(), NOW)
        assert (decision.verdict, decision.after, decision.cuts) == (Verdict.HOLD, 8, ())


def test_below_the_low_threshold_it_removes():
    decision = react(AT_ONCE, [cpu(0.1)], Past(), crew(), NOW)
    assert (decision.verdict, decision.after) == (Verdict.IN, 2)
    assert decision.reason == "CPU 10 % is below 20 %: 8 -> 2"


def test_a_narrow_band_removes_at_least_one_where_that_does_not_flap():
    narrow = replace(AT_ONCE, thresholds=(Thresholds(high=0.5, low=0.4),))
    assert react(narrow, [cpu(0.39, 5)], Past(), crew(5), NOW).after == 4


def test_a_removal_that_would_be_undone_at_once_is_not_made():
    narrow = replace(AT_ONCE, thresholds=(Thresholds(high=0.5, low=0.4),))
    decision = react(narrow, [cpu(0.39, 2)], Past(), crew(2), NOW)
    assert (decision.after, limiters(decision)) == (2, ["flap"])
    assert "would exceed CPU 50 % again" in decision.reason


def test_a_removal_is_checked_against_the_thresholds_of_every_rule():
    rules = replace(AT_ONCE, thresholds=(Thresholds(high=0.9, low=0.5), PAIR))
    decision = react(rules, [cpu(0.19)], Past(), crew(), NOW)
    assert decision.after == 4  # 3 would do for the middle of the first band, not for the second
    assert react(replace(rules, thresholds=rules.thresholds[:1]), [cpu(0.19)], Past(), crew(),
                 NOW).after == 3  # fmt: skip


def test_a_target_keeps_still_within_its_tolerance():
    for mean, after in ((45.1, 8), (54.9, 8), (56, 9), (44, 8), (43, 7)):
        decision = react(BY_REQUESTS, [requests(mean)], Past(), crew(), NOW)
        assert decision.after == after, mean


def test_offered_load_sees_a_spike_that_processor_time_cannot():
    assert react(AT_ONCE, [cpu(1.0)], Past(), crew(), NOW).after == 18
    assert react(BY_REQUESTS, [requests(500)], Past(), crew(), NOW).after == 80


def test_members_on_the_way_count_so_that_one_crowd_is_not_ordered_twice():
    decision = react(AT_ONCE, [cpu(0.9, 4)], Past(), crew(8, ready=4, warming=4), NOW)
    assert (decision.verdict, decision.after) == (Verdict.HOLD, 8)
    assert "are enough" in decision.reason


def test_several_rules_add_if_any_says_so():
    decision = react(BOTH, [cpu(0.1), requests(100)], Past(), crew(), NOW)
    assert (decision.verdict, decision.after) == (Verdict.OUT, 16)


def test_several_rules_remove_only_if_all_agree():
    assert react(BOTH, [cpu(0.1), requests(50)], Past(), crew(), NOW).after == 8
    assert react(BOTH, [cpu(0.1), requests(20)], Past(), crew(), NOW).after == 4


STEPS = Steps(
    metric=Metric.CPU,
    bands=(
        StepBand(above=0.0, change=-1),
        StepBand(above=0.3, change=0),
        StepBand(above=0.7, change=1),
        StepBand(above=0.9, change=4),
    ),
)


@pytest.mark.parametrize(
    ("mean", "after"), [(0.1, 7), (0.3, 8), (0.69, 8), (0.7, 9), (0.89, 9), (0.9, 12), (1.0, 12)]
)
def test_steps_change_by_the_band_that_the_metric_is_in(mean: float, after: int):
    rules = Scaling(steps=(STEPS,), rates=(), in_window_s=0)
    assert react(rules, [cpu(mean)], Past(), crew(), NOW).after == after


def test_a_step_seen_twice_orders_once():
    rules = Scaling(steps=(STEPS,), rates=(), in_window_s=0)
    decision = react(rules, [cpu(0.95)], Past(), crew(12, ready=8, warming=4), NOW)
    assert decision.after == 12


def test_a_cluster_without_rules_holds():
    decision = react(Scaling(), [], Past(), crew(), NOW)
    assert (decision.verdict, decision.reason) == (
        Verdict.HOLD,
        "holding 8: no rule asks for a change",
    )


# Nothing and nobody


def test_processor_time_never_takes_the_last_member_away():
    assert react(AT_ONCE, [cpu(0.0, 2)], Past(), crew(2, low=0), NOW).after == 1


def test_requests_take_the_last_member_away_only_when_there_are_none():
    assert react(BY_REQUESTS, [requests(0, 2)], Past(), crew(2, low=0), NOW).after == 0
    assert react(BY_REQUESTS, [requests(0.1, 2)], Past(), crew(2, low=0), NOW).after == 1


def test_requests_to_an_empty_cluster_wake_it():
    decision = react(BY_REQUESTS, [requests(120, members=0)], Past(), crew(0, low=0), NOW)
    assert decision.after == 3


# Missing data


@pytest.mark.parametrize(
    "samples",
    [
        [],
        [cpu(None)],
        [cpu(0.1, seconds=61)],
        [cpu(0.1, seconds=15), cpu(None)],
        [requests(0)],
    ],
)
def test_missing_data_is_never_low_load(samples: list[Sample]):
    decision = react(AT_ONCE, samples, Past(), crew(), NOW)
    assert (decision.verdict, decision.after) == (Verdict.HOLD, 8)
    assert limiters(decision) == ["missing data"]


def test_a_step_down_needs_a_reading_too():
    rules = Scaling(steps=(STEPS,), rates=(), in_window_s=0)
    assert react(rules, [cpu(0.1, seconds=15), cpu(None)], Past(), crew(), NOW).after == 8


def test_the_age_of_the_last_point_is_told():
    decision = react(AT_ONCE, [cpu(0.5, seconds=95)], Past(), crew(), NOW)
    assert decision.reason == "holding 8: the last CPU point is 95 s old"
    assert decision.inputs["cpu"] is None
    assert decision.inputs["cpu_age_s"] == 95


def test_one_silent_metric_keeps_the_others_from_removing_but_not_from_adding():
    assert react(BOTH, [cpu(0.1)], Past(), crew(), NOW).after == 8
    assert react(BOTH, [cpu(0.9)], Past(), crew(), NOW).after == 16
    assert react(BOTH, [requests(20), cpu(None)], Past(), crew(), NOW).after == 8


def test_a_reading_that_is_still_young_may_add_though_the_newest_is_missing():
    decision = react(AT_ONCE, [cpu(0.9, seconds=15), cpu(None)], Past(), crew(), NOW)
    assert decision.verdict is Verdict.OUT


def test_how_old_a_sample_may_be_can_be_set():
    rules = replace(AT_ONCE, stale_after_s=5)
    assert react(rules, [cpu(0.9, seconds=6)], Past(), crew(), NOW).after == 8
    assert react(rules, [cpu(0.9, seconds=4)], Past(), crew(), NOW).after == 16
