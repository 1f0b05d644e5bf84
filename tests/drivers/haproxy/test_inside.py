"""An HAProxy in a room: opened, changed, found dead, replaced, gone."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import anyio
import pytest

import haproxies
import traffic
from drivers.haproxy.rooms import House, WrittenRooms, files_of
from muster.base.clock import ManualClock
from muster.base.errors import Permanent, Transient
from muster.drivers.balancers.haproxy.inside.balancer import LATELY_S, SILENT_S, InsideBalancer
from muster.drivers.balancers.haproxy.process import binary
from muster.model.observed import Seen
from muster.model.pool import Front, MemberState, MemberWanted, Persistence, PoolWanted, Traffic

PEM = Path(__file__).parents[1] / "pem"
WEB = Front(cluster_id=UUID(int=9), name="web", project="demo", port=80, health_path="/health")


class Bed:
    def __init__(self, home: Path) -> None:
        self.house, self.clock, self.home = House(), ManualClock(), home
        self.rooms = WrittenRooms(self.house)
        self.balancer = self.opened()

    def opened(self) -> InsideBalancer:
        return InsideBalancer(self.rooms, self.home, 0, self.clock)

    async def put(self, *members: MemberWanted, front: Front = WEB) -> str:
        self.house.done.clear()
        return await self.balancer.put_pool(PoolWanted(front=front, members=members))

    @property
    def ref(self) -> str:
        [ref] = self.house.rooms
        return ref


@pytest.fixture
def bed(tmp_path: Path) -> Bed:
    return Bed(tmp_path)


def member(number: int, **but: object) -> MemberWanted:
    plain = {"node_id": UUID(int=number), "address": f"10.9.1.{number}", "port": 80}
    return MemberWanted(**plain | but)


async def test_a_room_is_furnished_before_it_starts_and_the_pool_is_written_last(bed):
    await bed.put(member(2))
    begin = ["make 1", "write state", "write haproxy.cfg", "write pool.json", "start"]
    assert bed.house.done[:5] == begin
    assert bed.house.done[-1] == "write pool.json"
    assert b"bind ipv4@0.0.0.0:80" in files_of(bed.house)["haproxy.cfg"]
    assert b"stats socket ipv4@127.0.0.1:9901" in files_of(bed.house)["haproxy.cfg"]


async def test_members_come_and_go_without_a_reload_and_stand_in_the_file(bed):
    await bed.put(member(2))
    before = bed.house.present(WEB.cluster_id)
    await bed.put(member(3), member(4, state=MemberState.DRAIN))
    assert bed.house.present(WEB.cluster_id) is before
    assert "reload" not in bed.house.done
    config = files_of(bed.house)["haproxy.cfg"].decode()
    assert "10.9.1.3:80 check" in config
    assert "10.9.1.2:80" not in config
    assert len(before.servers) == 2


async def test_putting_the_same_again_writes_and_tells_nothing(bed):
    await bed.put(member(2))
    await bed.put(member(2))
    assert bed.house.done == []


async def test_another_front_takes_a_reload_and_keeps_the_room_and_its_address(bed):
    address = await bed.put(member(2))
    assert await bed.put(member(2), front=replace(WEB, port=81)) == address
    assert "reload" in bed.house.done
    assert (await bed.balancer.pool(WEB.cluster_id)).port == 81
    assert len(bed.house.rooms) == 1


async def test_a_front_that_haproxy_cannot_read_changes_nothing(bed):
    await bed.put(member(2))
    before = dict(files_of(bed.house))
    bed.house.refuses = "cannot bind"
    with pytest.raises(Permanent, match="HAProxy refuses the front"):
        await bed.put(member(2), front=replace(WEB, method="round_robin"))
    now = files_of(bed.house)
    assert (now["haproxy.cfg"], now["pool.json"]) == (before["haproxy.cfg"], before["pool.json"])


async def test_sessions_of_the_worker_before_a_reload_still_count_as_open(bed):
    await bed.put(member(2))
    worker = bed.house.present(WEB.cluster_id)
    worker.open[next(iter(worker.servers))] = 3
    await bed.put(member(2), front=replace(WEB, method="round_robin"))
    assert bed.house.present(WEB.cluster_id) is not worker
    pool = await bed.balancer.pool(WEB.cluster_id)
    assert pool.members[UUID(int=2)].open_requests == 3


async def test_a_room_that_stands_still_is_no_pool_and_put_again_it_starts_where_it_was(bed):
    address = await bed.put(member(2))
    bed.house.change(bed.ref, seen=Seen.STOPPED)
    assert await bed.opened().pool(WEB.cluster_id) is None
    assert await bed.put(member(2)) == address
    assert "start" in bed.house.done
    assert "make 1" not in bed.house.done
    assert await bed.balancer.pool(WEB.cluster_id)


async def test_a_room_whose_host_is_silent_is_waited_for(bed):
    await bed.put(member(2))
    bed.house.change(bed.ref, seen=Seen.UNREACHABLE)
    with pytest.raises(Transient):
        await bed.opened().pool(WEB.cluster_id)
    with pytest.raises(Transient):
        await bed.put(member(2))
    assert len(bed.house.rooms) == 1


async def test_while_a_room_cannot_be_asked_its_pool_is_as_it_was_for_a_while(bed):
    await bed.put(member(2))
    before = await bed.balancer.pool(WEB.cluster_id)
    bed.house.change(bed.ref, seen=Seen.UNREACHABLE)
    bed.balancer._until = 0.0
    assert await bed.balancer.pool(WEB.cluster_id) == before
    bed.clock.advance(LATELY_S + 1)
    with pytest.raises(Transient):
        await bed.balancer.pool(WEB.cluster_id)


async def test_a_room_on_a_dead_host_is_replaced_and_removed_when_that_is_back(bed):
    await bed.put(member(2))
    first = bed.ref
    bed.house.change(first, seen=Seen.UNREACHABLE, abandoned=True)
    assert await bed.opened().pool(WEB.cluster_id) is None
    await bed.put(member(2))
    assert "make 2" in bed.house.done
    assert "delete 1" not in bed.house.done
    assert await bed.balancer.pool(WEB.cluster_id)
    bed.house.change(first, seen=Seen.STOPPED, abandoned=False)
    later = bed.opened()
    assert await later.pool(WEB.cluster_id)
    await later._clear_all()
    assert first not in bed.house.rooms
    assert len(bed.house.rooms) == 1


async def test_a_pool_on_a_dead_host_goes_away_at_once_and_its_room_with_the_host_s_return(bed):
    await bed.put(member(2))
    bed.house.change(bed.ref, seen=Seen.UNREACHABLE, abandoned=True)
    await bed.balancer.remove_pool(WEB.cluster_id)
    assert not await bed.balancer.list_pools()
    bed.house.change(bed.ref, seen=Seen.STOPPED, abandoned=False)
    assert list(await bed.balancer.list_pools()) == [WEB.cluster_id]  # so it is swept
    await bed.balancer.remove_pool(WEB.cluster_id)
    assert not bed.house.rooms


async def test_an_haproxy_that_stays_silent_is_given_all_its_files_again(bed):
    await bed.put(member(2))
    bed.house.workers[bed.ref] = []
    bed.clock.advance(1)
    assert await bed.balancer.pool(WEB.cluster_id)
    bed.clock.advance(SILENT_S + 1)
    assert await bed.balancer.pool(WEB.cluster_id) is None
    await bed.put(member(2))
    assert "write haproxy.cfg" in bed.house.done
    assert await bed.balancer.pool(WEB.cluster_id)


@pytest.mark.parametrize("kept", ["state", "haproxy.cfg"])
async def test_who_was_cut_off_while_furnishing_begins_again(bed, kept):
    await bed.put(member(2))
    files = bed.house.files[bed.ref]
    bed.house.files[bed.ref] = {name: files[name] for name in ("state", kept)}
    bed.house.change(bed.ref, seen=Seen.STOPPED)
    await bed.put(member(2))
    assert await bed.balancer.pool(WEB.cluster_id)


async def test_another_engine_finds_everything_in_the_room(bed):
    await bed.put(member(2), member(3, state=MemberState.DRAIN))
    mine, others = await bed.balancer.pool(WEB.cluster_id), await bed.opened().pool(WEB.cluster_id)
    assert mine == others


async def test_several_who_ask_in_the_same_moment_take_one_look(bed):
    await bed.put(member(2))
    worker = bed.house.present(WEB.cluster_id)
    worker.open[next(iter(worker.servers))] = 1
    first = await bed.balancer.pool(WEB.cluster_id)
    bed.clock.advance(1)
    second, third = [await bed.balancer.pool(WEB.cluster_id) for _ in range(2)]
    assert second is third
    opened = [each.members[UUID(int=2)].open_requests for each in (first, second)]
    assert opened == [0, 1]


async def test_what_is_open_too_long_on_one_that_drains_is_closed_by_and_by(bed):
    ends = bed.clock.now() + timedelta(seconds=10)
    front = replace(WEB, traffic=Traffic.TCP)
    await bed.put(member(2, state=MemberState.DRAIN, ends=ends), front=front)
    worker = bed.house.present(WEB.cluster_id)
    worker.open[next(iter(worker.servers))] = 8
    await bed.balancer.pool(WEB.cluster_id)
    [(ref, heard)] = bed.balancer._heard.values()
    await bed.balancer._close_some(ref, heard)
    assert worker.closed == []
    bed.clock.advance(6)
    await bed.balancer._close_some(ref, heard)
    assert 0 < len(worker.closed) < 8


async def test_where_no_network_asks_for_it_nobody_is_asked_for_rooms_until_some_are_found(bed):
    def sleeper() -> InsideBalancer:
        return InsideBalancer(bed.rooms, bed.home, 0, bed.clock, always=False)

    quiet = sleeper()
    assert await quiet.pool(WEB.cluster_id) is None
    await quiet.remove_pool(WEB.cluster_id)
    assert bed.house.listings == 0
    await bed.put(member(2))
    found = sleeper()
    assert list(await found.list_pools()) == [WEB.cluster_id]
    await found.remove_pool(WEB.cluster_id)
    assert not bed.house.rooms
    bed.house.asked = True
    await bed.put(member(2))
    assert await sleeper().pool(WEB.cluster_id)


async def test_a_certificate_is_written_beside_the_file(bed):
    await bed.put(front=replace(WEB, traffic=Traffic.HTTPS, port=443, **CERTIFIED))
    assert b"PRIVATE KEY" in files_of(bed.house)["front.pem"]
    assert b":443 ssl crt front.pem" in files_of(bed.house)["haproxy.cfg"]


CERTIFIED = {"certificate": (PEM / "web.pem").read_text(), "key": (PEM / "web.key").read_text()}


@pytest.mark.parametrize(
    "but",
    [
        {},
        {"persistence": Persistence.HTTP_COOKIE},
        {"traffic": Traffic.HTTPS, "persistence": Persistence.SOURCE_IP, **CERTIFIED},
        {"traffic": Traffic.TCP, "connections": 5},
    ],
)
async def test_haproxy_can_read_what_is_written_for_it(bed, tmp_path, but):
    haproxies.needed()
    await bed.put(member(2), member(3, state=MemberState.DRAIN), front=replace(WEB, **but))
    for name, content in files_of(bed.house).items():
        (tmp_path / name).write_bytes(content)
    command = [await binary(), "-c", "-W", "-f", "haproxy.cfg"]
    done = await anyio.run_process(command, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize(
    ("front", "why"),
    [
        (replace(WEB, port=9902), "ports 9901 to 9903"),
        (replace(WEB, network="hidden"), "nobody outside"),
        (replace(WEB, traffic=Traffic.HTTPS), "signs no certificates"),
    ],
)
async def test_what_cannot_be_had_is_refused_before_a_room_is_made(bed, front, why):
    assert why in (await bed.balancer.refusal(front) or "")
    with pytest.raises(Permanent, match=why):
        await bed.put(front=front)
    assert not bed.house.rooms


async def test_whatever_one_look_meets_rooms_are_tended_again(bed):
    await bed.put(member(2))
    bed.balancer.watch()
    before, bed.house.odd = bed.house.listings, 1

    async def again() -> bool:
        return bed.house.listings > before + 1

    await traffic.until(again)
    assert not bed.house.odd
    await bed.balancer.close()
