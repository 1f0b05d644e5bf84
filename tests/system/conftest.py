"""Servers that these tests start, each with a home of its own."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from house import House, house

SIMULATED = {"MUSTER_DEFAULT_CLOUD": "simulated"}


@pytest.fixture
def it(tmp_path: Path) -> Iterator[House]:
    """A house on a simulated cloud that is not started yet."""
    with house(tmp_path / "home", **SIMULATED) as made:
        yield made


@pytest.fixture
def ran(it: House) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Run one command in the surroundings of the house, changed by `environ`."""

    def run(*words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*it.program, *words],
            env={**it.environ, **environ},
            capture_output=True,
            text=True,
            timeout=20,
        )

    return run
