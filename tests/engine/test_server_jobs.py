"""Jobs on clusters of servers: killed at every step and taken up again, undone where one dies."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.pem.made import CERTIFICATE
from engine.works import S, Works, is_whole, the_machine, works_of
from metal import OURS, Killed, Metal
from muster.base.certificates import bare
from muster.model.admission import cloud_id
from muster.model.machine import MachineStatus
from muster.model.server_job import JobStatus
from muster.ports.agent import Order
from muster.service.provisioning import care, membership
from muster.service.provisioning.registration import Registering, registered


@pytest.mark.parametrize("count", [1, 2, 3, 5])
async def test_a_cluster_is_made_of_so_many_servers(count):
    async with works_of(count) as works:
        await works.go_on()
        cluster = await works.cluster()
        assert (cluster.status, (await works.job()).status) == (S.READY, JobStatus.DONE)
        assert is_whole(works)
        union = works.fleet.metals["m1"].union
        assert union is not None
        assert cluster.certificate.strip() == union.certificate.strip()


def killing(number: int, when: str) -> tuple[Callable[[str, Metal, Order], None], list[int]]:
    """Return what kills Muster once, at its so many-th change of anything."""
    left = [number]

    def meanwhile(at: str, metal: Metal, order: Order) -> None:
        if at == when:
            left[0] -= 1
            if left[0] == 0:
                raise Killed

    return meanwhile, left


async def changes_of(count: int) -> int:
    async with works_of(count) as works:
        await works.go_on()
        return len(works.fleet.changes)


async def is_a_cloud(works: Works) -> bool:
    """Return whether the cluster is the cloud of its name, with all members, and trusts us."""
    there = await works.store.read(lambda tx: tx.clouds.get(cloud_id("c1")))
    union = works.fleet.metals["m1"].union
    if there is None or union is None:
        return False
    urls = {there.options["url"], *there.options.get("members", ())}
    return (
        urls == {works.fleet.metals[name].url for name in union.members}
        and there.papers["server_certificate"].strip() == union.certificate.strip()
        and union.objects["/1.0/certificates/muster?&"]["certificate"] == bare(OURS)
    )


async def survives(count: int, number: int, when: str) -> None:
    async with works_of(count) as works:
        works.fleet.meanwhile, _ = killing(number, when)
        await works.go_on()
        assert (await works.cluster()).status is S.READY, (number, when, await works.job())
        assert is_whole(works), (number, when)
        assert await is_a_cloud(works), (number, when)


@pytest.mark.slow
@pytest.mark.parametrize(("count", "when"), [(1, "before"), (3, "after")])
async def test_killed_at_any_step_it_goes_on_where_it_was(count, when):
    for number in range(1, await changes_of(count) + 1):
        await survives(count, number, when)


@given(
    number=st.integers(1, 50), when=st.sampled_from(["before", "after"]), count=st.integers(1, 3)
)
@settings(max_examples=3, deadline=None)
def test_killed_anywhere_a_cluster_is_made_in_the_end(number, when, count):
    asyncio.run(survives(count, number, when))


@dataclass
class Dying:
    """Has one server die at the so many-th change of anything."""

    victim: Metal
    left: int
    when: str = "after"

    killed: int = 0  # the change after which Muster is killed, before that

    def __call__(self, at: str, metal: Metal, order: Order) -> None:
        self.left -= at == self.when
        self.killed -= at == self.when
        if self.killed == 0 and at == self.when:
            raise Killed
        if self.left == 0:
            self.victim.dead = True


async def come_back(works: Works) -> None:
    """Have everybody answer again, and those register that were told to reset themselves."""
    for each in works.fleet.metals.values():
        each.dead = False
    for _ in range(20):  # the dead are found ready again, and owe a reset
        await asyncio.gather(*await works.engine.ticks.machines())
        await asyncio.gather(*await works.engine.ticks.jobs())
        works.clock.advance(5)
    for name, machine in (await works.machines()).items():
        if machine.status is MachineStatus.UNREGISTERED:
            metal = works.fleet.metals[name]
            config = metal.resets[-1]["seeds"]["provider"]["config"]
            call = Registering(name=name, connection_url=metal.url, certificate=CERTIFICATE)
            await registered(works.desk, config["server_token"], call)


async def is_taken_back(count: int, number: int, victim: str, killed: int = 0) -> None:
    """Have a server die at one moment of a creation: all can be members again in the end."""
    async with works_of(count) as works:
        metals = works.fleet.metals
        works.fleet.meanwhile = Dying(metals[victim], number, killed=killed)
        await works.go_on()
        cluster = await works.cluster()
        if cluster.status is S.READY:
            later = {name for name, _ in works.fleet.changes[number:]}
            assert victim not in later, number  # nobody needed it any more
            return
        assert cluster.status is S.FAILED, (number, victim)
        reason = (await works.job()).reason
        assert victim in reason or metals[victim].address in reason
        assert {each.cluster for each in (await works.machines()).values()} == {""}
        others = [each for name, each in metals.items() if name != victim]
        assert all(each.is_new for each in others), (number, victim, others)
        works.fleet.meanwhile = None
        await come_back(works)
        assert all(each.is_new for each in metals.values()), (number, victim, metals[victim])
        machines = (await works.machines()).values()
        assert {(each.status, each.owes_reset) for each in machines} <= {
            (MachineStatus.PENDING, ""),
            (MachineStatus.READY, ""),
        }


@pytest.mark.slow
@pytest.mark.parametrize(("victim", "every"), [("m1", 1), ("m2", 3), ("m3", 3)])
async def test_where_a_server_dies_at_any_step_all_can_be_members_again(victim, every):
    for number in range(1, await changes_of(3) + 1, every):
        await is_taken_back(3, number, victim)


@given(
    number=st.integers(1, 50), count=st.integers(1, 3), killed=st.integers(0, 20), data=st.data()
)
@settings(max_examples=4, deadline=None)
def test_a_server_that_dies_leaves_no_other_stuck(number, count, killed, data):
    victim = data.draw(st.sampled_from([f"m{each + 1}" for each in range(count)]))
    asyncio.run(is_taken_back(count, number, victim, killed))


@pytest.mark.parametrize("killed", [1, 2, 3])
async def test_how_a_server_was_is_known_after_a_kill_too(killed):
    async with works_of(2) as works:
        metals = works.fleet.metals
        works.fleet.meanwhile = Dying(metals["m2"], 4, killed=killed)
        await works.go_on()
        assert (await works.cluster()).status is S.FAILED
        assert metals["m1"].is_new
        assert not metals["m1"].resets


async def test_what_is_refused_is_undone_and_told():
    async with works_of(2) as works:
        works.fleet.metals["m2"].refuses = frozenset({"/1.0"})
        await works.go_on()
        job = await works.job()
        assert (await works.cluster()).status is S.FAILED
        assert "m2: set the addresses of Incus: m2 does not like" in job.reason
        assert all(each.is_new for each in works.fleet.metals.values())
        assert not works.fleet.metals["m1"].resets  # nothing had been begun that a reset undoes


HAD = {"enabled": True, "targets": [{"target": "t", "key": "sesame"}]}


@pytest.mark.parametrize("killed", [0, 1, 2, 3, 4])
async def test_what_is_put_back_has_its_secrets_and_no_mask_of_them(killed):
    async with works_of(2) as works:
        metals = works.fleet.metals
        metals["m1"].services["nvme"] = HAD
        metals["m2"].refuses = frozenset({"/1.0"})
        works.fleet.meanwhile, _ = killing(killed, "after")
        await works.go_on()
        assert metals["m1"].services["nvme"] == HAD
        assert not metals["m1"].resets
        assert "sesame" not in str((await works.job()).entries)


async def test_secrets_that_nobody_knows_any_more_are_told_of_and_no_mask_is_written():
    async with works_of(2) as works:
        first, second = works.fleet.metals.values()
        first.services["nvme"] = HAD
        second.refuses = frozenset({"/1.0"})
        works.fleet.meanwhile = lambda at, metal, order: first.former.clear()
        await works.go_on()
        told = [each.reason for each in (await works.job()).entries if each.reason]
        assert any("nobody knows the secrets that its nvme had before" in each for each in told)
        assert first.services["nvme"] == {"enabled": True}
        assert (await works.machines())["m1"].owes_reset


async def joined(works: Works) -> None:
    """Have the third server join the cluster of the other two."""
    await works.store.write(lambda tx: tx.machines.put(replace(works.third, cluster="")))
    await membership.added(works.desk, "c1", ("m3",))


async def left(works: Works) -> None:
    union = works.fleet.metals["m1"].union
    assert union is not None
    union.members["m2"] = "Evacuated"
    await membership.taken_out(works.desk, "c1", ("m2",), lost=False)


async def rebooted(works: Works) -> None:
    await care.gone_round(works.desk, "c1", care.Round(reboot=True))


# What is asked of a cluster of two, and who are its members in the end.
ASKED = {
    "joined": (joined, {"m1", "m2", "m3"}),
    "left": (left, {"m1"}),
    "rebooted": (rebooted, {"m1", "m2"}),
}


async def is_done_once(what: str, number: int, when: str) -> None:
    """Have a job killed at one of its changes: it comes to the same, and nothing is done twice."""
    ask, members = ASKED[what]
    async with works_of(2) as works:
        works.fleet.metals["m3"] = works.fleet.new(3)
        works.third = the_machine(works.fleet.metals["m3"])
        await works.go_on()
        await ask(works)
        works.fleet.meanwhile, _ = killing(number, when)
        await works.go_on()
        assert (await works.job()).status is JobStatus.DONE, (what, number, await works.job())
        metals = works.fleet.metals
        union = metals["m1"].union
        assert union is not None
        assert (set(union.members), set(union.members.values())) == (members, {"Online"})
        assert {name for name, each in metals.items() if each.union is union} == members
        reboots = 1 if what == "rebooted" else 0
        assert {metals[name].reboots for name in ("m1", "m2")} == {reboots}
        assert metals["m2"].is_new or "m2" in members
        assert await is_a_cloud(works), (what, number)


@given(
    what=st.sampled_from(list(ASKED)),
    number=st.integers(1, 14),
    when=st.sampled_from(["before", "after"]),
)
@settings(max_examples=4, deadline=None)
def test_whatever_is_asked_of_a_cluster_is_done_once_though_killed(what, number, when):
    asyncio.run(is_done_once(what, number, when))


@pytest.mark.slow
@pytest.mark.parametrize("what", list(ASKED))
async def test_killed_at_any_step_of_any_job_it_is_done_once(what):
    for number in range(1, 15):
        await is_done_once(what, number, "after")
