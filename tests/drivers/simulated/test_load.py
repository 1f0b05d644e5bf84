"""Load is shared evenly, clipped at what processors can do, and never lost from the books."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import a_flavor
from drivers.simulated.worlds import Scene, a_scene
from muster.drivers.simulated.load import Stint, Worker, account
from muster.model.pool import MemberState, PoolSeen

WHOLE = a_flavor(vcpus=1.0)

workers = st.lists(st.tuples(st.floats(0, 100), st.sampled_from([0.25, 1.0, 4.0])), max_size=6).map(
    lambda some: [Worker(f"w{n}", start, vcpus) for n, (start, vcpus) in enumerate(some)]
)


@given(crew=workers, rate=st.floats(0.1, 1000), until=st.floats(1, 100))
def test_every_request_is_somebodys_and_none_is_counted_twice(
    crew: list[Worker], rate: float, until: float
) -> None:
    total = account(Stint(rate, 0.0, until, 100.0), crew)
    assert total.requests == pytest.approx(rate * until)
    assert 0 <= total.errors <= total.requests + 1e-6
    for worker in crew:
        tally = total.tallies.get(worker.ref)
        if tally:
            assert tally.busy_s <= worker.vcpus * (until - worker.start) + 1e-6


@given(crew=workers, rate=st.floats(0.1, 1000), middle=st.floats(0, 100))
def test_it_makes_no_difference_when_somebody_looks(
    crew: list[Worker], rate: float, middle: float
) -> None:
    whole = account(Stint(rate, 0.0, 100.0, 100.0), crew)
    parts = [
        account(Stint(rate, 0.0, middle, 100.0), crew),
        account(Stint(rate, middle, 100.0, 100.0), crew),
    ]
    assert sum(part.requests for part in parts) == pytest.approx(whole.requests)
    assert sum(part.errors for part in parts) == pytest.approx(whole.errors, abs=1e-6)
    for name, tally in whole.tallies.items():
        busy = [part.tallies[name].busy_s for part in parts if name in part.tallies]
        assert sum(busy) == pytest.approx(tally.busy_s, abs=1e-6)


async def test_processors_are_as_busy_as_the_load_and_never_more_than_all() -> None:
    scene, cluster = await a_scene(requests_per_vcpu=100), uuid4()
    for index in range(2):
        await scene.create(cluster, index, flavor=WHOLE)
    assert await _cpu_share(scene, cluster) == pytest.approx(0.005)
    scene.world.set_load(cluster, 100)
    assert await _cpu_share(scene, cluster) == pytest.approx(0.505)
    scene.world.set_load(cluster, 1000)
    assert await _cpu_share(scene, cluster) == pytest.approx(1.005, abs=0.01)
    await scene.create(cluster, 3, flavor=WHOLE)
    scene.world.set_load(cluster, 150)
    assert await _cpu_share(scene, cluster) == pytest.approx(0.505)


async def test_a_pool_counts_requests_of_those_that_serve() -> None:
    scene, cluster = await a_scene(), uuid4()
    servers = [await scene.create(cluster, index, flavor=WHOLE) for index in range(2)]
    await scene.put(cluster, *servers)
    scene.world.set_load(cluster, 60)
    scene.clock.advance(10)
    pool = await _pool(scene, cluster)
    assert (pool.requests, pool.errors) == (600, 0)
    assert [member.requests for member in pool.members.values()] == [300, 300]
    assert all(member.open_requests > 0 for member in pool.members.values())
    scene.world.make_sick(servers[0].ref)
    scene.clock.advance(10)
    later = await _pool(scene, cluster)
    assert later.requests == 1200
    assert later.members[servers[0].node_id].requests == 300


async def test_requests_that_find_nobody_or_no_room_are_errors() -> None:
    scene, cluster = await a_scene(), uuid4()
    server = await scene.create(cluster, flavor=WHOLE)
    await scene.put(cluster)
    scene.world.set_load(cluster, 150)
    scene.clock.advance(2)
    assert (await _pool(scene, cluster)).errors == 300
    await scene.put(cluster, server)
    scene.clock.advance(2)
    assert (await _pool(scene, cluster)).errors == 300 + 100


async def test_requests_of_a_draining_member_run_out_by_themselves() -> None:
    scene, cluster = await a_scene(drain_s=4), uuid4()
    one, two = [await scene.create(cluster, index, flavor=WHOLE) for index in range(2)]
    await scene.put(cluster, one, two)
    scene.world.set_load(cluster, 190)
    await scene.put(cluster, one, two, drains=one)
    counts = []
    for _ in range(5):
        counts.append((await _pool(scene, cluster)).members[one.node_id].open_requests)
        await scene.put(cluster, one, two, drains=one)  # putting it again does not begin anew
        scene.clock.advance(1)
    assert counts[0] > 0
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == 0
    pool = await _pool(scene, cluster)
    assert pool.members[one.node_id].state is MemberState.DRAIN
    assert pool.members[one.node_id].requests == 0


@pytest.mark.parametrize("how", ["drained", "taken out at once", "deleted at once"])
async def test_only_what_is_taken_away_while_it_works_costs_requests(how: str) -> None:
    scene, cluster = await a_scene(drain_s=4), uuid4()
    one, two = [await scene.create(cluster, index, flavor=WHOLE) for index in range(2)]
    await scene.put(cluster, one, two)
    scene.world.set_load(cluster, 60)
    scene.clock.advance(1)
    if how == "drained":
        await scene.put(cluster, one, two, drains=one)
        scene.clock.advance(4)
        await scene.put(cluster, two)
    if how == "taken out at once":
        await scene.put(cluster, two)
    await scene.cloud.compute.delete_server(one.ref)
    assert ((await _pool(scene, cluster)).errors > 0) is (how != "drained")


async def test_who_is_still_starting_gets_no_share() -> None:
    scene, cluster = await a_scene(boot_s=5), uuid4()
    one = await scene.create(cluster, 1, flavor=WHOLE)
    scene.clock.advance(5)
    two = await scene.create(cluster, 2, flavor=WHOLE)
    await scene.put(cluster, one, two)
    scene.world.set_load(cluster, 60)
    scene.clock.advance(10)
    pool = await _pool(scene, cluster)
    assert pool.members[one.node_id].requests == 5 * 60 + 5 * 30
    assert pool.members[two.node_id].requests == 5 * 30


async def _pool(scene: Scene, cluster: UUID) -> PoolSeen:
    assert scene.cloud.balancer
    pool = await scene.cloud.balancer.pool(cluster)
    assert pool
    return pool


async def _cpu_share(scene: Scene, cluster: UUID) -> float:
    """Return the mean share over the next ten seconds, as a sampler would."""
    before = {each.server_id: each for each in await scene.cloud.compute.usage(cluster)}
    scene.clock.advance(10)
    after = await scene.cloud.compute.usage(cluster)
    shares = [(use.cpu_s - before[use.server_id].cpu_s) / 10 / use.vcpus for use in after]
    return sum(shares) / len(shares)
