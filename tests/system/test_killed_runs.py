"""A run of tests that is killed leaves nothing running."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from guard import processes
from house import until

pytestmark = [pytest.mark.system, pytest.mark.slow]

LEFT = Path(__file__).with_name("left_running.py")


@pytest.fixture
def told(tmp_path: Path) -> Path:
    return tmp_path / "told"


@pytest.fixture
def run(tmp_path: Path, told: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A run of tests of its own, which has no end of itself."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist"]
    with (tmp_path / "log").open("wb") as log:
        made = subprocess.Popen(
            [*command, "-s", f"--basetemp={tmp_path / 'inner'}", str(LEFT)],
            env={**os.environ, "TOLD": str(told)},
            cwd=LEFT.parents[2],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    yield made
    made.kill()
    made.wait()


def programs(pids: list[int]) -> set[str]:
    return {Path(f"/proc/{pid}/comm").read_text().strip() for pid in pids}


def test_nothing_runs_on_when_the_tests_are_killed(
    tmp_path: Path, told: Path, run: "subprocess.Popen[bytes]"
) -> None:
    def begun() -> bool:
        assert run.poll() is None, (tmp_path / "log").read_text()[-4000:]
        return told.exists()

    until(begun, 300, "all kinds of servers run")
    signs = (told.read_text(), f"{tmp_path / 'inner'}/")
    there = programs(processes(*signs))
    assert "caddy" in there
    assert len(there) > 1, there

    run.kill()
    run.wait()
    until(lambda: not processes(*signs), 60, f"nothing of {there} is left")
