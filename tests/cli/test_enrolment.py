"""Commands around members: where no door is open that is said, and words that are no times."""

import pytest

from muster.cli.enrolment import Lasting


@pytest.mark.system
def test_a_server_without_a_door_says_how_one_is_opened(muster):
    assert "muster init --control" in muster.refused("add-compute")
    assert "muster init --control" in muster.refused("add-compute", "--name", "m2", "--ttl", "1h")


@pytest.mark.system
def test_ways_in_are_listed_and_closed(muster):
    assert muster.asked("enrolment", "list") == []
    assert "muster add-compute" in muster.good("enrolment", "list")
    assert "no way in called 'password'" in muster.refused("enrolment", "remove", "password")


@pytest.mark.parametrize(("said", "seconds"), [("90s", 90), ("20m", 1200), ("1h", 3600)])
def test_a_time_is_a_number_and_a_letter(said, seconds):
    assert Lasting().convert(said, None, None) == seconds


@pytest.mark.system
def test_what_is_no_time_is_told(muster):
    assert "no time such as 20m" in muster.refused("add-compute", "--ttl", "soon", code=2)
