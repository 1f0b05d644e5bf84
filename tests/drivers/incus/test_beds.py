"""Testbeds that nobody uses any more are told from those in use."""

import os

from testbed.incus.bed import held, is_stale

GONE = str(2**22 + 1)  # no process has so high a number


def test_a_testbed_in_use_is_left_alone(tmp_path):
    base = tmp_path / "bed"
    with held(base):
        assert not is_stale(base, str(os.getpid()))


def test_a_testbed_whose_run_was_killed_is_stale_even_if_its_number_lives_on(tmp_path):
    base = tmp_path / "bed"
    (tmp_path / "bed.held").touch()  # as left by somebody who was killed
    assert is_stale(base, str(os.getpid()))
    assert is_stale(base, GONE)


def test_a_testbed_of_an_earlier_kind_is_judged_by_its_number(tmp_path):
    assert not is_stale(tmp_path / "bed", str(os.getpid()))
    assert is_stale(tmp_path / "bed", GONE)
