"""What clients notice of a reload: nothing."""

from dataclasses import replace

import pytest

import traffic
from drivers.balancers.beds import Bed
from drivers.haproxy.workers import workers

CLIENTS = 20


@pytest.mark.slow
@pytest.mark.parametrize("keep", [True, False], ids=["kept", "connecting"])
async def test_a_front_that_changes_loses_no_request(bed: Bed, keep: bool) -> None:
    apps = [await bed.app() for _ in range(12)]
    pool = await bed.good(*apps[:2])
    master, seen = bed.pid, set(await workers(bed))
    crowd = traffic.Crowd(pool.address, pool.port, keep=keep)
    methods = ["round_robin", "least_conn", "source_ip", "round_robin"]
    async with crowd.asking(CLIENTS):
        await crowd.more(500)
        for method in methods:
            bed.front = replace(bed.front, method=method)
            await bed.put(*apps)
            seen.update(await workers(bed))
            await crowd.more(500)
    assert not crowd.failed
    assert len(seen) == 1 + len(methods)
    assert bed.pid == master
