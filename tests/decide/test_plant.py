"""The simulated cluster, its measures, and ours against what others document."""

from dataclasses import replace
from typing import Any

import pytest

from decide import loads
from muster.decide.plant import Load, Plant, demand, replay
from muster.decide.presets import PRESETS, Aim, Ours
from muster.decide.score import Score, score, speedup
from muster.model.scaling import Metric, Mode, Scaling, Schedule, Target, Thresholds

BY_CPU = Scaling(targets=(Target(metric=Metric.CPU, value=0.6),))
BY_REQUESTS = Scaling(targets=(Target(metric=Metric.REQUESTS, value=60),))
BY_PAIR = Scaling(thresholds=(Thresholds(high=0.7, low=0.2),))
BY_BOTH = replace(BY_CPU, targets=(*BY_CPU.targets, *BY_REQUESTS.targets))
PLANT = Plant(boot_s=120, mu=100, low=1, high=100)


def of(points: loads.Points, scaler: Any, plant: Plant = PLANT) -> Score:
    return score(replay(points, scaler, plant))


def ours(points: loads.Points, rules: Scaling, plant: Plant = PLANT) -> Score:
    return of(points, Ours(rules=rules), plant)


def preset(name: str) -> Any:
    return PRESETS[name](Aim())


class Steady:
    """An autoscaler that always wants so many."""

    name = "steady"

    def __init__(self, size: int) -> None:
        self._size = size

    def first(self) -> None:
        return None

    def decide(self, memory: None, view: Any) -> tuple[None, int]:
        return None, self._size


# The plant


def test_between_points_the_load_goes_straight():
    load = Load([(0, 0), (10, 100), (10.5, 0)])
    assert [load.at(s) for s in (-1, 0, 5, 10, 10.25, 99)] == [0, 0, 50, 100, 50, 0]


@pytest.mark.parametrize(("load", "members"), [(0, 0), (1, 1), (80, 1), (81, 2), (800, 10)])
def test_demand_keeps_members_under_four_fifths(load: float, members: int):
    assert demand(load, PLANT) == members


def test_a_member_is_ready_one_boot_after_it_was_asked_for():
    ticks = replay(loads.steady(), Steady(6), replace(PLANT, start=4)).ticks
    assert ticks[0].requested == 4
    assert next(tick.at_s for tick in ticks if tick.requested == 6) == 15
    assert next(tick.at_s for tick in ticks if tick.supply == 6) == 120


def test_load_beyond_what_the_ready_can_carry_is_lost_and_waits():
    result = of(loads.steady(300), Steady(2), replace(PLANT, start=2))
    assert result.lost == pytest.approx(100 / 3)
    assert result.under == pytest.approx(50)
    assert result.under_time == 100
    assert result.wait_p99_s > 1000


def test_a_perfect_supply_scores_nothing():
    result = of(loads.steady(300), Steady(4), replace(PLANT, start=4))
    assert (result.j, result.lost, result.cost, result.flaps) == (0, 0, 1, 0)


def test_flaps_are_turns_that_demand_did_not_make():
    class Nervous(Steady):
        def decide(self, memory: None, view: Any) -> tuple[None, int]:
            return None, 9 - view.desired

    assert of(loads.steady(until=150), Nervous(4), replace(PLANT, start=4)).flaps == 9
    assert of(loads.square(cycles=2), Steady(9)).flaps == 0


def test_speed_up_is_one_against_oneself_and_never_explodes():
    fine = ours(loads.step(2), BY_REQUESTS)
    assert speedup(fine, fine) == 1
    perfect = of(loads.steady(300), Steady(4), replace(PLANT, start=4))
    assert speedup(perfect, fine) < 1e4


# Ours, on every load of the set. Each bound is what was seen, with a little room.

CASES: dict[str, tuple[loads.Points, float, float]] = {
    # name: points, lost % at most, cost at most
    "step x2": (loads.step(2), 1.3, 1.45),
    "step x10": (loads.step(10), 2.5, 1.45),
    "ramp": (loads.ramp(), 0.0, 1.5),
    "flash crowd": (loads.flash_crowd(), 1.6, 1.5),
    "diurnal": (loads.diurnal(1), 0.0, 1.45),
    "square wave": (loads.square(), 4.5, 1.5),
    "sawtooth": (loads.sawtooth(), 2.0, 1.9),
    "steady": (loads.steady(), 0.0, 1.5),
}


@pytest.mark.parametrize("name", CASES)
def test_requests_meet_every_load_of_the_set(name: str):
    points, lost, cost = CASES[name]
    result = ours(points, BY_REQUESTS)
    assert result.lost <= lost
    assert result.cost <= cost


@pytest.mark.parametrize("rules", [BY_CPU, BY_REQUESTS, BY_PAIR, BY_BOTH])
@pytest.mark.parametrize("half_s", [150, 300, 450, 900, 1800])
def test_a_square_wave_never_makes_it_flap(rules: Scaling, half_s: float):
    assert ours(loads.square(half_s), rules).flaps == 0


@pytest.mark.parametrize("rules", [BY_CPU, BY_REQUESTS, BY_PAIR])
def test_noisy_readings_of_a_steady_load_do_not_make_it_flap(rules: Scaling):
    result = ours(loads.steady(), rules, replace(PLANT, noise=0.05))
    assert result.flaps <= 1


def test_a_step_is_answered_within_one_look_and_one_boot():
    plant = replace(PLANT, boot_s=10, step_s=1)
    result = ours(loads.step(2), BY_REQUESTS, plant)
    assert result.reaction_s <= 12


@pytest.mark.slow
def test_a_demo_of_seconds_answers_within_two_of_them():
    rules = replace(BY_REQUESTS, in_window_s=5)
    result = ours(loads.step(2), rules, replace(PLANT, boot_s=0.5, step_s=0.5))
    assert result.reaction_s <= 2


def test_silence_of_the_metric_removes_nobody():
    plant = replace(PLANT, silences=((1800, 2400),))
    ticks = replay([(0, 900), (1790, 900), (1800, 50), (2400, 50)], Ours(rules=BY_BOTH), plant)
    sizes = [tick.requested for tick in ticks.ticks if tick.at_s >= 1790]
    assert min(sizes) == max(sizes)


def test_after_the_silence_a_whole_window_is_watched_before_anyone_goes():
    plant = replace(PLANT, silences=((1800, 2400),))
    points = [(0, 900), (1790, 900), (1800, 50), (4000, 50)]
    ticks = replay(points, Ours(rules=BY_BOTH), plant).ticks
    full = next(tick.requested for tick in ticks if tick.at_s == 2400)
    shrunk = next(tick.at_s for tick in ticks if tick.at_s > 2400 and tick.requested < full)
    assert shrunk >= 2400 + 3 * plant.boot_s


def test_it_goes_to_nothing_in_silence_and_comes_back_on_the_first_request():
    plant = replace(PLANT, low=0, boot_s=10)
    ticks = replay(loads.on_off(), Ours(rules=BY_REQUESTS), plant).ticks
    at_night = [tick.requested for tick in ticks if 5000 < tick.at_s < 3 * loads.HOUR]
    assert set(at_night) == {0}
    assert ticks[-1].supply >= ticks[-1].demand


def test_one_member_that_gets_weaker_is_made_up_for():
    plant = replace(PLANT, leak=0.01, boot_s=30)
    result = ours(loads.steady(300, 3 * loads.HOUR), BY_CPU, plant)
    assert result.lost == 0


@pytest.mark.slow
def test_a_growing_week_is_followed():
    plant = replace(PLANT, step_s=60)
    result = ours(loads.week(growth=0.05), BY_REQUESTS, plant)
    assert result.lost == 0
    assert result.cost < 1.45


def test_a_schedule_has_members_ready_before_a_known_crowd():
    known = replace(BY_REQUESTS, schedules=(Schedule(cron="25 0 * * *", low=34, duration_s=3600),))
    assert ours(loads.flash_crowd(), known).lost == 0
    assert ours(loads.flash_crowd(), BY_REQUESTS).lost > 1


def test_shadow_rules_are_replayed_as_if_they_were_on():
    shadow = replace(BY_REQUESTS, mode=Mode.SHADOW)
    assert ours(loads.step(2), shadow) == ours(loads.step(2), BY_REQUESTS)


def test_the_same_replay_gives_the_same_trajectory():
    plant = replace(PLANT, noise=0.1)
    once = replay(loads.step(2), Ours(rules=BY_CPU), plant)
    assert replay(loads.step(2), Ours(rules=BY_CPU), plant) == once


# Ours against the presets


@pytest.mark.parametrize("rules", [BY_CPU, BY_REQUESTS, BY_PAIR, BY_BOTH])
@pytest.mark.parametrize("other", ["thresholds", "aws"])
def test_in_a_flash_crowd_ours_beats_thresholds_and_aws(rules: Scaling, other: str):
    points = loads.flash_crowd()
    assert ours(points, rules).j < of(points, preset(other)).j


@pytest.mark.parametrize("other", list(PRESETS))
@pytest.mark.parametrize("boot_s", [10, 30, 120, 300])
def test_offered_load_loses_no_more_than_any_preset_whatever_the_boot(other: str, boot_s: float):
    plant = replace(PLANT, boot_s=boot_s)
    points = loads.flash_crowd()
    assert ours(points, BY_REQUESTS, plant).lost <= of(points, preset(other), plant).lost + 0.01


@pytest.fixture(scope="module")
def bank() -> tuple[loads.Points, Plant]:
    return loads.bank_calls(), replace(PLANT, mu=20, step_s=60)


@pytest.mark.slow
@pytest.mark.parametrize("other", ["thresholds", "aws"])
@pytest.mark.parametrize("metric", [Metric.CPU, Metric.REQUESTS])
def test_on_calls_to_a_bank_ours_beats_thresholds_and_aws(
    bank: tuple[loads.Points, Plant], other: str, metric: Metric
):
    points, plant = bank
    value = 0.6 if metric is Metric.CPU else 0.6 * plant.mu
    rules = Scaling(targets=(Target(metric=metric, value=value),))
    assert ours(points, rules, plant).j <= of(points, preset(other), plant).j


@pytest.mark.slow
def test_on_calls_to_a_bank_the_pair_of_thresholds_loses_nothing(
    bank: tuple[loads.Points, Plant],
):
    """A pair keeps still within its wide band, as promised, and pays for it; it is not a target."""
    points, plant = bank
    result = ours(points, BY_PAIR, plant)
    assert result.lost == 0
    assert result.cost < 1.9
