"""Every balancer over a real program in turn, in a folder and on ports of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from drivers.balancers.beds import Bed, laid
from drivers.balancers.kinds import KINDS


@pytest.fixture(params=list(KINDS))
async def bed(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bed]:
    async with laid(KINDS[request.param], tmp_path) as made:
        yield made
