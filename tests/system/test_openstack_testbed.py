"""The testbed's cloud of OpenStack: everything can be had of it, and nothing is left."""

import subprocess
from itertools import count

import pytest

from house import until
from testbed.openstack.cloud import Cloud, Project
from testbed.openstack.inventory import Things
from testbed.openstack.place import HERE

pytestmark = [pytest.mark.openstack, pytest.mark.system, pytest.mark.slow]

_projects = count(1)


@pytest.fixture
def before(openstack_cloud: Cloud) -> Things:
    return openstack_cloud.everything()


@pytest.fixture
def project(openstack_cloud: Cloud, before: Things) -> Project:
    return openstack_cloud.project(f"bed-{next(_projects)}")


def left(cloud: Cloud, before: Things) -> dict[str, frozenset[str]]:
    """Return what is there now, and what is there no longer."""
    now = cloud.everything()
    return {kind: now[kind] ^ before[kind] for kind in now if now[kind] != before[kind]}


def nothing_left(cloud: Cloud, before: Things) -> None:
    until(lambda: not left(cloud, before), 30, lambda: f"more or less there: {left(cloud, before)}")


def test_one_of_each_is_made_and_removed(
    openstack_cloud: Cloud, before: Things, project: Project
) -> None:
    place = openstack_cloud.place
    done = subprocess.run(
        [place.program / "python", HERE / "inside" / "use.py", project.name, project.zone],
        env={"OS_CLIENT_CONFIG_FILE": str(project.clouds), "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    openstack_cloud.remove(project)
    nothing_left(openstack_cloud, before)
