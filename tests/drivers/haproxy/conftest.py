"""A real HAProxy for each test, in a folder and on ports of its own."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import uuid4

import pytest

import haproxies
import traffic
from drivers.haproxy.beds import Bed
from muster.base.clock import SystemClock
from muster.drivers.balancers.haproxy.balancer import open_balancer
from muster.model.pool import Front
from muster.ports.cloud import CloudConfig


@pytest.fixture
async def bed(tmp_path: Path) -> AsyncIterator[Bed]:
    haproxies.needed()
    config = CloudConfig(name="here", home=tmp_path, installation=uuid4(), clock=SystemClock())
    balancer = await open_balancer(config)
    front = Front(
        cluster_id=uuid4(),
        name="web",
        project="demo",
        port=traffic.free_port(),
        health_path="/health",
    )
    async with AsyncExitStack() as stack:
        made = Bed(config, balancer, stack, front)
        try:
            yield made
        finally:
            for other in made.opened:
                await other.close()
            await made.balancer.stop_haproxy()
