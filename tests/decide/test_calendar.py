"""When schedules are due, in which zone, and for how long."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muster.decide.calendar import in_force, just_due, last_until, next_after, schedule_fault
from muster.model.scaling import Schedule

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_the_next_time_is_after_the_moment_and_not_at_it():
    assert next_after("0 12 * * *", "UTC", NOON) == at("2030-01-02T12:00Z")
    assert next_after("0 12 * * *", "UTC", NOON - timedelta(seconds=1)) == NOON


def test_the_last_time_may_be_the_moment_itself():
    assert last_until("0 12 * * *", "UTC", NOON) == NOON
    assert last_until("0 12 * * *", "UTC", NOON - timedelta(microseconds=1)) == at(
        "2029-12-31T12:00Z"
    )


def test_a_schedule_follows_its_zone_through_summer_time():
    eight = ("0 8 * * *", "Europe/Berlin")
    assert next_after(*eight, at("2030-01-15T00:00Z")) == at("2030-01-15T07:00Z")
    assert next_after(*eight, at("2030-07-15T00:00Z")) == at("2030-07-15T06:00Z")


def test_an_hour_that_does_not_exist_does_not_stop_a_schedule():
    """On 31 March 2030 Berlin's clocks go from 02:00 to 03:00."""
    due = next_after("30 2 * * *", "Europe/Berlin", at("2030-03-31T00:00Z"))
    assert due is not None
    assert due <= at("2030-04-01T00:30Z")


@pytest.mark.parametrize(
    ("cron", "zone", "said"),
    [
        ("0 8 * *", "UTC", "five fields"),
        ("* 0 8 * * *", "UTC", "five fields"),
        ("61 8 * * *", "UTC", "names no time"),
        ("0 8 30 2 *", "UTC", "names no time"),
        ("0 8 * * *", "Berlin", "no time zone"),
        ("0 8 * * *", "../etc", "no time zone"),
        ("", "UTC", "five fields"),
    ],
)
def test_what_is_wrong_with_a_schedule_is_said(cron: str, zone: str, said: str):
    assert said in (schedule_fault(cron, zone) or "")


def test_a_good_schedule_has_no_fault():
    assert schedule_fault("*/5 8-18 * * MON-FRI", "Asia/Tokyo") is None


@settings(deadline=None)
@given(
    st.integers(0, 2 * 365 * 86400),
    st.sampled_from(["*/7 * * * *", "0 8 * * 1-5", "15 3 1 * *", "0 0 * * SUN"]),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]),
)
def test_a_moment_lies_between_the_last_time_and_the_next(second: int, cron: str, zone: str):
    moment = NOON + timedelta(seconds=second)
    last, following = last_until(cron, zone, moment), next_after(cron, zone, moment)
    assert last is not None
    assert following is not None
    assert last <= moment < following


DAY = Schedule(cron="0 8 * * *", low=5, high=9, name="day")
NIGHT = Schedule(cron="0 20 * * *", low=1, name="night")


def test_of_those_in_force_the_last_begun_says_each_bound():
    noon, night = in_force((DAY, NIGHT), NOON), in_force((DAY, NIGHT), at("2030-01-01T22:00Z"))
    assert (noon.low, noon.high, noon.by) == (5, 9, "schedule day")
    assert (night.low, night.high, night.by) == (1, 9, "schedule night and schedule day")


def test_a_schedule_with_a_duration_ends():
    short = Schedule(cron="0 8 * * *", low=5, duration_s=4 * 3600)
    assert in_force((short,), NOON - timedelta(seconds=1)).low == 5
    assert in_force((short,), NOON - timedelta(seconds=1)).next_at == NOON
    assert in_force((short,), NOON).low is None


def test_a_size_is_due_once_after_the_last_look():
    once = (Schedule(cron="0 12 * * *", desired=4, name="noon"),)
    due = just_due(once, NOON - timedelta(seconds=15), NOON)
    assert due is not None
    assert (due.desired, due.by, due.at) == (4, "schedule noon", NOON)
    assert just_due(once, NOON, NOON + timedelta(seconds=15)) is None


def test_of_two_sizes_due_since_the_last_look_the_newer_is_set():
    two = (
        Schedule(cron="0 12 * * *", desired=4),
        Schedule(cron="30 11 * * *", desired=7),
    )
    due = just_due(two, NOON - timedelta(hours=1), NOON)
    assert due is not None
    assert due.desired == 4
