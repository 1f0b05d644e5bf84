"""What holds a size back: windows, rates, cooldown, bounds and schedules."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from decide.readings import AT_ONCE, NOW, PAIR, REQUESTS, ago, cpu, crew, limiters, requests
from muster.decide.scaling import in_window, react, remembered, repeats
from muster.model.scaling import (
    Changed,
    Direction,
    Floor,
    Mode,
    Past,
    Rate,
    Recommended,
    Scaling,
    Schedule,
    Verdict,
)


def low_for(seconds: float, size: int, every: float = 15) -> Past:
    count = int(seconds / every)
    return Past(
        recommended=tuple(
            Recommended(at=ago(every * back), size=size) for back in range(count, 0, -1)
        )
    )


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
