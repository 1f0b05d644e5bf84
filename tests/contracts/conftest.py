"""Every contract test of clouds runs once per line of `CLOUDS`."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contracts.clouds import CLOUDS, Bed


@pytest.fixture(params=CLOUDS)
async def bed(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bed]:
    async with CLOUDS[request.param](tmp_path) as made:
        yield made
