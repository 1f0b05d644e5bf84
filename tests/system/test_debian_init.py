"""`muster init` on whole machines with Debian: packages, services, restarts, and power cuts."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pexpect
import pytest

from house import until
from testbed.debian import bed
from testbed.incus import machine
from testbed.incus.place import Place, address

pytestmark = [pytest.mark.system, pytest.mark.incus, pytest.mark.slow]

PASSWORD = "correct horse"
BACKPORTS = "etc/apt/sources.list.d/muster-backports.sources"
USERS = "usr/lib/sysusers.d/incus.conf"  # of which systemd makes groups at the next start
COMES_BACK_S = 300


@contextmanager
def lent(suite: str, count: int) -> Iterator[Place]:
    if why := bed.lacking():
        pytest.skip(why)
    with bed.lent_debian(suite, count) as place:
        for member in place.members():
            bed.boot(place, member)
        yield place


def said(place: Place, member: str, *words: str) -> str:
    done = bed.on(place, member, *words)
    if done.returncode:
        pytest.fail(f"{words}: {done.stdout[-2000:]} {done.stderr[-2000:]}\n{how(place, member)}")
    return done.stdout


def typed(place: Place, member: str, *answers: tuple[str, str]) -> str:
    """Return what `muster init` says at last to whoever answers so in a terminal."""
    line = bed.inside(place, member, "muster", "init", "--uplink", "eth1")
    child: Any = pexpect.spawn(
        line[0], line[1:], timeout=300, encoding="utf-8", dimensions=(40, 250)
    )
    try:
        for question, answer in answers:
            child.expect(question)
            child.sendline(answer)
        child.expect(pexpect.EOF)
        child.wait()
        assert child.exitstatus == 0, child.before
        return str(child.before)
    finally:
        child.close(force=True)


def runs(place: Place, member: str, unit: str) -> bool:
    for asked in ("is-active", "is-enabled"):
        if bed.on(place, member, "systemctl", asked, "--quiet", unit).returncode:
            return False
    return True


def answers(place: Place, member: str) -> bool:
    return bed.on(place, member, "muster", "cloud", "list").returncode == 0


def members(place: Place) -> dict[str, str]:
    listed = json.loads(said(place, "m1", "incus", "cluster", "list", "--format", "json"))
    return {each["server_name"]: each["status"] for each in listed}


def how(place: Place, member: str) -> str:
    """Return what a machine tells of its services, for whoever reads that a test failed."""
    return bed.on(place, member, "journalctl", "--no-pager", "-n", "60").stdout


def is_back(place: Place, member: str) -> None:
    until(lambda: answers(place, member), COMES_BACK_S, lambda: how(place, member))


def test_two_bare_machines_become_a_cluster_though_one_loses_its_power_meanwhile():
    with lent("bookworm", 2) as place:
        first = address("m1")
        asked = (
            ("clustering", "yes"),
            ("role", "control"),
            ("enter a cluster password", PASSWORD),
            ("re-enter", PASSWORD),
            (f"control node .*{first}", ""),
        )
        told = typed(place, "m1", *asked, ("Install it now", "yes"))
        assert "Only bookworm-backports has Incus" in told
        assert f"m1 is the control machine, at {first}" in told
        assert f"{first}:8779" in told
        assert "muster init --compute --join " in told
        sources = (place.folder("m1") / "upper" / BACKPORTS).read_text()
        assert "Suites: bookworm-backports\n" in sources
        assert runs(place, "m1", "muster")
        said(place, "m1", "systemd-analyze", "verify", "muster.service")

        # Cut off while packages are unpacked, the other machine is finished by the same line.
        string = said(place, "m1", "muster", "add-compute").strip()
        join = ("muster", "init", "--compute", "--join", string)
        cut_off_while_packages_are_unpacked(place, "m2", *join)
        what_is_begun_and_comes_to_nothing_is_undone(place, *join)
        said(place, "m2", *join)
        assert said(place, "m2", "dpkg", "--audit") == ""
        both = {"m1": "Online", "m2": "Online"}  # by heartbeats, seconds apart
        until(lambda: members(place) == both, 180, lambda: members(place))
        until(lambda: runs(place, "m2", "muster-agent"), 180, lambda: how(place, "m2"))
        said(place, "m2", "systemd-analyze", "verify", "muster-agent.service")
        killed_it_is_started_again(place, "m2", "muster-agent")
        killed_it_is_started_again(place, "m1", "muster")
        is_back(place, "m1")
        again = said(place, "m2", *join)
        assert "nothing was changed" in again
        launched = ("muster", "launch", "muster-small", "--name", "first")
        assert "first runs on m2" in said(place, "m1", *launched, "--availability-zone", "nova:m2")


def what_is_begun_and_comes_to_nothing_is_undone(place: Place, *join: str) -> None:
    """Have a machine join that can run no instance; it is none of the cluster's, nor says so."""
    alias = ("incus", "image", "alias")
    listed = json.loads(said(place, "m1", *alias, "list", "--format", "json"))
    [image] = [each["target"] for each in listed if each["name"] == "muster-small"]
    said(place, "m1", *alias, "delete", "muster-small")
    done = bed.on(place, "m2", *join)
    assert (done.returncode, "could not run an instance" in done.stderr) == (1, True), done
    assert set(members(place)) == {"m1"}
    about = json.loads(said(place, "m2", "incus", "query", "/1.0"))["environment"]
    assert not about["server_clustered"]
    assert not runs(place, "m2", "muster-agent")
    said(place, "m1", *alias, "create", "muster-small", image)


def killed_it_is_started_again(place: Place, member: str, unit: str) -> None:
    before = process_of(place, member, unit)
    until(lambda: listens(place, member, before), 180, lambda: how(place, member))
    said(place, member, "sh", "-c", f"kill -9 {before}")

    def is_another() -> bool:
        now = process_of(place, member, unit)
        return now not in ("0", before) and listens(place, member, now)

    until(is_another, COMES_BACK_S, lambda: how(place, member), every_s=0.2)
    assert runs(place, member, unit)


def process_of(place: Place, member: str, unit: str) -> str:
    show = ("systemctl", "show", "--property", "MainPID", "--value")
    return said(place, member, *show, unit).strip()


def listens(place: Place, member: str, process: str) -> bool:
    return f"pid={process}," in said(
        place, member, "ss", "--listening", "--processes", "--no-header"
    )


def cut_off_while_packages_are_unpacked(place: Place, member: str, *line: str) -> None:
    began = bed.begun(place, member, *line)
    there = place.folder(member) / "upper" / USERS
    until(there.exists, 300, lambda: f"unpacked: {began.poll()}", every_s=0.002)
    machine.crash(place, member)
    began.wait(120)
    bed.boot(place, member)
    assert said(place, member, "dpkg", "--audit") != "", "it was cut off too late"


def test_a_release_that_has_incus_itself_gets_no_other_source_of_packages():
    with lent("trixie", 1) as place:
        told = said(place, "m1", "muster", "init", "--control")
        assert "m1 is the control machine" in told
        assert not Path(place.folder("m1") / "upper" / BACKPORTS).exists()
        assert runs(place, "m1", "muster")
        machine.crash(place, "m1")
        bed.boot(place, "m1")
        is_back(place, "m1")
