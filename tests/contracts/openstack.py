"""Octavia and Designate of a genuine OpenStack as beds; no byte passes through what they make."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any
from uuid import uuid4

import pytest

from contracts.balancers import BalancerBed, Upstream
from contracts.names import NamesBed
from muster.base.clock import SystemClock
from muster.drivers.openstack.designate import open_dns
from muster.drivers.openstack.octavia.balancer import OctaviaBalancer, open_balancer
from muster.drivers.openstack.options import parsed
from muster.drivers.openstack.rest import Rest
from muster.model.pool import MemberWanted
from muster.ports.dns import Dns

OCTAVIA, DESIGNATE = "octavia", "designate"
REAL = [pytest.mark.openstack, pytest.mark.slow]
NO_TRAFFIC = "nothing serves what this Octavia has: no request is answered, no health is told"


@asynccontextmanager
async def octavia(said: dict[str, Any]) -> AsyncIterator[BalancerBed]:
    """Two installations in one project; nothing of theirs outlives the test."""
    rest = Rest(parsed(said))
    ours, stranger = _balancer(rest, said), _balancer(rest, said)
    hosts = count(50)

    async def upstream() -> Upstream:
        member = MemberWanted(node_id=uuid4(), address=f"10.77.1.{next(hosts)}", port=8080)
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


def _balancer(rest: Rest, said: dict[str, Any]) -> OctaviaBalancer:
    return open_balancer(rest, SystemClock(), {}, (said["network"], uuid4()))


@asynccontextmanager
async def designate(said: dict[str, Any]) -> AsyncIterator[NamesBed]:
    """Two installations in one project, which has a zone for their names."""
    rest = Rest(parsed(said))
    ours, stranger = open_dns(rest, {}, uuid4()), open_dns(rest, {}, uuid4())
    yield NamesBed(dns=ours, stranger=stranger)
    for each in (ours, stranger):
        await _clear(each)
    await rest.close()


async def _clear(dns: Dns) -> None:
    for record in await dns.list_records():
        await dns.drop_record(record.name, record.owner)
