"""What clients notice of another Caddy that takes over: nothing."""

from dataclasses import replace

import pytest

import traffic
from drivers.balancers.beds import Bed

CLIENTS = 20


@pytest.mark.slow
@pytest.mark.parametrize("keep", [True, False], ids=["kept", "connecting"])
async def test_a_front_that_needs_more_room_or_changes_loses_no_request(
    bed: Bed, keep: bool
) -> None:
    apps = [await bed.app() for _ in range(12)]
    pool = await bed.good(*apps[:2])
    pids = {bed.pid}
    crowd = traffic.Crowd(pool.address, pool.port, keep=keep)
    methods = ["round_robin", "least_conn", "source_ip"]
    async with crowd.asking(CLIENTS):
        await crowd.more(500)
        await bed.put(*apps)
        pids.add(bed.pid)
        for method in methods:
            bed.front = replace(bed.front, method=method)
            await bed.put(*apps)
            pids.add(bed.pid)
            await crowd.more(500)
    assert not crowd.failed
    assert len(pids) == 2 + len(methods)
    await traffic.until(lambda: _one_is_left(bed))


async def _one_is_left(bed: Bed) -> bool:
    return len(bed.lives()) == 1
