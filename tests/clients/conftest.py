"""A served Muster on the simulated cloud, and the released clients that ask it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from clients.released import Clients, clients, clouds
from house import House, house

SIMULATED = {
    "MUSTER_DEFAULT_CLOUD": "simulated",
    "MUSTER_CLOUDS": "{simulated = {world = 'memory'}}",
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("served") / "home", **SIMULATED) as it:
        it.start()
        yield it


@pytest.fixture(scope="module")
def sdk(served: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    """openstacksdk's clustering proxy at the newest microversion."""
    folder = tmp_path_factory.mktemp("clients")
    _put_echo(folder / "bin" / "ssh")
    with clients(folder, clouds(served.url), "plain") as it:
        yield it


def _put_echo(program: Path) -> None:
    """Have a program of that name tell what it was called with: simulated servers let nobody in."""
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "$0 $*"\n')
    program.chmod(0o755)


@pytest.fixture(scope="module")
def cli(sdk: Clients) -> Clients:
    """The command line, with the clustering service's plug-in."""
    return sdk
