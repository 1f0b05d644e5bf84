"""Hosts for the nodes of clusters, seen through a whole engine on a simulated cloud."""

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid5

import pytest

from engine.world import SIM, Scene, a_scene
from muster.decide.spots.wants import HELD
from muster.decide.vclusters.claims import left
from muster.engine.pace import EnginePace
from muster.engine.worker import Engine
from muster.model.action import ActionStatus, Verb
from muster.model.observed import Server
from muster.model.placement import Affinity, Group, Placement, Share
from muster.model.reservation import Reservation, Room
from muster.model.step import ServerOrder
from muster.ports.compute import Compute
from muster.ports.hosts import Hosts
from muster.ports.store import Query
from muster.store.connect import connect
from muster.store.signals import LocalSignal

ONE = UUID(int=900)


def group(affinity: Affinity) -> Placement:
    return Placement(group=Group(id=ONE, name="ours", affinity=affinity))


TOGETHER, APART = group(Affinity.AFFINITY), group(Affinity.ANTI_AFFINITY)


async def hosts(scene: Scene, cluster_id: UUID) -> Counter[str]:
    return Counter(node.host for node in await scene.nodes(cluster_id) if node.host)


def claim_on(host: str) -> UUID:
    return uuid5(ONE, host)


async def claimed(scene: Scene, host: str, ram_mib: int) -> None:
    """Have somebody hold memory on a host."""
    claim = Reservation(
        id=claim_on(host),
        project="other",
        cloud=SIM,
        owner=ONE,
        host=host,
        ram_mib=ram_mib,
        created_at=scene.clock.now(),
    )
    await scene.store.write(lambda tx: tx.reservations.put(claim))


async def test_what_is_to_be_together_goes_where_all_of_it_fits():
    async with a_scene(zones=["a"], hosts=3, host_memory_mib=512) as scene:
        for host in ("a-h1", "a-h2"):
            await claimed(scene, host, 256)  # there is room for two, and three are to come
        cluster_id = await scene.create(3, placement=TOGETHER)
        await scene.go_on(5)
        assert await hosts(scene, cluster_id) == {"a-h3": 3}


async def test_nobody_gets_what_others_have_claimed():
    async with a_scene(zones=["a"], hosts=3, host_memory_mib=256) as scene:
        await claimed(scene, "a-h1", 200)
        cluster_id = await scene.create(3, placement=APART)
        await scene.go_on(5)
        assert await hosts(scene, cluster_id) == {"a-h2": 1, "a-h3": 1}
        (waiting,) = (n for n in await scene.nodes(cluster_id) if not n.host)
        said = "no host for web-003: of 3, 1 too full, 2 with one of group ours already"
        assert said in waiting.reason
        await scene.store.write(lambda tx: tx.reservations.drop(claim_on("a-h1")))
        await scene.go_on(60)
        assert await hosts(scene, cluster_id) == {"a-h1": 1, "a-h2": 1, "a-h3": 1}


async def test_a_zone_that_is_full_gives_its_share_to_the_others():
    shares = (Share(zone="a"), Share(zone="b"))
    placement = Placement(shares=shares, group=APART.group)
    async with a_scene(zones=["a", "b", "c"], hosts=9) as scene:
        for host in ("a-h2", "a-h3"):
            scene.world.power_cut(host)
        cluster_id = await scene.create(4, placement=placement)
        await scene.go_on(5)
        nodes = await scene.nodes(cluster_id)
        assert Counter(node.zone for node in nodes) == {"a": 1, "b": 3}
        assert len({node.host for node in nodes}) == 4


async def test_two_clusters_of_one_group_never_meet_on_a_host():
    async with a_scene(zones=["a"], hosts=5) as scene:
        one = await scene.create(2, placement=APART)
        two = await scene.create(3, id=UUID(int=2), name="db", placement=APART)
        await scene.go_on(5)
        there = await hosts(scene, one) + await hosts(scene, two)
        assert there == dict.fromkeys(("a-h1", "a-h2", "a-h3", "a-h4", "a-h5"), 1)


async def test_what_is_launched_alone_goes_where_most_is_free():
    async with a_scene(zones=["a"], hosts=3, host_memory_mib=1024) as scene:
        await claimed(scene, "a-h1", 600)
        await claimed(scene, "a-h3", 700)
        one = await scene.create_alone("one")
        await scene.go_on(2)
        two = await scene.create_alone("two")
        await scene.go_on(2)
        assert [(await scene.node(id)).host for id in (one, two)] == ["a-h2", "a-h2"]
        room = await scene.cloud.hosts.room()
        assert {h.id: h.ram_mib for h in left(room, ())}["a-h2"] == 1024 - 2 * 128


async def test_what_is_launched_alone_goes_to_the_zone_where_most_is_free():
    async with a_scene(zones=["a", "b", "c"], hosts=3, host_memory_mib=1024) as scene:
        await claimed(scene, "a-h1", 600)
        await claimed(scene, "c-h1", 700)
        id = await scene.create_alone("one")
        await scene.go_on(2)
        assert (await scene.node(id)).host == "b-h1"


async def test_who_is_evacuated_finds_a_host_by_the_rules_of_his_cluster():
    async with a_scene(zones=["a", "b"], hosts=8) as scene:
        cluster_id = await scene.create(3, placement=APART)
        await scene.go_on(3)
        before = await hosts(scene, cluster_id)
        leaver = (await scene.nodes(cluster_id))[0]
        wish = await scene.ask(leaver.id, Verb.NODE_OPERATION, operation="evacuate", params={})
        await scene.go_on(5)
        assert await scene.ended(wish) is ActionStatus.SUCCEEDED
        after = await hosts(scene, cluster_id)
        assert len(after) == 3
        assert leaver.host in before
        assert leaver.host not in after
        assert (await scene.node(leaver.id)).zone == leaver.zone


async def test_who_is_not_told_where_to_go_never_breaks_a_rule():
    async with a_scene(zones=["a"], hosts=3) as scene:
        cluster_id = await scene.create(3, placement=APART)
        await scene.go_on(3)
        leaver = (await scene.nodes(cluster_id))[0]
        other = next(host for host in await hosts(scene, cluster_id) if host != leaver.host)
        for params in ({}, {"host": other}):
            wish = await scene.ask(
                leaver.id, Verb.NODE_OPERATION, operation="evacuate", params=params
            )
            await scene.go_on(300, steps=10)
            assert await scene.ended(wish) is ActionStatus.FAILED
            assert len(await hosts(scene, cluster_id)) == 3
        forced = {"host": other, "force": True}
        wish = await scene.ask(leaver.id, Verb.NODE_OPERATION, operation="evacuate", params=forced)
        await scene.go_on(5)
        assert await scene.ended(wish) is ActionStatus.SUCCEEDED
        assert (await hosts(scene, cluster_id))[other] == 2


async def test_hosts_that_do_not_tell_make_nobody_break_a_rule():
    async with a_scene(zones=["a"], hosts=3, faults={"room": {"times": 1}}) as scene:
        cluster_id = await scene.create(3, placement=APART)
        await scene.go_on(30)
        assert len(await hosts(scene, cluster_id)) == 3


async def test_a_zone_that_was_made_up_is_left_to_a_cloud_that_takes_any():
    placement = Placement(shares=(Share(zone="elsewhere"),), group=APART.group)
    async with a_scene(zones=["a"], hosts=3) as scene:
        cluster_id = await scene.create(2, placement=placement)
        await scene.go_on(3)
        there = await hosts(scene, cluster_id)
        assert sorted(there.values()) == [1, 1]
        assert all(host.startswith("elsewhere-h") for host in there)


async def test_what_is_placed_already_by_another_engine_is_not_placed_twice():
    async with a_scene(zones=["a"], hosts=2, host_memory_mib=128) as scene:
        one = await scene.create(1, placement=APART)
        even = Placement(shares=(Share(zone="a"),))
        two = await scene.create(1, id=UUID(int=2), name="db", placement=even)
        await scene.another("other").settle()
        await scene.go_on(10)
        assert await hosts(scene, one) + await hosts(scene, two) == {"a-h1": 1, "a-h2": 1}


class Together:
    """The hosts of a cloud, for engines of which nobody goes on before all have looked."""

    def __init__(self, hosts: Hosts, engines: int) -> None:
        self._hosts, self._looks = hosts, asyncio.Barrier(engines)
        self._first = engines

    async def room(self) -> Room:
        seen = await self._hosts.room()
        if self._first:
            self._first -= 1
            await asyncio.wait_for(self._looks.wait(), 10)
        return seen


class Asked:
    """A compute that notes which hosts it was asked for servers on."""

    def __init__(self, compute: Compute) -> None:
        self._compute = compute
        self.hosts: list[str] = []

    async def create_server(self, order: ServerOrder) -> Server:
        self.hosts.append(order.host)
        return await self._compute.create_server(order)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._compute, name)


@pytest.mark.postgresql
async def test_engines_over_one_database_never_give_the_last_slot_twice(postgres_url: str):
    even = Placement(shares=(Share(zone="a"),))
    async with a_scene(url=postgres_url, zones=["a"], hosts=1, host_memory_mib=128) as scene:
        for number in (2, 3):
            await scene.create(1, id=UUID(int=number), name=f"c{number}", placement=even)
        asked = Asked(scene.cloud.compute)
        cloud = replace(scene.cloud, compute=asked, hosts=Together(scene.cloud.hosts, 2))
        other = await connect(postgres_url, LocalSignal(), scene.clock)
        engines = [
            Engine(store, {SIM: cloud}, scene.clock, store.signal, pace)
            for store, pace in (
                (scene.store, EnginePace(owner="one", passes_at_once=1, passes_in_a_row=1)),
                (other, EnginePace(owner="two", passes_at_once=1, passes_in_a_row=1)),
            )
        ]
        await asyncio.gather(*(engine.settle(2) for engine in engines))
        await other.close()
        assert asked.hosts == ["a-h1"]
        assert len(await held(scene)) == 1


async def test_what_an_engine_holds_is_given_back_when_its_time_is_up_or_it_comes_to_nothing():
    even = Placement(shares=(Share(zone="a"),))
    refusing = {"create_server": {"times": 1}}
    async with a_scene(zones=["a"], hosts=1, host_memory_mib=128, faults=refusing) as scene:
        cluster_id = await scene.create(1, placement=even)
        assert await held(scene) == []
        await scene.go_on(60)
        assert await hosts(scene, cluster_id) == {"a-h1": 1}
        (claim,) = await held(scene)
        assert claim.owner == cluster_id
        assert claim.until is not None
        await scene.delete(cluster_id)
        await scene.go_on(5)
        assert await held(scene) == []


async def test_what_an_engine_held_is_swept_once_its_time_is_up():
    """Whether or not anybody claims anything on that cloud after it."""
    even = Placement(shares=(Share(zone="a"),))
    async with a_scene(zones=["a"], hosts=1) as scene:
        await claimed(scene, "a-h1", 100)
        await scene.create(1, placement=even)
        await scene.go_on(2)
        assert len(await held(scene)) == 2
        await scene.engine.ticks.sweep()
        assert len(await held(scene)) == 2
        scene.clock.advance(HELD.total_seconds() + 1)
        await scene.engine.ticks.sweep()
        assert [each.id for each in await held(scene)] == [claim_on("a-h1")]


async def held(scene: Scene) -> list[Reservation]:
    return await scene.store.read(lambda tx: tx.reservations.find(Query()))
