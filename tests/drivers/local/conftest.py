"""Every test here has a home of its own, in which nothing runs when it is over."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from drivers.local.grounds import cleared, opened
from muster.ports.cloud import Cloud


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    with cleared(tmp_path / "home") as made:
        yield made


@pytest.fixture
async def cloud(home: Path) -> AsyncIterator[Cloud]:
    async with opened(home) as made:
        yield made
