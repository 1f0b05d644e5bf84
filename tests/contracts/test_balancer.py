"""What every load balancer promises."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from contracts.balancers import BALANCERS, BalancerBed
from contracts.openstack_services import OCTAVIA, REAL, octavia
from muster.model.pool import Condition, MemberState, Traffic, digest


@pytest.fixture(params=[*BALANCERS, pytest.param(OCTAVIA, marks=REAL)])
async def bed(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[BalancerBed]:
    if request.param == OCTAVIA:
        async with octavia(request.getfixturevalue("openstack_clouds")) as real:
            yield real
        return
    async with BALANCERS[request.param](tmp_path) as made:
        yield made


async def test_there_is_no_pool_until_one_is_put(bed: BalancerBed) -> None:
    assert not await bed.balancer.list_pools()
    assert await bed.balancer.pool(uuid4()) is None


async def test_a_pool_is_as_it_was_put(bed: BalancerBed) -> None:
    front, one, two = bed.front(), await bed.upstream(), await bed.upstream()
    pool = await bed.put(front, one.member, two.member)
    assert list(await bed.balancer.list_pools()) == [front.cluster_id]
    assert (pool.port, pool.front_digest) == (front.port, digest(front))
    assert pool.members.keys() == {one.member.node_id, two.member.node_id}
    shown = pool.members[one.member.node_id]
    assert (shown.address, shown.port) == (one.member.address, one.member.port)
    assert shown.state is MemberState.SERVE


async def test_putting_the_same_twice_changes_nothing(bed: BalancerBed) -> None:
    front, one = bed.front(), await bed.upstream()
    first = await bed.good(front, one.member)
    assert await bed.good(front, one.member) == first


async def test_a_pool_keeps_its_address_and_no_other_has_it(bed: BalancerBed) -> None:
    front, one = bed.front(), await bed.upstream()
    empty = await bed.put(front)
    assert (await bed.put(front, one.member)).address == empty.address
    assert (await bed.put(bed.front())).address != empty.address


async def test_who_is_not_named_is_taken_out(bed: BalancerBed) -> None:
    front, one, two = bed.front(), await bed.upstream(), await bed.upstream()
    await bed.put(front, one.member, two.member)
    pool = await bed.put(front, two.member)
    assert pool.members.keys() == {two.member.node_id}


async def test_a_changed_front_is_in_force(bed: BalancerBed) -> None:
    front = bed.front()
    before = await bed.put(front)
    after = await bed.put(replace(front, method="round_robin"))
    assert before.front_digest != after.front_digest


async def test_requests_are_answered_and_counted(bed: BalancerBed) -> None:
    front, one, two = bed.front(), await bed.upstream(), await bed.upstream()
    pool = await bed.good(front, one.member, two.member)
    assert await bed.ask(pool, 20) == 0

    async def counted() -> bool:
        return (await bed.seen(front.cluster_id)).requests - pool.requests >= 20

    await bed.until(counted)
    after = await bed.seen(front.cluster_id)
    assert after.requests - pool.requests == 20
    assert sum(member.requests for member in after.members.values()) == 20
    assert after.errors == pool.errors
    assert all(member.requests > 0 for member in after.members.values())


async def test_a_sick_member_is_known_and_gets_nothing(bed: BalancerBed) -> None:
    front, one, two = bed.front(), await bed.upstream(), await bed.upstream()
    await bed.good(front, one.member, two.member)
    await one.make_sick()

    async def known() -> bool:
        pool = await bed.seen(front.cluster_id)
        return pool.members[one.member.node_id].condition is Condition.BAD

    await bed.until(known)
    before = await bed.seen(front.cluster_id)
    assert await bed.ask(before, 10) == 0
    after = await bed.seen(front.cluster_id)
    sick = one.member.node_id
    assert after.members[sick].requests == before.members[sick].requests


async def test_a_draining_member_keeps_its_open_requests_and_gets_no_new_ones(
    bed: BalancerBed,
) -> None:
    front, one, two = bed.front(), await bed.upstream(), await bed.upstream()
    pool = await bed.good(front, one.member, two.member)
    await bed.hold(pool, one.member, 2)
    draining = replace(one.member, state=MemberState.DRAIN)
    leaving = one.member.node_id

    async def still_open() -> bool:
        shown = await bed.seen(front.cluster_id)
        return shown.members[leaving].open_requests == 2

    await bed.until(still_open)
    await bed.good(front, draining, two.member)
    await bed.until(still_open)
    assert (await bed.seen(front.cluster_id)).members[leaving].state is MemberState.DRAIN
    before = await bed.seen(front.cluster_id)
    assert await bed.ask(before, 10) == 0
    after = await bed.seen(front.cluster_id)
    assert after.members[leaving].requests == before.members[leaving].requests
    await bed.let_go()

    async def run_out() -> bool:
        return (await bed.seen(front.cluster_id)).members[leaving].open_requests == 0

    await bed.until(run_out)
    assert (await bed.seen(front.cluster_id)).errors == pool.errors


async def test_who_drained_can_serve_again(bed: BalancerBed) -> None:
    front, one = bed.front(), await bed.upstream()
    await bed.put(front, replace(one.member, state=MemberState.DRAIN))
    pool = await bed.good(front, one.member)
    assert pool.members[one.member.node_id].state is MemberState.SERVE
    assert await bed.ask(pool, 5) == 0


async def test_nobody_there_means_errors_and_not_silence(bed: BalancerBed) -> None:
    pool = await bed.put(bed.front())
    assert await bed.ask(pool, 3) == 3


async def test_a_removed_pool_is_gone_and_removing_it_again_is_no_error(bed: BalancerBed) -> None:
    front, other = bed.front(), bed.front(name="other")
    await bed.put(front)
    await bed.put(other)
    for _ in range(2):
        await bed.balancer.remove_pool(front.cluster_id)
    assert await bed.balancer.pool(front.cluster_id) is None
    assert list(await bed.balancer.list_pools()) == [other.cluster_id]


async def test_nothing_of_another_installation_is_listed_or_touched(bed: BalancerBed) -> None:
    front = bed.front()
    await bed.put(front)
    assert not await bed.stranger.list_pools()
    assert await bed.stranger.pool(front.cluster_id) is None
    await bed.stranger.remove_pool(front.cluster_id)
    assert await bed.balancer.pool(front.cluster_id)


async def test_a_refusal_changes_nothing_and_gives_a_reason(bed: BalancerBed) -> None:
    wrong = bed.front(traffic=Traffic.HTTPS, certificate="no certificate", key="no key")
    assert await bed.balancer.refusal(wrong)
    assert await bed.balancer.refusal(bed.front()) is None
    assert not await bed.balancer.list_pools()
