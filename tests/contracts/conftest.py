"""Every contract test of clouds runs once per line of `CLOUDS`, and on real Incus members."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contracts.clouds import CLOUDS, Bed
from contracts.incus import MEMBERS, incus

REAL = [pytest.param(name, marks=[pytest.mark.incus, pytest.mark.slow]) for name in MEMBERS]


@pytest.fixture(params=[*CLOUDS, *REAL])
async def bed(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bed]:
    if request.param in MEMBERS:
        place = request.getfixturevalue("incus_testbeds")(MEMBERS[request.param])
        async with incus(place, tmp_path) as made:
            yield made
        return
    async with CLOUDS[request.param](tmp_path) as made:
        yield made


@pytest.fixture(scope="session")
def openstack_entry() -> dict[str, str]:
    import os

    where = os.environ.get("MUSTER_TEST_OPENSTACK")
    if not where:
        pytest.skip("no OpenStack")
    return {"clouds_file": where, "entry": "osnet", "network": "osnet-net"}
