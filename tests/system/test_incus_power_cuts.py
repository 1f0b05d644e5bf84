"""A member loses its power after every step of a creation: all are as new after it, each time."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import pytest

from house import Refused, until
from metal_clusters import APPLICATION, holds, new
from metal_journal import Journal
from metal_sites import JOB_S, Site, metal_site
from testbed.incus import machine
from testbed.incus.place import lacking

pytestmark = [pytest.mark.system, pytest.mark.incus, pytest.mark.slow]

ALL = ("m1", "m2")
SLOW_S = 15.0  # where it is told what took so long


@pytest.fixture(scope="module")
def it(tmp_path_factory) -> Iterator[Site]:
    if why := lacking():
        pytest.skip(why)
    with metal_site(2, tmp_path_factory.mktemp("metal") / "home") as made:
        made.register(*ALL)
        yield made


def test_whichever_step_a_member_loses_its_power_after_both_can_be_members_again(it):
    cut: list[str] = []
    after, steps = int(os.environ.get("CUTS_FROM", "1")), 1
    while after < steps or not cut:
        began = monotonic()
        it.create("c1", *ALL, application_seed_config=APPLICATION)
        steps = len(journal(it).job("c1")["entries"])
        with halted(it, after) as done:
            step = done[-1]
            # What is made for all is told to the first server, and concerns each of them.
            own = step["verb"] not in ("make an object of Incus", "set what Incus is set to")
            lost = step["server"] if own or after % 2 else "m2"
            machine.crash(it.place, lost)
        taken_back(it)
        machine.power(it.place, lost)
        job = it.job("c1")
        assert job["status"] == "turned back", job
        if monotonic() - began > SLOW_S:
            print(journal(it).told("c1"))
        it.ready(*ALL, within_s=JOB_S)
        new(it, *ALL)
        it.ask("DELETE", "/clusters/c1")
        cut.append(step["verb"])
        told = f"step {len(done)} of {steps} ({step['verb']} {step['what']})"
        print(f"{lost} without power after {told}: as new in {monotonic() - began:.1f} s")
        after = len(done) + 1
    it.create("c1", *ALL, application_seed_config=APPLICATION)
    assert it.job("c1")["status"] == "done"
    holds(it, *ALL)
    assert set(cut) == {each["verb"] for each in journal(it).job("c1")["entries"]}


def journal(it: Site) -> Journal:
    return Journal(it.office.home / "muster.db")


@contextmanager
def halted(it: Site, after: int) -> Iterator[list[dict[str, Any]]]:
    """Have Muster stand still once so many steps are over; yields those that are."""

    def over() -> list[dict[str, Any]]:
        entries = journal(it).job("c1")["entries"]
        return [each for each in entries if each["status"] == "done"]

    assert it.office.process is not None
    until(lambda: len(over()) >= after, JOB_S, lambda: f"{after} steps: {over()}", every_s=0.002)
    os.kill(it.office.process.pid, signal.SIGSTOP)
    try:
        yield over()
    finally:
        os.kill(it.office.process.pid, signal.SIGCONT)


def taken_back(it: Site) -> None:
    """Have the creation be undone, unless that has begun by itself."""
    try:
        it.ask("POST", "/clusters/c1/:rollback")
    except Refused:
        assert it.cluster("c1")["job"]["status"] == "turning back"
