"""One server for all commands, on a simulated cloud."""

from collections.abc import Iterator

import pytest

from cli.terminal import Terminal, terminal
from house import house

SIMULATED = (
    "{simulated = {look_every_s = 0.2, probe_every_s = 0.2, sample_every_s = 0.5,"
    " taken_ports = [4444]},"
    " slow = {kind = 'simulated', create_s = 30.0, look_every_s = 0.2}}"
)


@pytest.fixture(scope="package")
def muster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    home = tmp_path_factory.mktemp("cli") / "home"
    with house(home, MUSTER_DEFAULT_CLOUD="simulated", MUSTER_CLOUDS=SIMULATED) as it:
        it.start()
        yield terminal(it)
