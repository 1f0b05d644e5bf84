"""What is still open on a member that drains is closed little by little before the end."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import traffic
from drivers.balancers.beds import Bed, member
from muster.drivers.balancers.haproxy.kept import Kept, name_of
from muster.drivers.balancers.haproxy.spread import (
    Closing,
    Session,
    closing,
    sessions,
    shutdowns,
)
from muster.model.pool import Front, MemberState, MemberWanted, PoolWanted, Traffic

NOW = datetime(2030, 1, 1, tzinfo=UTC)
LISTED = """0x55d0: proto=tcpv4 src=127.0.0.1:55 fe=front be=members srv=a_1 ts=00 epoch=0x2 \
age=1m5s calls=3 rate=0 cpu=0 lat=0 rq[f=848000h,i=0,an=00h,rx=,wx=,ax=] exp=
0x55d1: proto=unix_stream src=unix:1 fe=GLOBAL be=<NONE> srv=<none> ts=00 epoch=0 age=0s calls=1
0x55d2: proto=tcpv4 src=127.0.0.1:56 fe=front be=members srv=b_2 ts=00 epoch=0x2 age=<1s calls=3
"""


def draining(seconds: float, since: float = 0.0) -> Kept:
    one = MemberWanted(
        node_id=uuid4(),
        address="127.0.0.1",
        port=80,
        state=MemberState.DRAIN,
        ends=NOW + timedelta(seconds=seconds),
    )
    front = Front(cluster_id=uuid4(), name="web", project="demo", port=80)
    began = NOW.timestamp() + since
    drained = {name_of(one): began}
    return Kept(front=front, address="127.0.0.1", port=80, members=(one,), drained=drained)


def test_sessions_are_read_with_their_age() -> None:
    assert sessions(LISTED) == [
        Session(id="0x55d0", server="a_1", age_s=65),
        Session(id="0x55d1", server="<none>", age_s=0),
        Session(id="0x55d2", server="b_2", age_s=1),
    ]


def test_nothing_is_closed_in_the_first_half_nor_after_the_end() -> None:
    kept, now = draining(30), NOW.timestamp()
    assert not closing(kept, now + 14)
    assert [each.left_s for each in closing(kept, now + 15)] == [14.0]
    assert not closing(kept, now + 30)


def test_the_last_one_is_closed_before_the_end_and_never_all_at_once() -> None:
    kept, now = draining(30), NOW.timestamp()
    [member_] = kept.members
    there = [Session(id=hex(n), server=name_of(member_), age_s=n) for n in range(600)]
    at_once = []
    moment = 0.0
    while moment < 30:
        told = set(shutdowns(closing(kept, now + moment), there, Traffic.TCP, 0.25))
        there = [each for each in there if f"shutdown session {each.id}" not in told]
        at_once.append(len(told))
        moment += 0.25
    assert not there
    assert max(at_once) <= 2 * 600 / (14 / 0.25)


def test_several_who_close_close_no_more_than_one_would() -> None:
    kept, now = draining(30), NOW.timestamp()
    [member_] = kept.members
    there = [Session(id=hex(n), server=name_of(member_), age_s=n) for n in range(600)]
    closed: dict[int, set[str]] = {}
    for engines in (1, 3):
        told: set[str] = set()
        for step in range(60 * engines):  # one after the other, each four times a second
            left = [each for each in there if f"shutdown session {each.id}" not in told]
            moment = now + 15 + step * 0.25 / engines
            told |= set(shutdowns(closing(kept, moment), left, Traffic.TCP, 0.25))
            if step == 30 * engines:
                closed[engines] = told.copy()
    assert len(closed[3]) <= 600 * 0.6  # about half of the time is over
    assert len(closed[3] - closed[1]) <= 600 * 0.05


def test_who_comes_late_does_not_close_all_that_was_due_at_once() -> None:
    kept, now = draining(30), NOW.timestamp()
    [member_] = kept.members
    there = [Session(id=hex(n), server=name_of(member_), age_s=n) for n in range(600)]
    told = list(shutdowns(closing(kept, now + 27), there, Traffic.TCP, 0.25))
    assert len(told) == 75  # an eighth: eight moments are left


def test_requests_under_way_and_other_members_are_left_alone() -> None:
    due = [Closing(server="a", left_s=0.0, passed=1.0)]
    there = [Session(id=hex(n), server="a", age_s=n * 10) for n in range(6)]
    there.append(Session(id="0xff", server="b", age_s=100))
    assert set(shutdowns(due, there, Traffic.HTTP, 1)) == {
        "shutdown session 0x5",
        "shutdown session 0x4",
        "shutdown session 0x3",
    }


async def test_connections_to_a_member_that_drains_end_one_after_the_other(bed: Bed) -> None:
    bed.front = Front(
        cluster_id=bed.id, name="raw", project="demo", port=bed.front.port, traffic=Traffic.TCP
    )
    going, staying = await bed.app(), await bed.app()
    pool = await bed.good(going)
    lines = [await asyncio.open_connection(pool.address, pool.port) for _ in range(20)]

    async def connected() -> bool:
        return (await bed.seen()).members[member(going).node_id].open_requests == 20

    await traffic.until(connected)
    loop = asyncio.get_running_loop()
    began = loop.time()
    ended: list[float] = []

    async def follow(reader: asyncio.StreamReader) -> None:
        await reader.read()
        ended.append(loop.time() - began)

    following = [asyncio.create_task(follow(reader)) for reader, _ in lines]
    leaves = MemberWanted(
        node_id=member(going).node_id,
        address=going.address,
        port=going.port,
        state=MemberState.DRAIN,
        ends=datetime.now(UTC) + timedelta(seconds=6),
    )
    wanted = PoolWanted(front=bed.front, members=(leaves, member(staying)))
    await bed.balancer.put_pool(wanted)
    await asyncio.wait_for(asyncio.gather(*following), 20)
    for _, writer in lines:
        writer.close()
    assert min(ended) > 2.5
    assert max(ended) < 7
    assert max(ended) - min(ended) > 1
