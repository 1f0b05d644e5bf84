"""The application under test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from caller import Caller
from office import Office, opened


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with opened(tmp_path) as open_office:
        yield open_office


@pytest.fixture
def ann(office: Office) -> Caller:
    """Ann, who calls the clustering API of her project."""
    return Caller(office)


@pytest.fixture
def bob(office: Office) -> Caller:
    """Bob, who is of another project."""
    return Caller(office, who="bob")
