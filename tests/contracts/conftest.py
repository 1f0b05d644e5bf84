"""Every contract test of clouds runs once per line of `CLOUDS`, on Incus, and on OpenStack."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contracts.clouds import CLOUDS, Bed
from contracts.incus import MEMBERS, incus
from contracts.openstack import ENTRIES, openstack

REAL = [pytest.param(name, marks=[pytest.mark.incus, pytest.mark.slow]) for name in MEMBERS]
STACKS = [pytest.param(n, marks=[pytest.mark.openstack, pytest.mark.slow]) for n in ENTRIES]


@pytest.fixture(params=[*CLOUDS, *REAL, *STACKS])
async def bed(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bed]:
    if request.param in MEMBERS:
        place = request.getfixturevalue("incus_testbeds")(MEMBERS[request.param])
        async with incus(place, tmp_path) as made:
            yield made
        return
    if request.param in ENTRIES:
        file = request.getfixturevalue("openstack_clouds")
        async with openstack(file, ENTRIES[request.param], tmp_path) as made:
            yield made
        return
    async with CLOUDS[request.param](tmp_path) as made:
        yield made


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Have an administrator's view be tried only where it is another one: of hosts."""
    other = [x for x in items if "[openstack-admin" in x.name and "test_hosts" not in x.nodeid]
    config.hook.pytest_deselected(items=other)
    items[:] = [each for each in items if each not in set(other)]
