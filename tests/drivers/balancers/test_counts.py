"""What is counted, and what a balancer thinks of its members."""

from dataclasses import replace

import traffic
from drivers.balancers.beds import Bed, shown
from muster.model.pool import Condition


async def test_as_many_requests_are_counted_as_were_made(bed: Bed) -> None:
    apps = [await bed.app() for _ in range(3)]
    before = await bed.good(*apps)
    crowd = traffic.Crowd(before.address, before.port)
    async with crowd.asking(5):

        async def enough() -> bool:
            return crowd.answered >= 1000

        await traffic.until(enough)
    after = await bed.counted(crowd.answered)
    assert after.requests == crowd.answered
    assert {app.name: shown(after, app).requests for app in apps} == {
        app.name: app.requests for app in apps
    }
    assert after.errors == 0
    assert all(0 <= (shown(after, app).latency_s or 0) < 1 for app in apps)
    assert all(shown(after, app).latency_s is not None for app in apps)


async def test_answers_of_500_and_above_are_errors_of_their_member(bed: Bed) -> None:
    well, failing = await bed.app(), await bed.app()
    await bed.good(well, failing)
    failing.status = 500
    for _ in range(10):
        await bed.ask()
    pool = await bed.counted(10)
    assert shown(pool, failing).errors == failing.requests > 0
    assert shown(pool, well).errors == 0
    assert pool.errors == failing.requests


async def test_without_members_the_front_answers_and_counts_an_error(bed: Bed) -> None:
    await bed.put()
    assert (await bed.ask()).status in (502, 503)
    pool = await bed.counted(1)
    assert (pool.requests, pool.errors) == (1, 1)


async def test_a_sick_member_is_seen_and_gets_nothing_until_it_is_well(bed: Bed) -> None:
    well, sick = await bed.app(), await bed.app()
    await bed.good(well, sick)
    sick.sick = True
    await bed.condition(Condition.BAD, sick)
    had = sick.requests
    assert {(await bed.ask()).body.decode() for _ in range(20)} == {well.name}
    assert sick.requests == had
    assert shown(await bed.seen(), well).condition is Condition.GOOD
    sick.sick = False
    await bed.condition(Condition.GOOD, sick)


async def test_counts_go_on_through_reload_restart_and_another_owner(bed: Bed) -> None:
    one = await bed.app()
    await bed.good(one)
    await bed.ask()
    await bed.counted(1)
    bed.front = replace(bed.front, method="round_robin")
    await bed.good(one)
    await bed.ask()
    await bed.counted(2)
    await bed.balancer.close()
    await bed.ask()
    bed.balancer = await bed.another()
    await bed.counted(3)
    await bed.kill()
    await bed.good(one)
    await bed.ask()
    pool = await bed.counted(4)
    assert (pool.requests, shown(pool, one).requests) == (4, 4)
