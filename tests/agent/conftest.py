"""A made-up machine for each test."""

from pathlib import Path

import pytest

from agent.ground import Ground


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path).begin()
