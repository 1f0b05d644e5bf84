"""Octavia and Designate of a genuine OpenStack as beds; no byte passes through what they make."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from contracts.balancers import BalancerBed, Upstream
from contracts.names import NamesBed
from contracts.openstack import a_rest, furnished, network_of
from muster.base.clock import SystemClock
from muster.drivers.openstack import options
from muster.drivers.openstack.designate import Designate
from muster.drivers.openstack.designate import Options as Names
from muster.drivers.openstack.grounds import Grounds
from muster.drivers.openstack.octavia.balancer import OctaviaBalancer
from muster.drivers.openstack.octavia.ground import Ground
from muster.drivers.openstack.octavia.lbaas import Lbaas
from muster.drivers.openstack.octavia.options import Options
from muster.drivers.openstack.rest import Rest
from muster.model.pool import MemberWanted
from muster.ports.dns import Dns
from traffic import until

ENTRY, ZONE = "demo", "example.test."
OCTAVIA, DESIGNATE = "octavia", "designate"
REAL = [pytest.mark.openstack, pytest.mark.slow]
PATIENCE_S = 120.0  # the machine may have more to do
NO_TRAFFIC = "nothing serves what this Octavia has: no request is answered, no health is told"


@asynccontextmanager
async def octavia(file: Path) -> AsyncIterator[BalancerBed]:
    """Two installations in one project; nothing of theirs outlives the test."""
    await furnished(file, ENTRY)
    rest = a_rest(file, ENTRY)
    ours, stranger = _balancer(rest), _balancer(rest)
    hosts = count(50)

    async def upstream() -> Upstream:
        member = MemberWanted(node_id=uuid4(), address=f"10.31.2.{next(hosts)}", port=8080)
        return Upstream(member=member, make_sick=passed_on)

    async def passed_on(*_: Any) -> Any:
        pytest.skip(NO_TRAFFIC)

    yield BalancerBed(
        balancer=ours,
        stranger=stranger,
        upstream=upstream,
        ask=passed_on,
        hold=passed_on,
        let_go=passed_on,
        until=passed_on,
    )
    for each in (ours, stranger):
        for cluster_id in await each.list_pools():
            await each.remove_pool(cluster_id)
    await rest.close()


def _balancer(rest: Rest) -> OctaviaBalancer:
    installation = uuid4()
    grounds = Grounds(rest, options.Options(network=network_of(ENTRY)))
    lbaas = Lbaas(rest, SystemClock(), installation, patience_s=PATIENCE_S)
    return OctaviaBalancer(lbaas, Ground(rest, grounds, Options(), installation), installation)


@asynccontextmanager
async def designate(file: Path) -> AsyncIterator[NamesBed]:
    """Two installations in one project, which has a zone for their names."""
    rest = a_rest(file, ENTRY)
    await zoned(rest)
    ours, stranger = _names(rest), _names(rest)
    yield NamesBed(dns=ours, stranger=stranger)
    for each in (ours, stranger):
        await _clear(each)
    await rest.close()


def _names(rest: Rest) -> Designate:
    return Designate(rest, Names(), uuid4(), patience_s=PATIENCE_S)


async def zoned(rest: Rest) -> None:
    if not await rest.listed("dns", "/zones", "zones", name=ZONE):
        await rest.post("dns", "/zones", {"name": ZONE, "email": "dns@example.test"})

    async def known() -> bool:
        [zone] = await rest.listed("dns", "/zones", "zones", name=ZONE)
        return bool(zone["status"] == "ACTIVE")

    await until(known, PATIENCE_S)


async def _clear(dns: Dns) -> None:
    for record in await dns.list_records():
        await dns.drop_record(record.name, record.owner)
