"""A hundred thousand instances are created, listed and deleted in seconds."""

import tracemalloc
from itertools import pairwise
from time import perf_counter
from uuid import UUID, uuid4

import pytest

from builders import a_spec
from drivers.simulated.worlds import a_scene
from muster.model.step import ServerOrder

MANY = 100_000
SPEC = a_spec()


def _order(index: int) -> ServerOrder:
    return ServerOrder(
        server_id=uuid4(),
        node_id=uuid4(),
        cluster_id=UUID(int=index % 100),
        project="demo",
        name=f"node-{index}",
        index=index,
        spec=SPEC,
    )


@pytest.mark.slow
async def test_a_hundred_thousand_come_are_listed_and_go() -> None:
    scene = await a_scene(hosts=300)
    orders = [_order(index) for index in range(MANY)]
    times = [perf_counter()]
    for order in orders:
        await scene.cloud.compute.create_server(order)
    times.append(perf_counter())
    listed = await scene.listed()
    times.append(perf_counter())
    few = await scene.listed(UUID(int=7))
    times.append(perf_counter())
    for server in listed:
        await scene.cloud.compute.delete_server(server.ref)
    times.append(perf_counter())
    create, every, one, delete = (end - start for start, end in pairwise(times))
    print(
        f"create {create / MANY * 1e6:.0f} us, list all {every * 1e3:.0f} ms, "
        f"list one of 100 {one * 1e3:.2f} ms, delete {delete / MANY * 1e6:.0f} us"
    )
    assert (len(listed), len(few)) == (MANY, MANY // 100)
    assert not await scene.listed()


@pytest.mark.slow
async def test_an_instance_takes_less_than_a_kibibyte_and_a_half() -> None:
    scene = await a_scene()
    orders = [_order(index) for index in range(5000)]
    tracemalloc.start()
    for order in orders:
        await scene.cloud.compute.create_server(order)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print(f"{used / 5000:.0f} bytes each")
    assert used / 5000 < 1536
