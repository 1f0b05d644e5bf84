"""The testbed's cloud of OpenStack: everything can be had of it, and nothing is left."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from guard import processes
from house import until
from testbed.openstack import bed
from testbed.openstack.cloud import Cloud, Project
from testbed.openstack.inventory import Things
from testbed.openstack.place import HERE, lacking

pytestmark = [pytest.mark.openstack, pytest.mark.system, pytest.mark.slow]

LENDS = """
from testbed.openstack import bed
with bed.lent("identity") as cloud:
    print(cloud.place.base, flush=True)
    input()
"""

_projects = count(1)


@pytest.fixture
def before(openstack_cloud: Cloud) -> Things:
    return openstack_cloud.everything()


@pytest.fixture
def project(openstack_cloud: Cloud, before: Things) -> Project:
    return openstack_cloud.project(f"bed-{next(_projects)}")


@pytest.fixture
def run() -> Iterator["subprocess.Popen[str]"]:
    """A run of its own that has put up a cloud, and ends when it is told."""
    if why := lacking():
        pytest.skip(why)
    made = subprocess.Popen(
        [sys.executable, "-c", LENDS],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with made:
        yield made
        made.kill()


def put_up(run: "subprocess.Popen[str]") -> Path:
    """Return the folder of its cloud when that is up."""
    assert run.stdout is not None
    said = run.stdout.readline().strip()
    assert said, "it ended"
    base = Path(said)
    assert sizes(base) > 3
    return base


def sizes(base: Path) -> int:
    return len(processes(f"{base}/"))


def traces(base: Path) -> list[Path]:
    return [*base.parent.glob(f"{base.name}*")]


def nothing_is_left(base: Path) -> None:
    """Wait until what was killed has ended, too."""
    until(lambda: not sizes(base) and not traces(base), 60, lambda: (sizes(base), traces(base)))


def left(cloud: Cloud, before: Things) -> dict[str, frozenset[str]]:
    """Return what is there now and was not, or is there no longer."""
    now = cloud.everything()
    return {kind: now[kind] ^ before[kind] for kind in now if now[kind] != before[kind]}


def test_one_of_each_is_made_and_removed(
    openstack_cloud: Cloud, before: Things, project: Project
) -> None:
    place = openstack_cloud.place
    done = subprocess.run(
        [place.program / "python", HERE / "inside" / "use.py", project.name, project.zone],
        env={"OS_CLIENT_CONFIG_FILE": str(project.clouds), "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    openstack_cloud.remove(project)
    until(lambda: not left(openstack_cloud, before), 300, lambda: left(openstack_cloud, before))


def test_two_clouds_stand_side_by_side_and_go_one_by_one(
    openstack_cloud: Cloud, run: "subprocess.Popen[str]"
) -> None:
    base = put_up(run)
    run.communicate("end\n", timeout=300)
    nothing_is_left(base)
    assert openstack_cloud.states().keys() == {"compute-1", "compute-2", "compute-3"}


def test_a_run_that_is_killed_leaves_nothing(run: "subprocess.Popen[str]") -> None:
    base = put_up(run)
    run.kill()
    until(
        lambda: not base.exists() and not sizes(base),  # the guard goes last
        300,
        lambda: f"{sizes(base)} processes of {base} are left",
    )


def test_what_a_run_left_that_was_killed_with_its_guard_goes_with_the_next(
    run: "subprocess.Popen[str]",
) -> None:
    base = put_up(run)
    (guard,) = [pid for pid in processes(f"{base}\0") if pid != run.pid]
    os.kill(guard, signal.SIGKILL)
    run.kill()
    run.wait()
    assert sizes(base)
    bed.sweep()
    nothing_is_left(base)
