"""A real Caddy for each test, in a folder and on ports of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from drivers.balancers.beds import Bed, laid
from drivers.balancers.kinds import CADDY


@pytest.fixture
async def bed(tmp_path: Path) -> AsyncIterator[Bed]:
    async with laid(CADDY, tmp_path) as made:
        yield made
