"""Ways in: what a string says, how a way stands, and how long whoever is wrong has to wait."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muster.base.errors import Invalid
from muster.model.enrolment import (
    FREE_TRIES,
    Enrolment,
    JoinString,
    Standing,
    passed,
    read_string,
    standing,
    tried,
    wait_s,
)

NOW = datetime(2030, 1, 1, tzinfo=UTC)
STRING = Enrolment(
    id=UUID(int=1),
    created_at=NOW,
    salt="00",
    cost=16,
    kept="",
    expires_at=NOW + timedelta(minutes=20),
)
PASSWORD = replace(STRING, expires_at=None)


def test_a_string_is_good_once_and_to_its_end_for_who_used_it():
    used = passed(STRING, NOW, "m2", "digest")
    assert standing(STRING, NOW) is Standing.OPEN
    assert standing(used, NOW, "other") is Standing.USED
    assert standing(used, NOW) is Standing.USED
    assert standing(used, NOW, "digest") is Standing.OPEN
    assert standing(used, NOW + timedelta(minutes=20), "digest") is Standing.EXPIRED


def test_a_password_is_good_again_and_again():
    assert standing(passed(PASSWORD, NOW, "m2", "digest"), NOW, "other") is Standing.OPEN


@given(gaps=st.lists(st.floats(0, 120), max_size=60))
def test_nobody_gets_more_than_five_wrong_tries_into_any_minute(gaps):
    way, now, taken = PASSWORD, NOW, []
    for gap in gaps:
        now += timedelta(seconds=gap)
        if not wait_s(way, now):
            way = tried(way, now)
            taken.append(now)
    for first in taken:
        assert sum(first <= each < first + timedelta(minutes=1) for each in taken) <= 5


def test_long_after_a_wrong_try_it_is_forgotten():
    way = PASSWORD
    for _ in range(FREE_TRIES + 3):
        way = tried(way, NOW)
    later = NOW + timedelta(minutes=15)
    assert wait_s(way, NOW) == 60
    assert wait_s(tried(way, later), later) == 0


def test_a_string_says_all_and_comes_back_whole():
    string = JoinString(
        address="[fd00::1]:8779", fingerprint="ab" * 32, id=UUID(int=7), secret="s3cret"
    )
    assert read_string(f" {str(string)[:40]}\n{str(string)[40:]}\n") == string


@pytest.mark.parametrize("said", ["", "abc", "%%%", "e30=", "bnVsbA==", "x" * 300])
def test_what_is_no_string_is_refused_without_showing_it(said):
    with pytest.raises(Invalid, match="no join string") as refused:
        read_string(said)
    assert len(said) < 4 or said not in refused.value.text
