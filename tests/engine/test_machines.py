"""Machines looked after: asked when due, held to their certificates, waited for by nobody."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from builders import NOW
from certified import signer
from drivers.pem.made import CERTIFICATE, NEXT
from fleet import ABOUT, FakeFleet, FakeMachine
from machines import a_machine
from memory import in_memory
from muster.base.certificates import fingerprint
from muster.base.clock import ManualClock
from muster.decide.machines import called
from muster.drivers import papers
from muster.engine.machines import AT_ONCE
from muster.engine.pace import EnginePace
from muster.engine.worker import Engine
from muster.model.machine import Detail, Kind, Machine, MachineStatus
from muster.model.system import SHOWN, SHOWN_AS
from muster.ports.store import Store, Transaction
from muster.store.signals import LocalSignal

S, D = MachineStatus, Detail


@dataclass
class Yard:
    store: Store
    clock: ManualClock
    fleet: FakeFleet
    signal: LocalSignal
    engine: Engine

    def engine_of(self, owner: str) -> Engine:
        made = Engine(self.store, {}, self.clock, self.signal, EnginePace(owner=owner))
        made.ask_machines_by(self.fleet)
        return made

    def stands(self, machine: Machine, **but) -> FakeMachine:
        return self.fleet.put(machine.connection_url, FakeMachine(**but))

    async def keep(self, *machines: Machine) -> None:
        await self.store.write(lambda tx: tx.machines.put(*machines))

    async def seen(self, machine: Machine) -> Machine:
        found = await self.store.read(lambda tx: tx.machines.get(machine.id))
        assert found is not None
        return found

    async def go_on(self, seconds: int = 1) -> None:
        for _ in range(seconds):
            await asyncio.gather(*await self.engine.ticks.machines())
            self.clock.advance(1)


@asynccontextmanager
async def a_yard() -> AsyncIterator[Yard]:
    clock, signal = ManualClock(), LocalSignal()
    store = await in_memory(signal)
    engine = Engine(store, {}, clock, signal, EnginePace(owner="tests"))
    yard = Yard(store, clock, FakeFleet(), signal, engine)
    engine.ask_machines_by(yard.fleet)
    yield yard
    await store.close()


@pytest.fixture
async def yard() -> AsyncIterator[Yard]:
    async with a_yard() as made:
        yield made


def new(number: int = 1, **but) -> Machine:
    return a_machine(number, **{"status": S.PENDING, "detail": D.REGISTERING} | but)


async def test_one_that_has_registered_is_ready_once_it_was_asked(yard):
    machine = new()
    there = yard.stands(machine)
    await yard.keep(machine)
    await yard.go_on()
    seen = await yard.seen(machine)
    assert (seen.status, seen.detail, seen.kind) == (S.READY, D.NONE, Kind.INCUS)
    assert seen.facts.applications == ({"name": "incus", "version": "6.0.4"},)
    assert seen.facts.network == ABOUT["/os/1.0/system/network"]
    assert seen.trusted
    assert there.asked[0] == "/os/1.0"


async def test_it_is_asked_for_everything_once_an_hour_and_else_how_it_is(yard):
    machine = new()
    there = yard.stands(machine)
    await yard.keep(machine)
    await yard.go_on()
    there.told.clear()
    yard.clock.advance(290)
    await yard.go_on()
    assert there.asked == []
    yard.clock.advance(10)
    await yard.go_on()
    assert there.asked == ["/os/1.0"]
    yard.clock.advance(3600)
    await yard.go_on()
    assert set(ABOUT) - {"/os/1.0/services"} <= set(there.asked)


async def test_one_that_is_not_ready_yet_is_asked_each_second_at_first(yard):
    machine = new()
    there = yard.stands(machine)
    there.answers["/os/1.0"] = {"environment": {"system_is_ready": False}}
    await yard.keep(machine)
    await yard.go_on(5)
    assert there.asked.count("/os/1.0") == 5
    there.answers["/os/1.0"] = ABOUT["/os/1.0"]
    await yard.go_on()
    assert (await yard.seen(machine)).status is S.READY


async def test_one_that_falls_silent_is_offline_with_the_reason_and_comes_back(yard):
    machine = a_machine()
    there = yard.stands(machine, silent=True)
    await yard.keep(machine)
    await yard.go_on()
    gone = await yard.seen(machine)
    assert (gone.status, gone.detail) == (S.OFFLINE, D.UNRESPONSIVE)
    assert "no answer" in gone.reason
    there.silent = False
    await yard.go_on(10)
    back = await yard.seen(machine)
    assert (back.status, back.reason) == (S.READY, "")


async def test_one_that_shows_another_certificate_is_told_nothing(yard):
    machine = a_machine()
    there = yard.stands(machine, certificate=NEXT)
    await yard.keep(machine)
    await yard.go_on()
    assert (await yard.seen(machine)).status is S.OFFLINE
    assert there.told == []


async def test_one_that_named_no_certificate_is_held_to_the_one_it_shows_first(yard):
    machine = new(certificate="", fingerprint="")
    there = yard.stands(machine)
    await yard.keep(machine)
    await yard.go_on()
    seen = await yard.seen(machine)
    assert (seen.status, seen.fingerprint) == (S.READY, fingerprint(CERTIFICATE))
    there.certificate = NEXT
    there.told.clear()
    yard.clock.advance(300)
    await yard.go_on()
    assert ((await yard.seen(machine)).status, there.told) == (S.OFFLINE, [])


async def test_two_do_not_show_one_certificate(yard):
    known, other = a_machine(1), new(2, certificate="", fingerprint="")
    yard.stands(known)
    yard.stands(other)
    await yard.keep(known, other)
    await yard.go_on()
    seen = await yard.seen(other)
    assert (seen.status, seen.certificate) == (S.PENDING, "")
    assert "certificate of server 'm1'" in seen.reason


async def test_of_two_that_come_at_once_with_one_certificate_one_is_believed(yard):
    both = [new(number, certificate="", fingerprint="") for number in (1, 2)]
    for each in both:
        yard.stands(each)
    await yard.keep(*both)
    await yard.go_on()
    seen = [await yard.seen(each) for each in both]
    assert sorted(each.status for each in seen) == [S.PENDING, S.READY]


async def test_what_a_machine_does_not_have_is_left_out(yard):
    machine = new()
    there = yard.stands(machine)
    for path in ("/os/1.0/system/storage", "/os/1.0/applications"):
        del there.answers[path]
    await yard.keep(machine)
    await yard.go_on()
    seen = await yard.seen(machine)
    assert (seen.status, seen.facts.storage, seen.facts.applications) == (S.READY, {}, ())
    assert seen.kind is Kind.UNKNOWN


@pytest.mark.parametrize("said", [None, "ready", [], {}, {"environment": "x"}])
async def test_what_is_no_agent_is_not_taken_for_one(yard, said):
    machine = new()
    yard.stands(machine).answers["/os/1.0"] = said
    await yard.keep(machine)
    await yard.go_on()
    seen = await yard.seen(machine)
    assert (seen.status, "no agent" in seen.reason) == (S.PENDING, True)


async def test_a_member_of_a_cluster_is_asked_whether_it_is_in_maintenance(yard):
    machine = a_machine(cluster="c1")
    yard.stands(machine).answers["/1.0/cluster/members/m1"] = {"status": "Evacuated"}
    await yard.keep(machine)
    await yard.go_on()
    assert (await yard.seen(machine)).facts.in_maintenance == 2


async def test_what_somebody_says_of_a_machine_meanwhile_is_kept(yard):
    machine = new()
    yard.stands(machine)
    await yard.keep(machine)
    yard.fleet.meanwhile = lambda: yard.keep(replace(machine, description="rack 7"))
    await yard.go_on()
    seen = await yard.seen(machine)
    assert (seen.status, seen.description) == (S.READY, "rack 7")


async def test_one_that_moved_or_went_meanwhile_is_not_what_was_asked(yard):
    moving, going = new(1), new(2)
    moved = replace(moving, connection_url="https://10.0.0.9:8443")

    async def meanwhile():
        await yard.keep(moved)
        await yard.store.write(lambda tx: tx.machines.drop(going.id))

    for each in (moving, going):
        yard.stands(each)
    await yard.keep(moving, going)
    yard.fleet.meanwhile = meanwhile
    await asyncio.gather(*await yard.engine.ticks.machines())
    assert await yard.store.read(lambda tx: tx.machines.get(going.id)) is None
    assert await yard.seen(moved) == moved


async def test_what_one_told_before_it_registered_anew_is_not_believed_of_it(yard):
    """It was asked how it is, and no more; as a new one it would be ready, and nothing known."""
    there = a_machine(whole_at=yard.clock.now())
    anew = new(secret="another", polls=0)
    yard.stands(there)
    await yard.keep(there)
    yard.fleet.meanwhile = lambda: yard.keep(anew)
    await asyncio.gather(*await yard.engine.ticks.machines())
    assert await yard.seen(anew) == anew
    await yard.go_on()
    assert (await yard.seen(anew)).facts.network == ABOUT["/os/1.0/system/network"]


async def test_many_that_do_not_answer_hold_up_nobody(yard):
    for number in range(1, AT_ONCE * 3):
        await yard.keep(new(number, fingerprint=f"{number}"))
    last = new(AT_ONCE * 3)
    yard.stands(last)
    await yard.keep(last)
    await yard.go_on()
    assert (await yard.seen(last)).status is S.READY


async def test_one_engine_asks_and_the_other_does_not(yard):
    machine = new()
    there = yard.stands(machine)
    await yard.keep(machine)
    other = yard.engine_of("other")
    mine = await yard.engine.ticks.machines()
    assert await other.ticks.machines() == []
    await asyncio.gather(*mine)
    assert there.asked.count("/os/1.0") == 1


async def test_an_engine_without_agents_asks_nobody(yard):
    await yard.keep(new())
    idle = Engine(yard.store, {}, yard.clock, yard.signal, EnginePace(owner="idle"))
    assert await idle.ticks.machines() == []


async def test_one_that_is_back_is_ready_when_its_incus_answers_as_well(yard):
    away = new(status=S.OFFLINE, detail=D.REBOOTING, turned_at=NOW)
    there = yard.stands(away, refusing_reads={"/1.0": "Incus does not answer"})
    there.answers["/1.0"] = {}
    await yard.keep(called(away, "system-is-ready", "", NOW))
    await yard.go_on(30)
    waiting = await yard.seen(away)
    assert (waiting.status, waiting.reason) == (S.OFFLINE, "Incus does not answer")
    there.refusing_reads.clear()
    await yard.go_on(15)
    assert (await yard.seen(away)).status is S.READY


PROVIDER = "/os/1.0/system/provider"


async def test_a_machine_is_told_our_new_certificate_until_it_takes_it():
    chain, _ = papers.made("muster", NOW)
    old = {
        "name": "operations-center",
        "config": {"server_url": "https://muster.example", "server_certificate": NEXT},
    }
    async with a_yard() as yard:
        machine = a_machine()
        there = yard.stands(machine, answers={**ABOUT, PROVIDER: {"config": old, "state": {}}})
        await yard.keep(machine)
        await yard.go_on()
        assert there.changes == []  # nobody has replaced anything
        await yard.store.write(lambda tx: tx.settings.put(SHOWN, chain))
        there.refusing[PROVIDER] = "it cannot reach us by that"
        await yard.go_on(301)
        assert there.changes == [("PUT", PROVIDER)]
        assert there.config("system/provider") == old
        del there.refusing[PROVIDER]
        await yard.go_on(301)
        assert there.config("system/provider")["config"]["server_certificate"] == chain
        assert (await yard.seen(machine)).status is S.READY
        await yard.go_on(301)
        assert len(there.changes) == 2


async def test_a_machine_that_does_not_know_our_authority_is_held_to_the_very_certificate():
    root = signer("an authority", NOW)
    ours = signer("muster", NOW, root, is_authority=False)
    pinned = {
        "name": "operations-center",
        "config": {"server_url": "https://muster.example", "server_certificate": NEXT},
    }
    async with a_yard() as yard:
        machine = a_machine()
        there = yard.stands(machine, answers={**ABOUT, PROVIDER: {"config": pinned, "state": {}}})
        await yard.keep(machine)

        def show(tx: Transaction) -> None:
            tx.settings.put(SHOWN, ours.pem)
            tx.settings.put(SHOWN_AS, "")

        await yard.store.write(show)
        await yard.go_on()
        assert there.config("system/provider")["config"]["server_certificate"] == ours.pem
