"""Bulk updates carried out on servers: each told once what it has to be, or set back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from bulks import a_bulk
from fleet import APPLICATIONS, NETWORK, FakeFleet, FakeMachine
from machines import a_machine
from memory import in_memory
from muster.base.clock import ManualClock
from muster.engine.pace import EnginePace
from muster.engine.worker import Engine
from muster.model.bulk import Bulk, BulkStatus, OnFailure
from muster.ports.store import Query, Store
from muster.store.signals import LocalSignal

NVME = "/os/1.0/services/nvme"
TARGET = {"transport": "tcp", "address": "10.9.0.1", "port": 4420}
ADD = {"action": "add_nvme_storage_target", "arguments": TARGET}
REMOVE = {"action": "remove_nvme_storage_target", "arguments": TARGET}


@dataclass
class Yard:
    store: Store
    clock: ManualClock
    fleet: FakeFleet
    signal: LocalSignal
    servers: dict[str, FakeMachine] = field(default_factory=dict)

    def engine(self, owner: str = "one") -> Engine:
        made = Engine(self.store, {}, self.clock, self.signal, EnginePace(owner=owner))
        made.ask_machines_by(self.fleet)
        return made

    async def begin(self, bulk: Bulk) -> None:
        def work(tx):
            tx.bulks.put(bulk)
            tx.marks.mark(bulk.id)

        await self.store.write(work)

    async def ended(self, bulk: Bulk) -> Bulk:
        """Begin an update and return it as it ended."""
        await self.begin(bulk)
        await self.engine().settle()
        return await self.seen(bulk)

    async def seen(self, bulk: Bulk) -> Bulk:
        found = await self.store.read(lambda tx: tx.bulks.get(bulk.id))
        assert found is not None
        return found


@asynccontextmanager
async def a_yard(*names: str) -> AsyncIterator[Yard]:
    signal, clock = LocalSignal(), ManualClock()
    store = await in_memory(signal)
    yard = Yard(store, clock, FakeFleet(), signal)
    for number, name in enumerate(names, 1):
        machine = a_machine(number, cluster="c1")
        await store.write(lambda tx, each=machine: tx.machines.put(each))
        there = yard.servers[name] = yard.fleet.put(machine.connection_url, FakeMachine())
        there.answers[NVME] = {"config": {}, "state": {}}
    yield yard
    await store.close()


@pytest.fixture
async def yard() -> AsyncIterator[Yard]:
    async with a_yard("m1", "m2", "m3") as made:
        yield made


def told(bulk: Bulk) -> list[str]:
    return [str(each.status) for each in bulk.servers]


def three(**but) -> Bulk:
    return a_bulk("m1", "m2", "m3", **but)


async def test_every_server_is_changed_and_each_result_says_from_what_to_what(yard):
    bulk = await yard.ended(three(**ADD))
    assert (bulk.status, told(bulk)) == (BulkStatus.DONE, ["changed"] * 3)
    wanted = {"enabled": True, "targets": [TARGET]}
    for name, there in yard.servers.items():
        assert there.config("services/nvme") == wanted
        assert there.changes == [("PUT", NVME)]
        turn = bulk.turn(name)
        assert (turn.before, turn.after) == ({"services/nvme": {}}, {"services/nvme": wanted})


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize(
    ("policy", "results", "end"),
    [
        (OnFailure.REVERT, ["reverted", "failed", "skipped"], BulkStatus.REVERTED),
        (OnFailure.STOP, ["changed", "failed", "skipped"], BulkStatus.FAILED),
        (OnFailure.CONTINUE, ["changed", "failed", "changed"], BulkStatus.FAILED),
    ],
)
async def test_three_servers_of_which_the_second_fails(yard, policy, results, end, half):
    second = yard.servers["m2"]
    second.refusing[NVME], second.half = "no such target", half
    await yard.begin(three(on_failure=policy, **ADD))
    await yard.engine().settle()
    bulk = await yard.seen(three())
    assert (told(bulk), bulk.status) == (results, end)
    [warning] = await yard.store.read(lambda tx: tx.warnings.find(Query()))
    assert (warning.entity, "no such target" in warning.messages[0]) == ("m2", True)
    assert "no such target" in bulk.turn("m2").error
    is_there = [bool(each.config("services/nvme")) for each in yard.servers.values()]
    kept = half and policy is not OnFailure.REVERT
    assert is_there == [results[0] == "changed", kept, results[2] == "changed"]


async def test_a_second_that_cannot_even_be_set_back_is_told_as_such(yard):
    second = yard.servers["m2"]
    second.refusing[NVME], second.half = "no such target", True
    second.refuses_always = True
    bulk = await yard.ended(three(**ADD))
    assert told(bulk) == ["reverted", "revert_failed", "skipped"]
    assert "could not be set back" in bulk.turn("m2").error
    assert bulk.status is BulkStatus.FAILED


async def test_removing_targets_gives_back_exactly_the_list_there_was(yard):
    others = [{**TARGET, "port": 4421}, TARGET, {**TARGET, "nqn": "nqn.2014-08.org:x"}]
    for there in yard.servers.values():
        there.answers[NVME] = {"config": {"enabled": True, "targets": others}}
    yard.servers["m3"].refusing[NVME] = "busy"
    bulk = await yard.ended(three(**REMOVE))
    assert told(bulk) == ["reverted", "reverted", "failed"]
    back = [path for _, path in yard.servers["m1"].changes]
    assert back == [NVME, NVME]
    for there in yard.servers.values():
        assert there.config("services/nvme") == {"enabled": True, "targets": others}


async def test_a_server_that_is_so_already_is_told_nothing(yard):
    yard.servers["m2"].answers[NVME] = {"config": {"enabled": True, "targets": [TARGET]}}
    bulk = await yard.ended(three(**ADD))
    assert told(bulk) == ["changed", "unchanged", "changed"]
    assert yard.servers["m2"].changes == []


async def test_a_silent_server_fails_before_it_is_told_anything(yard):
    yard.servers["m1"].silent = True
    bulk = await yard.ended(three(on_failure=OnFailure.STOP, **ADD))
    assert told(bulk) == ["failed", "skipped", "skipped"]
    assert "no answer" in bulk.turn("m1").error


async def test_applications_come_by_their_route_and_go_again_where_another_fails(yard):
    yard.servers["m2"].refusing[APPLICATIONS] = "no space"
    bulk = await yard.ended(three(action="add_application", arguments={"name": "debug"}))
    assert told(bulk) == ["reverted", "failed", "skipped"]
    assert yard.servers["m1"].changes == [
        ("POST", APPLICATIONS),
        ("POST", f"{APPLICATIONS}/debug/:remove"),
    ]
    assert yard.servers["m1"].answers[APPLICATIONS] == [f"{APPLICATIONS}/incus"]


VLAN = {
    "action": "add_network_interface_vlan_tags",
    "arguments": {"interface_name": "mgmt", "vlan_tags": [7]},
}


def wired(there: FakeMachine) -> None:
    config = {"interfaces": [{"name": "mgmt", "hwaddr": "aa:bb:cc:00:00:01", "vlan_tags": [5]}]}
    there.answers[NETWORK] = {"config": config, "state": {}}


async def test_a_network_is_put_for_a_while_and_confirmed_once_it_is_reached(yard):
    for there in yard.servers.values():
        wired(there)
    bulk = await yard.ended(three(**VLAN))
    assert told(bulk) == ["changed"] * 3
    there = yard.servers["m1"]
    assert there.changes == [("PUT", NETWORK), ("POST", f"{NETWORK}/:confirm")]
    put = next(each for each in there.told if each.method == "PUT")
    assert put.body["config"]["confirmation_timeout"] == "60s"
    assert put.body["config"]["interfaces"][0]["vlan_tags"] == [5, 7]


async def test_a_network_that_went_back_by_itself_is_a_failure(yard):
    for there in yard.servers.values():
        wired(there)

    async def unreached() -> None:
        there = yard.servers["m1"]
        if ("PUT", NETWORK) in there.changes:
            wired(there)  # nobody confirmed it in time

    yard.fleet.meanwhile = unreached
    bulk = await yard.ended(three(**VLAN))
    assert told(bulk) == ["failed", "skipped", "skipped"]
    assert "took its network back" in bulk.turn("m1").error
    assert len(yard.servers["m1"].changes) == 1


class Cut(BaseException):
    """The process is killed."""


@pytest.mark.parametrize("call", range(1, 12))
async def test_killed_at_any_call_it_goes_on_and_tells_nobody_twice(call):
    async with a_yard("m1", "m2", "m3") as yard:
        yard.servers["m2"].refusing[NVME] = "no such target"
        calls = 0

        async def killed() -> None:
            nonlocal calls
            calls += 1
            if calls == call:
                raise Cut

        yard.fleet.meanwhile = killed
        await yard.begin(three(**ADD))
        try:
            await yard.engine().settle()
        except BaseExceptionGroup:
            pass
        except Cut:
            pass
        yard.fleet.meanwhile = None
        yard.clock.advance(120)
        await yard.engine("two").settle()
        bulk = await yard.seen(three())
        assert told(bulk) == ["reverted", "failed", "skipped"]
        assert [each.config("services/nvme") for each in yard.servers.values()] == [{}, {}, {}]
        assert yard.servers["m1"].changes == [("PUT", NVME)] * 2


async def test_what_was_done_before_it_was_written_down_is_not_taken_for_unchanged(yard):
    """The server took it, and whoever told it was killed before he could note that."""
    there = yard.servers["m1"]
    engine = yard.engine()

    async def killed_after() -> None:
        if there.changes:
            raise Cut

    yard.fleet.meanwhile = killed_after
    await yard.begin(three(**ADD))
    with pytest.raises(Cut):
        await engine.settle()
    assert there.config("services/nvme")
    yard.fleet.meanwhile = None
    yard.clock.advance(120)
    await yard.engine("two").settle()
    bulk = await yard.seen(three())
    assert told(bulk) == ["changed"] * 3
    assert there.changes == [("PUT", NVME)]


async def test_what_others_changed_meanwhile_is_not_written_over(yard):
    there = yard.servers["m1"]
    theirs = {"enabled": True, "targets": [{**TARGET, "port": 9}]}
    looks = 0

    async def meddling() -> None:
        nonlocal looks
        looks += 1
        if looks == 2:
            there.answers[NVME] = {"config": theirs}

    yard.fleet.meanwhile = meddling
    bulk = await yard.ended(three(**ADD))
    assert told(bulk) == ["failed", "skipped", "skipped"]
    assert "changed by others" in bulk.turn("m1").error
    assert there.config("services/nvme") == theirs


async def test_several_are_told_at_once_where_that_is_asked_for(yard):
    together = most = 0

    async def counting() -> None:
        nonlocal together, most
        together += 1
        most = max(most, together)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        together -= 1

    yard.fleet.meanwhile = counting
    bulk = await yard.ended(three(parallel=2, **ADD))
    assert (told(bulk), most) == (["changed"] * 3, 2)
