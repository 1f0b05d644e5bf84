"""What is still open on a member that drains is closed little by little before the end."""

import asyncio
import os
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from math import inf
from pathlib import Path
from uuid import uuid4

import pytest

import traffic
from drivers.balancers.beds import Bed, member
from muster.drivers.balancers.haproxy.kept import Kept, name_of
from muster.drivers.balancers.haproxy.process import Voice
from muster.drivers.balancers.haproxy.service import Moment, Service, service_of
from muster.drivers.balancers.haproxy.spread import (
    SHOW,
    Closing,
    Session,
    closing,
    sessions,
    shutdowns,
)
from muster.model.pool import Condition, Front, MemberState, MemberWanted, PoolWanted, Traffic

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


FAKE_NC = """#!/bin/sh
read -r line
echo "$2 $line" >>told
case $line in *"show sess") cat listed ;; esac
"""


@pytest.mark.parametrize(("pid", "address"), [("0", "9901 "), ("71", "9902 @!71 ")])
def test_in_a_room_a_name_that_is_anothers_by_now_is_left_alone(
    tmp_path: Path, pid: str, address: str
) -> None:
    script = files("muster.cli") / "container" / "front"
    own = script.read_text().replace("cd /etc/haproxy", f"cd {tmp_path}")
    (tmp_path / "front").write_text(own)
    (tmp_path / "listed").write_text(LISTED)
    (tmp_path / "nc").write_text(FAKE_NC)
    (tmp_path / "nc").chmod(0o755)
    asked = f"{pid}\n0x55d0 a_1\n0x55d2 a_1\n0x77 a_1\n0x55d0 a_\n"
    environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    subprocess.run(
        ["/bin/sh", tmp_path / "front", "close"], input=asked, text=True, env=environ, check=True
    )
    lines = (tmp_path / "told").read_text().splitlines()
    assert lines == [f"{address}show sess", f"{address}shutdown session 0x55d0"]


Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def connected(bed: Bed, app: traffic.App, count: int) -> list[Line]:
    """Return so many connections, all of which HAProxy has led to the application."""
    kept = bed.folder.kept()
    assert kept
    made = [await asyncio.open_connection(kept.address, kept.port) for _ in range(count)]

    async def led() -> bool:
        return (await bed.seen()).members[member(app).node_id].open_requests == count

    await traffic.until(led)
    return made


async def leaves(bed: Bed, going: traffic.App, staying: traffic.App, within_s: float) -> Kept:
    """Have one application drain for so long while the other serves."""
    one = replace(
        member(going, MemberState.DRAIN), ends=datetime.now(UTC) + timedelta(seconds=within_s)
    )
    wanted = PoolWanted(front=bed.front, members=(one, member(staying)))
    await bed.balancer.put_pool(wanted)
    kept = bed.folder.kept()
    assert kept
    return kept


async def test_two_engines_that_look_at_one_haproxy_close_no_more_than_is_due(bed: Bed) -> None:
    bed.front = replace(bed.front, traffic=Traffic.TCP)
    going, staying = await bed.app(), await bed.app()
    await bed.good(going)
    lines = await connected(bed, going, 40)
    kept = await leaves(bed, going, staying, 600)  # the bed's own balancer has long to wait
    await bed.condition(Condition.GOOD, staying)
    stay = await connected(bed, staying, 3)
    name = name_of(kept.members[0])
    engines = [service_of(bed.folder), service_of(bed.folder)]

    async def open_now() -> list[Session]:
        said = await Voice(bed.folder.path / bed.run.stats).asked(SHOW)
        return [each for each in sessions(said) if each.server == name]

    async def look(engine: Service, now: float) -> None:
        workers = await engine.read(bed.run, now)
        await engine.tidy(bed.run, kept, workers, Moment(now, 30))

    at_first, left = await open_now(), []
    for second in [*range(300, 600, 30), 599]:
        now = kept.drained[name] + second
        await asyncio.gather(*(look(each, now) for each in engines))
        due = set(shutdowns(closing(kept, now), at_first, Traffic.TCP, inf))
        there = {each.id for each in await open_now()}
        assert all(f"shutdown session {each.id}" in due or each.id in there for each in at_first)
        left.append(len(there))
    assert len(at_first) == 40
    assert 0 < left[5] < 40
    assert left[-1] == 0
    assert {await reader.read() for reader, _ in lines} == {b""}
    assert not any(reader.at_eof() for reader, _ in stay)
    for _, writer in [*lines, *stay]:
        writer.close()


async def test_connections_to_a_member_that_drains_end_one_after_the_other(bed: Bed) -> None:
    bed.front = replace(bed.front, traffic=Traffic.TCP)
    going, staying = await bed.app(), await bed.app()
    await bed.good(going)
    lines = await connected(bed, going, 20)
    loop = asyncio.get_running_loop()
    began = loop.time()
    ended: list[float] = []

    async def follow(reader: asyncio.StreamReader) -> None:
        await reader.read()
        ended.append(loop.time() - began)

    following = [asyncio.create_task(follow(reader)) for reader, _ in lines]
    await leaves(bed, going, staying, 6)
    await asyncio.wait_for(asyncio.gather(*following), 20)
    for _, writer in lines:
        writer.close()
    assert min(ended) > 2.5
    assert max(ended) < 7
    assert max(ended) - min(ended) > 1
