"""What `react` answers, limiter by limiter."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from muster.decide.scaling import in_window, react, remembered, repeats
from muster.model.scaling import (
    Changed,
    Crew,
    Decision,
    Direction,
    Floor,
    Metric,
    Mode,
    Past,
    Rate,
    Recommended,
    Sample,
    Scaling,
    Schedule,
    StepBand,
    Steps,
    Target,
    Thresholds,
    Verdict,
)

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
PAIR = Thresholds(high=0.7, low=0.2)
REQUESTS = Target(metric=Metric.REQUESTS, value=50)
AT_ONCE = Scaling(thresholds=(PAIR,), rates=(), in_window_s=0)
BY_REQUESTS = Scaling(targets=(REQUESTS,), rates=(), in_window_s=0)
BOTH = replace(AT_ONCE, targets=(REQUESTS,))


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


def low_for(seconds: float, size: int, every: float = 15) -> Past:
    count = int(seconds / every)
    return Past(
        recommended=tuple(
            Recommended(at=ago(every * back), size=size) for back in range(count, 0, -1)
        )
    )


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


# Windows


def test_out_needs_no_window_unless_one_is_set():
    assert react(Scaling(thresholds=(PAIR,)), [cpu(0.71)], Past(), crew(), NOW).after == 13
    slow = replace(AT_ONCE, out_window_s=60)
    decision = react(slow, [cpu(0.71)], Past(), crew(), NOW)
    assert (decision.after, limiters(decision)) == (8, ["window"])
    assert decision.next_at == NOW + timedelta(seconds=60)
    assert react(slow, [cpu(0.71)], low_for(75, 13), crew(), NOW).after == 13
    assert react(slow, [cpu(0.71)], low_for(75, 10), crew(), NOW).after == 10


@pytest.mark.parametrize(("boot", "window"), [(None, 300), (5, 300), (100, 300), (200, 600)])
def test_the_in_window_is_several_boots_unless_it_is_set(boot: float | None, window: float):
    assert in_window(Scaling(), crew(boot_s=boot)) == window
    assert in_window(Scaling(in_window_s=7), crew(boot_s=boot)) == 7


def test_a_low_must_last_and_the_countdown_says_how_long():
    rules = Scaling(thresholds=(PAIR,), rates=())
    decision = react(rules, [cpu(0.1)], low_for(200, 2, every=20), crew(), NOW)
    assert (decision.verdict, decision.wanted, decision.after) == (Verdict.HOLD, 2, 8)
    assert limiters(decision) == ["window"]
    assert decision.next_at == NOW + timedelta(seconds=100)
    assert decision.next_how == "8 -> 2 unless CPU rises above 20 %"


def test_after_the_window_the_highest_wish_within_it_is_kept():
    rules = Scaling(thresholds=(PAIR,), rates=())
    past = low_for(330, 2)
    assert react(rules, [cpu(0.1)], past, crew(), NOW).after == 2
    busier = replace(past, recommended=(*past.recommended, Recommended(at=ago(1), size=5)))
    assert react(rules, [cpu(0.1)], busier, crew(), NOW).after == 5
    busy = replace(past, recommended=(*past.recommended, Recommended(at=ago(1), size=20)))
    assert react(rules, [cpu(0.1)], busy, crew(), NOW).after == 8


def test_an_engine_that_has_just_started_watches_a_whole_window_before_it_removes():
    rules = Scaling(thresholds=(PAIR,), rates=())
    assert react(rules, [cpu(0.1)], Past(), crew(), NOW).after == 8


# Rates, cooldown, warm-up


def test_the_rate_counts_what_was_done_within_its_period():
    rules = Scaling(thresholds=(PAIR,))
    samples = [cpu(1.0, members=8)]
    first = react(rules, samples, Past(), crew(), NOW)
    assert (first.wanted, first.after, limiters(first)) == (18, 16, ["rate"])
    assert first.formula == "CPU 100 % / 45 % x 8 = 17.8 -> 18; limited to +8/15 s -> 16"
    past = Past(changes=(Changed(at=ago(5), before=8, after=16),))
    again = react(rules, samples, past, crew(16, ready=8, warming=8), NOW)
    assert again.after == 16
    assert again.next_at == NOW + timedelta(seconds=10)
    later = Past(changes=(Changed(at=ago(15), before=8, after=16),))
    assert react(rules, samples, later, crew(16, ready=8, warming=8), NOW).after == 18


def test_a_small_cluster_may_grow_by_four_at_once():
    assert react(Scaling(targets=(REQUESTS,)), [requests(500, 1)], Past(), crew(1), NOW).after == 5


def test_the_tightest_of_several_rates_decides():
    slow = Rate(direction=Direction.OUT, members=2, percent=0, period_s=60)
    rules = replace(AT_ONCE, rates=(*Scaling().rates, slow))
    assert react(rules, [cpu(1.0)], Past(), crew(), NOW).after == 10


def test_a_rate_of_nothing_forbids_a_direction():
    rules = replace(AT_ONCE, rates=(Rate(direction=Direction.IN, members=0, percent=0),))
    assert react(rules, [cpu(0.1)], Past(), crew(), NOW).after == 8


def test_the_in_rate_counts_removals_only():
    rules = replace(AT_ONCE, rates=(Rate(direction=Direction.IN, members=2, percent=0),))
    past = Past(changes=(Changed(at=ago(5), before=9, after=8),))
    assert react(rules, [cpu(0.1)], past, crew(), NOW).after == 7


def test_cooldown_delays_removals_and_never_additions():
    rules = replace(AT_ONCE, cooldown_s=60)
    past = Past(changes=(Changed(at=ago(30), before=9, after=8),))
    decision = react(rules, [cpu(0.1)], past, crew(), NOW)
    assert (decision.after, limiters(decision)) == (8, ["cooldown"])
    assert decision.next_at == NOW + timedelta(seconds=30)
    assert react(rules, [cpu(0.9)], past, crew(), NOW).after == 16
    over = Past(changes=(Changed(at=ago(60), before=9, after=8),))
    assert react(rules, [cpu(0.1)], over, crew(), NOW).after == 2


def test_nothing_is_removed_while_what_was_ordered_is_still_on_the_way():
    past = Past(changes=(Changed(at=ago(30), before=4, after=8),))
    warming = crew(ready=4, warming=4, boot_s=60)
    decision = react(AT_ONCE, [cpu(0.1, 4)], past, warming, NOW)
    assert (decision.after, limiters(decision)) == (8, ["warm-up"])


def test_members_that_never_get_ready_do_not_keep_a_cluster_large_for_ever():
    past = Past(changes=(Changed(at=ago(181), before=4, after=8),))
    warming = crew(ready=4, warming=4, boot_s=60)
    assert react(AT_ONCE, [cpu(0.1, 4)], past, warming, NOW).after == 2


# Bounds, modes, forecast


def test_the_bounds_hold_and_say_so():
    decision = react(AT_ONCE, [cpu(1.0)], Past(), crew(high=10), NOW)
    assert (decision.wanted, decision.after, limiters(decision)) == (18, 10, ["max"])
    decision = react(AT_ONCE, [cpu(0.1)], Past(), crew(low=6), NOW)
    assert (decision.wanted, decision.after, limiters(decision)) == (2, 6, ["min"])


def test_a_cluster_outside_its_bounds_is_brought_back_without_any_data():
    assert react(AT_ONCE, [], Past(), crew(low=10), NOW).after == 10
    assert react(AT_ONCE, [], Past(), crew(high=4), NOW).after == 4


def test_nobody_waits_for_what_the_bounds_forbid_anyway():
    decision = react(Scaling(thresholds=(PAIR,)), [cpu(0.1)], Past(), crew(low=8), NOW)
    assert limiters(decision) == ["min"]
    assert decision.next_at is None


def test_shadow_mode_decides_and_changes_nothing():
    decision = react(replace(AT_ONCE, mode=Mode.SHADOW), [cpu(0.71)], Past(), crew(), NOW)
    assert (decision.verdict, decision.wanted, decision.after) == (Verdict.HOLD, 13, 8)
    assert limiters(decision) == ["mode"]


def test_out_only_adds_and_never_removes():
    rules = replace(AT_ONCE, mode=Mode.OUT_ONLY)
    assert react(rules, [cpu(0.71)], Past(), crew(), NOW).after == 13
    decision = react(rules, [cpu(0.1)], Past(), crew(), NOW)
    assert (decision.after, limiters(decision)) == (8, ["mode"])


def test_a_forecast_is_a_floor_and_nothing_else():
    rules = replace(AT_ONCE, floor=Floor(enabled=True))
    assert react(rules, [cpu(0.5)], Past(), crew(foreseen=12), NOW).after == 12
    assert react(rules, [cpu(0.5)], Past(), crew(foreseen=3), NOW).after == 8
    assert react(rules, [cpu(0.1)], Past(), crew(foreseen=5), NOW).after == 5
    assert react(rules, [cpu(0.5)], Past(), crew(foreseen=500), NOW).after == 100
    off = replace(AT_ONCE, floor=Floor(enabled=False))
    assert react(off, [cpu(0.5)], Past(), crew(foreseen=12), NOW).after == 8


# Schedules


def scheduled(**but: Any) -> Scaling:
    return replace(AT_ONCE, schedules=(Schedule(**{"cron": "0 8 * * *", "name": "day"} | but),))


def test_a_schedule_narrows_the_bounds_while_it_is_in_force():
    decision = react(scheduled(low=12), [cpu(0.5)], Past(), crew(), NOW)
    assert (decision.after, limiters(decision)) == (12, ["min"])
    assert "at least 12 by schedule day" in decision.reason
    assert react(scheduled(high=5), [cpu(0.5)], Past(), crew(), NOW).after == 5
    assert react(scheduled(low=12, duration_s=3600), [cpu(0.5)], Past(), crew(), NOW).after == 8
    assert react(scheduled(low=12, duration_s=5 * 3600), [cpu(0.5)], Past(), crew(),
                 NOW).after == 12  # fmt: skip


def test_a_schedule_never_leaves_the_bounds_of_the_cluster():
    assert react(scheduled(low=500), [cpu(0.5)], Past(), crew(high=20), NOW).after == 20
    assert react(scheduled(high=0), [cpu(0.5)], Past(), crew(low=3), NOW).after == 3


def test_a_scheduled_size_is_set_once_at_its_time_and_past_every_window():
    rules = replace(scheduled(cron="0 12 * * *", desired=3), in_window_s=300)
    due = react(rules, [cpu(0.5)], low_for(30, 8), crew(), NOW)
    assert (due.verdict, due.after) == (Verdict.IN, 3)
    assert due.reason == "schedule day came due: 8 -> 3"
    later = NOW + timedelta(seconds=15)
    past = remembered(low_for(30, 8), due, rules, crew(), NOW)
    assert react(rules, [cpu(0.5, 6)], past, crew(6), later).verdict is Verdict.HOLD


def test_a_crowd_at_the_time_of_a_schedule_still_gets_its_members():
    rules = scheduled(cron="0 12 * * *", desired=3)
    assert react(rules, [cpu(0.9)], Past(), crew(), NOW).after == 16


def test_the_next_turn_of_a_schedule_is_told():
    decision = react(scheduled(low=2), [cpu(0.5)], Past(), crew(), NOW)
    assert decision.next_at == datetime(2030, 1, 2, 8, tzinfo=UTC)


# What is remembered


def test_of_equal_wishes_in_a_row_the_first_and_the_last_are_remembered():
    past, rules = Past(), Scaling(thresholds=(PAIR,))
    for second in range(0, 150, 15):
        now = NOW + timedelta(seconds=second)
        decision = react(rules, [replace(cpu(0.5), at=now)], past, crew(), now)
        past = remembered(past, decision, rules, crew(), now)
    assert [each.at for each in past.recommended] == [NOW, now]


def test_what_no_limiter_can_ask_about_is_forgotten():
    rules = AT_ONCE
    past = Past(
        changes=(Changed(at=ago(4000), before=1, after=2), Changed(at=ago(1), before=2, after=8)),
        recommended=tuple(Recommended(at=ago(each), size=each) for each in (5000, 4000, 10)),
    )
    decision = react(rules, [cpu(0.5)], past, crew(), NOW)
    kept = remembered(past, decision, rules, crew(), NOW)
    assert [change.at for change in kept.changes] == [ago(1)]
    assert [each.at for each in kept.recommended] == [ago(4000), ago(10), NOW]


def test_a_change_is_remembered_and_a_shadow_is_not():
    decision = react(AT_ONCE, [cpu(0.71)], Past(), crew(), NOW)
    past = remembered(Past(), decision, AT_ONCE, crew(), NOW)
    assert past.changes == (Changed(at=NOW, before=8, after=13),)
    shadow = replace(AT_ONCE, mode=Mode.SHADOW)
    decision = react(shadow, [cpu(0.71)], Past(), crew(), NOW)
    assert remembered(Past(), decision, shadow, crew(), NOW).changes == ()


def test_the_same_hold_with_other_numbers_is_a_repetition():
    first = react(AT_ONCE, [cpu(0.5)], Past(), crew(), NOW)
    assert repeats(first, react(AT_ONCE, [cpu(0.6)], Past(), crew(), NOW))
    assert not repeats(first, react(AT_ONCE, [cpu(None)], Past(), crew(), NOW))
    assert not repeats(first, react(AT_ONCE, [cpu(0.9)], Past(), crew(), NOW))


def test_every_cut_tells_what_it_took_and_the_last_one_what_is_done():
    rules = Scaling(thresholds=(PAIR,))
    decision = react(rules, [cpu(1.0)], Past(), crew(high=17), NOW)
    assert [(cut.limiter, cut.before, cut.after) for cut in decision.cuts] == [
        ("max", 18, 17),
        ("rate", 17, 16),
    ]
    assert all(cut.why for cut in decision.cuts)
