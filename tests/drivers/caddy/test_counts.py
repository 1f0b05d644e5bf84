"""What is counted, and what Caddy thinks of its members."""

import traffic
from drivers.caddy.beds import Bed, shown
from muster.drivers.balancers.caddy.config import ACCESS_LOG
from muster.drivers.balancers.caddy.tally import Tally
from muster.model.pool import Condition, PoolSeen


async def test_as_many_requests_are_counted_as_were_made(bed: Bed) -> None:
    apps = [await bed.app() for _ in range(3)]
    before = await bed.good(*apps)
    crowd = traffic.Crowd(before.address, before.port)
    async with crowd.asking(5):

        async def enough() -> bool:
            return crowd.answered >= 1000

        await traffic.until(enough)
    after = await _counted(bed, crowd.answered)
    assert after.requests == crowd.answered
    assert {app.name: shown(after, app).requests for app in apps} == {
        app.name: app.requests for app in apps
    }
    assert after.errors == 0
    assert all(0 < (shown(after, app).latency_s or 0) < 1 for app in apps)


async def _counted(bed: Bed, requests: int) -> PoolSeen:
    async def so() -> bool:
        return (await bed.seen()).requests >= requests

    await traffic.until(so)
    return await bed.seen()


async def test_answers_of_500_and_above_are_errors_of_their_member(bed: Bed) -> None:
    well, failing = await bed.app(), await bed.app()
    await bed.good(well, failing)
    failing.status = 500
    for _ in range(10):
        await bed.ask()
    pool = await _counted(bed, 10)
    assert shown(pool, failing).errors == failing.requests > 0
    assert shown(pool, well).errors == 0
    assert pool.errors == failing.requests


async def test_without_members_the_front_answers_and_counts_an_error(bed: Bed) -> None:
    await bed.put()
    assert (await bed.ask()).status in (502, 503)
    pool = await _counted(bed, 1)
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


async def test_counting_goes_on_where_it_was_saved_and_through_rotation(bed: Bed) -> None:
    log = bed.config.home / ACCESS_LOG
    tally = Tally(bed.config.home)
    log.write_text(_lines("a:1", 200, 3))
    tally.read(0.0)
    tally.save()
    with log.open("a") as file:
        file.write(_lines("a:1", 500, 2))
    log.rename(log.with_name("access-2030-01-01.log"))
    log.write_text(_lines("b:2", 200, 4) + '{"status":200,"to":"b')
    again = Tally(bed.config.home)
    again.load()
    again.read(0.0)
    assert (again.ledger.total.requests, again.ledger.total.errors) == (9, 2)
    assert again.ledger.members["a:1"].requests == 5
    assert again.ledger.members["b:2"].requests == 4
    with log.open("a") as file:
        file.write(':2"}\n')
    again.read(0.0)
    assert again.ledger.members["b:2"].requests == 5


def _lines(to: str, status: int, count: int) -> str:
    return f'{{"duration":0.001,"status":{status},"to":"{to}"}}\n' * count
