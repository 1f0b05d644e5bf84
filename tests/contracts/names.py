"""The name services that have to keep their promises: a new one adds one line to `NAMES`."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

import knots
from contracts.clouds import CLOUDS, MakeBed
from drivers.openstack.written import WrittenRest
from drivers.openstack.zones import Names
from muster.drivers.dns.rfc2136 import open_dns
from muster.drivers.openstack.designate import Designate, Options
from muster.ports.dns import Dns


@dataclass(frozen=True, kw_only=True)
class NamesBed:
    dns: Dns
    stranger: Dns  # the same place, for another installation


MakeNamesBed = Callable[[Path], AbstractAsyncContextManager[NamesBed]]


def _of_cloud(make: MakeBed) -> MakeNamesBed:
    @asynccontextmanager
    async def opened(home: Path) -> AsyncIterator[NamesBed]:
        async with make(home) as bed:
            if bed.cloud.dns is None or bed.stranger.dns is None:
                pytest.skip("this cloud publishes no names")
            yield NamesBed(dns=bed.cloud.dns, stranger=bed.stranger.dns)

    return opened


@asynccontextmanager
async def knot(home: Path) -> AsyncIterator[NamesBed]:
    """Updates to a real name server."""
    with knots.running() as server:
        yield NamesBed(dns=open_dns(server.said, uuid4()), stranger=open_dns(server.said, uuid4()))


@asynccontextmanager
async def designate_written(home: Path) -> AsyncIterator[NamesBed]:
    """A Designate that is written down."""
    rest = WrittenRest(Names())
    yield NamesBed(
        dns=Designate(rest, Options(), uuid4()), stranger=Designate(rest, Options(), uuid4())
    )


NAMES: dict[str, MakeNamesBed] = {
    **{name: _of_cloud(make) for name, make in CLOUDS.items()},
    "designate-written": designate_written,
    "knot": knot,
}
