"""What clusters have: read whole, kept by their events, by whichever member answers."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest

from fleet import FakeFleet, FakeMachine
from incuses import an_instance, begins, lifecycle
from machines import a_machine, a_server_cluster
from memory import in_memory
from muster.base.clock import ManualClock
from muster.engine.pace import EnginePace
from muster.engine.stock import MachineStock
from muster.engine.stocktaking import _Source
from muster.engine.worker import Engine
from muster.model.inventory import Kind, Record, Stocktake
from muster.model.server_cluster import ServerClusterStatus
from muster.ports.agent import line_of
from muster.ports.stock import News
from muster.ports.store import Query, Store
from muster.store.signals import LocalSignal
from office import a_cloud

K = Kind
WEB = "/1.0/instances/web"


@dataclass
class Yard:
    store: Store
    clock: ManualClock
    fleet: FakeFleet
    engine: Engine
    members: list[FakeMachine]

    async def go_on(self, seconds: int = 1) -> None:
        for _ in range(seconds):
            await asyncio.gather(*await self.engine.ticks.inventory())
            for _ in range(5):  # for whoever listens
                await asyncio.sleep(0)
            self.clock.advance(1)

    async def has(self, kind: Kind) -> list[Record]:
        query = Query(where={"kind": (kind,)}, sort=(("name", False), ("server", False)))
        return await self.store.read(lambda tx: tx.inventory.find(query))

    async def names(self, kind: Kind) -> list[str]:
        return [each.name for each in await self.has(kind)]

    async def taken(self) -> Stocktake:
        found = await self.store.read(lambda tx: tx.stocktakes.find(Query()))
        return found[0]

    async def tell(self, *events, by: int = 0) -> None:
        for each in events:
            self.members[by].news.put_nowait(each)
        await self.go_on(2)

    def asked(self, path: str) -> list[int]:
        return [there.asked.count(path) for there in self.members]


@pytest.fixture
async def yard() -> AsyncIterator[Yard]:
    clock, signal, fleet = ManualClock(), LocalSignal(), FakeFleet()
    store = await in_memory(signal)
    engine = Engine(store, {}, clock, signal, EnginePace(owner="tests"))
    engine.ask_machines_by(fleet)
    members = []
    ready = a_server_cluster(status=ServerClusterStatus.READY)
    await store.write(lambda tx: tx.server_clusters.put(ready))
    for number in (1, 2, 3):
        machine = a_machine(number, cluster="c1")
        await store.write(lambda tx, each=machine: tx.machines.put(each))
        members.append(begins(fleet.put(machine.connection_url, FakeMachine())))
    yard = Yard(store, clock, fleet, engine, members)
    yield yard
    await engine.ticks.stop_inventory()
    await store.close()


async def test_every_kind_is_read_each_with_where_it_is(yard):
    await yard.go_on()
    for kind in Kind:
        assert await yard.has(kind), kind
    assert await yard.names(K.NETWORKS) == ["br0", "ovn0"]  # no unmanaged one
    assert [each.server for each in await yard.has(K.STORAGE_VOLUMES)] == ["m1", "m2"]
    web = (await yard.has(K.INSTANCES))[1]
    assert (web.cluster, web.server, web.project, web.name) == ("c1", "m1", "default", "web")
    [forward] = await yard.has(K.NETWORK_FORWARDS)
    assert (forward.parent, forward.name, forward.project) == ("ovn0", "10.9.0.5", "default")
    assert [(e.parent, e.server) for e in await yard.has(K.STORAGE_BUCKETS)] == [
        ("local", ""),
        ("rgw", ""),
    ]
    taken = await yard.taken()
    assert (taken.error, taken.read_at is not None) == ("", True)


async def test_what_an_incus_does_not_know_is_not_asked_for(yard):
    for there in yard.members:
        there.answers["/1.0"] = {"api_extensions": []}
    await yard.go_on()
    assert await yard.has(K.NETWORK_ADDRESS_SETS) == []
    assert not any("address-sets" in path for path in yard.members[0].asked)


async def test_an_event_has_its_instance_read_and_nothing_else(yard):
    await yard.go_on(2)
    for there in yard.members:
        there.told.clear()
        there.answers[f"{WEB}?recursion=1&project=default"] = an_instance("web", status="Stopped")
    await yard.tell(lifecycle("instance-stopped", f"{WEB}?project=default"))
    assert (await yard.has(K.INSTANCES))[1].object["status"] == "Stopped"
    assert set(yard.members[0].asked) == {f"{WEB}?recursion=1&project=default"}


async def test_an_instance_that_is_gone_goes_and_one_that_is_renamed_has_one_name(yard):
    await yard.go_on(2)
    new = "/1.0/instances/api"
    for there in yard.members:
        there.answers[f"{new}?recursion=1&project=default"] = an_instance("api")
    await yard.tell(lifecycle("instance-renamed", f"{new}?project=default", old_name="web"))
    assert await yard.names(K.INSTANCES) == ["api", "db"]
    await yard.tell(lifecycle("instance-deleted", "/1.0/instances/db", "lab"))
    assert await yard.names(K.INSTANCES) == ["api"]


async def test_what_is_in_another_thing_is_read_again_with_its_kind(yard):
    await yard.go_on(2)
    path = "/1.0/networks/ovn0/forwards?recursion=1&project=default"
    for there in yard.members:
        there.answers[path] = [{"listen_address": "10.9.0.5"}, {"listen_address": "10.9.0.7"}]
    source = "/1.0/networks/ovn0/forwards/10.9.0.7"
    await yard.tell(lifecycle("network-forward-created", source))
    assert await yard.names(K.NETWORK_FORWARDS) == ["10.9.0.5", "10.9.0.7"]


async def test_what_no_event_told_is_put_right_when_all_is_read_again(yard):
    await yard.go_on(2)
    for there in yard.members:
        there.answers["/1.0/instances?recursion=2&all-projects=true"] = [an_instance("web", "m3")]
    yard.clock.advance(6 * 3600 - 10)
    await yard.go_on()
    assert await yard.names(K.INSTANCES) == ["db", "web"]
    yard.clock.advance(10)
    await yard.go_on(2)
    [web] = await yard.has(K.INSTANCES)
    assert web.server == "m3"
    assert (await yard.taken()).drifted == 2
    count = yard.asked("/1.0/images?recursion=1&all-projects=true")
    await yard.go_on(2)
    assert yard.asked("/1.0/images?recursion=1&all-projects=true") == count


async def test_where_the_first_member_is_down_the_next_one_tells_everything(yard):
    yard.members[0].silent = True
    await yard.go_on(2)
    assert await yard.names(K.INSTANCES) == ["db", "web"]
    for there in yard.members:
        there.answers[f"{WEB}?recursion=1&project=default"] = an_instance("web", status="Frozen")
    await yard.tell(lifecycle("instance-paused", WEB), by=1)
    assert (await yard.has(K.INSTANCES))[1].object["status"] == "Frozen"


async def test_when_the_line_breaks_another_member_is_heard_and_all_is_read_again(yard):
    await yard.go_on(2)
    for there in yard.members[1:]:
        there.answers["/1.0/instances?recursion=2&all-projects=true"] = [an_instance("new")]
    yard.members[0].silent = True
    await yard.tell(None)
    assert await yard.names(K.INSTANCES) == ["new"]
    assert yard.members[1].listened


async def test_where_nobody_answers_that_is_said_and_what_was_known_stays(yard):
    await yard.go_on(2)
    for there in yard.members:
        there.silent = True
    yard.clock.advance(7 * 3600)
    await yard.go_on(2)
    taken = await yard.taken()
    assert "no answer" in taken.error
    [warning] = await yard.store.read(lambda tx: tx.warnings.find(Query()))
    assert (warning.kind, warning.entity) == ("Inventory resync failed", "c1")
    assert await yard.names(K.INSTANCES) == ["db", "web"]
    for there in yard.members:
        there.silent = False
    await yard.go_on(31)
    assert (await yard.taken()).error == ""
    assert await yard.store.read(lambda tx: tx.warnings.find(Query())) == []


async def test_a_kind_that_cannot_be_read_keeps_no_other_from_being_read(yard):
    for there in yard.members:
        there.refusing_reads["/1.0/profiles?recursion=1&all-projects=true"] = "no such column"
    await yard.go_on()
    assert await yard.names(K.INSTANCES) == ["db", "web"]
    assert (await yard.taken()).error.startswith("profiles: ")


async def test_a_cluster_that_is_gone_leaves_nothing(yard):
    await yard.go_on(2)
    await yard.store.write(lambda tx: tx.server_clusters.drop(a_server_cluster().id))
    await yard.go_on(6)
    assert await yard.store.read(lambda tx: tx.inventory.count(Query())) == 0


async def test_one_that_is_forgotten_and_stays_a_cloud_is_read_by_that(yard, tmp_path):
    other = a_machine(4)
    there = begins(yard.fleet.put(other.connection_url, FakeMachine()))
    stock = MachineStock(yard.fleet, {"m4": line_of(other)})
    yard.engine.admit(replace(await a_cloud(tmp_path, yard.clock, "c1"), stock=stock))
    await yard.go_on(2)
    assert (await yard.names(K.INSTANCES), there.asked) == (["db", "web"], [])  # by its servers
    await yard.store.write(lambda tx: tx.server_clusters.drop(a_server_cluster().id))
    yard.clock.advance(7 * 3600)
    await yard.go_on(7)
    assert there.asked
    assert await yard.names(K.INSTANCES) == ["db", "web"]
    await yard.engine.dismiss("c1")


async def test_after_an_evacuation_every_instance_is_where_it_is_now(yard):
    await yard.go_on(2)
    for there in yard.members:
        there.answers["/1.0/instances?recursion=2&all-projects=true"] = [an_instance("web", "m2")]
    await yard.tell(lifecycle("cluster-member-evacuated", "/1.0/cluster/members/m1"))
    assert [(e.name, e.server) for e in await yard.has(K.INSTANCES)] == [("web", "m2")]


class OddFleet(FakeFleet):
    """Agents of which one call breaks as nobody has foreseen."""

    broken = 1

    async def listen(self, line, path):
        self.broken -= 1
        if self.broken >= 0:
            raise ValueError("no such thing")
        async for said in super().listen(line, path):
            yield said


async def test_whatever_breaks_a_line_the_next_machine_is_heard():
    fleet, machine = OddFleet(), a_machine(1)
    there = fleet.put(machine.connection_url, FakeMachine())
    there.news.put_nowait("news")
    stock = MachineStock(fleet, {"m1": line_of(machine)})
    async with asyncio.timeout(30):
        while not (heard := await stock.heard()).events:
            assert heard.missed
    assert heard.events == ["news"]
    await stock.close()


class OddStock:
    """What tells one thing after it has broken as nobody has foreseen."""

    broken = 1

    async def heard(self) -> News:
        self.broken -= 1
        if self.broken >= 0:
            raise KeyError("metadata")
        return News(["news"])


async def test_a_cluster_whose_news_break_is_listened_to_anew():
    source, told = _Source(OddStock()), []
    async with asyncio.timeout(30):
        while not told:
            told += source.told().events
            await asyncio.sleep(0)
    await source.close()
