"""Servers that are left before they are evacuated: others serve elsewhere first, under load."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

import builders
from engine.world import SIM, Scene, a_scene
from machines import a_machine, a_server_cluster
from metal import MetalFleet
from muster.decide.server_clusters.jobs import cancelled, resumed
from muster.decide.server_clusters.rolling import rebooting
from muster.decide.spots.wants import MANY
from muster.engine.cordon import standing
from muster.engine.server_jobs.turn import advance
from muster.model.node import Node, NodeStatus
from muster.model.observed import Server
from muster.model.placement import Affinity, Group, Placement
from muster.model.server_cluster import Rolling, ServerCluster
from muster.model.server_job import Entry, EntryStatus, Job, JobKind, JobStatus, Verb
from muster.model.volume import VolumeOrder
from muster.ports.compute import Compute

ROUND = UUID(int=870)
THREE: dict[str, Any] = {"zones": ["a"], "hosts": 3, "create_s": 1, "boot_s": 1, "delete_s": 1}
SERVICE = builders.a_service(address="", dns_name="", drain_s=20)


async def serving(scene: Scene, size: int, rps: float = 20, **but: Any) -> UUID:
    """Return a cluster that answers so many requests in a second."""
    web = await scene.create(size, service=SERVICE, **but)
    await scene.with_ticks(10)
    scene.world.set_load(web, rps)
    await scene.with_ticks(2)
    return web


async def begun(scene: Scene, *hosts: str, within_s: float = 900.0) -> None:
    """Have a job be there that drains and evacuates these hosts."""
    entries = [
        Entry(verb=verb, server=host, body={"within_s": within_s})
        for host in hosts
        for verb in (Verb.DRAIN, Verb.EVACUATE)
    ]
    await asked(scene, JobKind.EVACUATE, entries)


async def asked(scene: Scene, kind: JobKind, entries: Sequence[Entry]) -> None:
    """Have a job of these steps be there."""
    now = scene.clock.now()
    job = Job(id=ROUND, kind=kind, entries=tuple(entries), asked_at=now)
    row = a_server_cluster(id=ROUND, name=SIM, job=job)
    await scene.store.write(lambda tx: tx.server_clusters.put(row))


async def the_row(scene: Scene) -> ServerCluster:
    found = await scene.store.read(lambda tx: tx.server_clusters.get(ROUND))
    assert found is not None
    return found


async def drained(scene: Scene, host: str, seconds: int = 120) -> Entry:
    """Let everything go on until a host is drained; return that step of the job."""
    for _ in range(seconds):
        job = (await the_row(scene)).job
        assert job is not None
        [step] = [e for e in job.entries if (e.verb, e.server) == (Verb.DRAIN, host)]
        if step.status is EntryStatus.DONE:
            return step
        await advance(scene.engine.site, MetalFleet(0), ROUND)
        await scene.with_ticks(1)
    raise AssertionError(f"{host} is not drained: {step}")


async def turned(scene: Scene, turn: Callable[[Job], Job]) -> None:
    row = await the_row(scene)
    assert row.job is not None
    other = replace(row, job=turn(row.job))
    await scene.store.write(lambda tx: tx.server_clusters.put(other))


async def restored(scene: Scene) -> None:
    """Have the job be done, and nobody cordoned any more."""
    await turned(scene, lambda job: replace(job, status=JobStatus.DONE))


async def there(scene: Scene, web: UUID, host: str) -> Sequence[Node]:
    return [each for each in await scene.nodes(web) if each.host == host]


async def errors(scene: Scene, web: UUID) -> int:
    assert scene.cloud.balancer is not None
    pool = await scene.cloud.balancer.pool(web)
    assert pool is not None
    return pool.errors


@pytest.mark.parametrize("size", [1, 3, 7])
async def test_hosts_are_left_in_turn_and_no_request_is_lost(size):
    async with a_scene(**THREE) as scene:
        web = await serving(scene, size)
        for host in ("a-h1", "a-h2", "a-h3"):
            await begun(scene, host)
            step = await drained(scene, host)
            assert (step.reason, await there(scene, web, host)) == ("", [])
            scene.world.power_cut(host)
            await scene.with_ticks(5)
            scene.world.power_back(host)
            await restored(scene)
            await scene.with_ticks(5)
            assert await errors(scene, web) == 0
        assert len(await scene.nodes(web)) == size


async def test_who_is_left_serves_until_another_does_and_ends_what_it_is_answering():
    async with a_scene(**THREE) as scene:
        web = await serving(scene, 1)
        [only] = await scene.nodes(web)
        scene.world.hold(web, only.id, 1, 8)
        await begun(scene, only.host)
        for _ in range(30):
            await advance(scene.engine.site, MetalFleet(0), ROUND)
            await scene.with_ticks(1)
            pool = await scene.cloud.balancer.pool(web)
            assert any(each.state == "serve" for each in pool.members.values())
        assert (await there(scene, web, only.host), await errors(scene, web)) == ([], 0)


async def test_nothing_new_goes_to_a_host_that_is_left_until_it_is_back():
    async with a_scene(**THREE) as scene:
        web = await serving(scene, 3)
        await begun(scene, "a-h1")
        await drained(scene, "a-h1")
        await scene.resize(web, 9)
        await scene.with_ticks(10)
        assert (len(await scene.nodes(web)), await there(scene, web, "a-h1")) == (9, [])
        await restored(scene)
        await scene.with_ticks(5)
        assert await there(scene, web, "a-h1") == []  # nobody is moved back
        await scene.resize(web, 12)
        await scene.with_ticks(10)
        assert await there(scene, web, "a-h1") != []


async def test_not_even_more_at_once_than_are_placed_go_to_a_host_that_is_left():
    roomy = {**THREE, "create_s": 0, "boot_s": 0}
    async with a_scene(**roomy) as scene:
        web = await scene.create(1)
        await scene.with_ticks(3)
        await begun(scene, "a-h1")
        await drained(scene, "a-h1")
        await scene.resize(web, MANY + 50)
        for _ in range(20):
            await scene.with_ticks(1)
            assert await there(scene, web, "a-h1") == []
        assert len(await scene.nodes(web)) == MANY + 50


async def test_a_cluster_that_may_have_no_more_than_it_has_leaves_one_first_where_others_serve():
    async with a_scene(**THREE) as scene:
        web = await serving(scene, 3, placement=Placement(cap=3))
        await begun(scene, "a-h1")
        await drained(scene, "a-h1")
        assert (len(await scene.nodes(web)), await errors(scene, web)) == (3, 0)


async def test_who_has_no_place_elsewhere_stays_until_its_time_is_over_and_that_is_said():
    apart = Placement(group=Group(id=UUID(int=9), name="ours", affinity=Affinity.ANTI_AFFINITY))
    async with a_scene(**THREE) as scene:
        web = await serving(scene, 3, placement=apart)
        await begun(scene, "a-h1", within_s=60)
        step = await drained(scene, "a-h1")
        assert step.reason == "still there after 0:01:00, and moved as they are: 1 of 'web'"
        assert (len(await there(scene, web, "a-h1")), await errors(scene, web)) == (1, 0)


async def test_nobody_waits_for_a_node_whose_volume_lies_there():
    async with a_scene(**THREE) as scene:
        web = await serving(scene, 6)
        held, *_ = await there(scene, web, "a-h1")
        order = VolumeOrder(
            volume_id=UUID(int=5), name="data", project="p", size_gib=1, host="a-h1"
        )
        await scene.cloud.volumes.create_volume(order)
        await scene.cloud.volumes.attach_volume(order.volume_id, held.ref)
        await begun(scene, "a-h1")
        step = await drained(scene, "a-h1")
        assert (step.reason, await errors(scene, web)) == ("", 0)
        assert [each.id for each in await there(scene, web, "a-h1")] == [held.id]


async def a_round(scene: Scene, needed: Sequence[bool]) -> MetalFleet:
    """Have a round go over as many hosts that reboots those that say that they need to."""
    fleet = MetalFleet(len(needed))
    machines = []
    for number, (metal, is_needed) in enumerate(zip(fleet.metals.values(), needed, strict=True), 1):
        metal.state["needs_reboot"] = is_needed
        machines.append(a_machine(number, name=f"a-h{number}", certificate=metal.certificate))
    await scene.store.write(lambda tx: tx.machines.put(*machines))
    await asked(scene, JobKind.REBOOT, rebooting(machines, Rolling(), if_needed=True))
    return fleet


async def test_a_server_that_needs_no_reboot_is_not_left():
    async with a_scene(**THREE) as scene:
        web = await serving(scene, 3)
        before = [each.id for each in await scene.nodes(web)]
        fleet = await a_round(scene, [False, False])
        while await advance(scene.engine.site, fleet, ROUND):
            await scene.with_ticks(3)
            assert [each.id for each in await scene.nodes(web)] == before
        job = (await the_row(scene)).job
        assert job.status is JobStatus.DONE
        assert {each.reboots for each in fleet.metals.values()} == {0}


async def test_one_that_would_not_tell_whether_it_has_to_reboot_is_asked_again():
    async with a_scene(**THREE) as scene:
        web = await serving(scene, 3)
        before = [each.id for each in await scene.nodes(web)]
        fleet = await a_round(scene, [False, False])
        await turned(scene, first_refused)
        now = scene.clock.now()
        row = resumed(await the_row(scene), now)
        await scene.store.write(lambda tx: tx.server_clusters.put(row))
        while await advance(scene.engine.site, fleet, ROUND):
            await scene.with_ticks(3)
            assert [each.id for each in await scene.nodes(web)] == before


def first_refused(job: Job) -> Job:
    """Return the job stopped, its first step refused before it began."""
    first, *rest = job.entries
    refused = replace(first, status=EntryStatus.REFUSED, begun_at=job.asked_at, tries=1)
    return replace(job, status=JobStatus.STOPPED, entries=(refused, *rest))


async def test_a_kill_in_between_and_another_engine_change_nothing():
    async with a_scene(**THREE) as scene:
        web = await serving(scene, 4)
        await begun(scene, "a-h2")
        for turn in range(60):
            await advance(scene.engine.site, MetalFleet(0), ROUND)
            await scene.with_ticks(1)
            if turn % 2:
                scene.restart()
            await scene.another("two").settle()
        assert (await there(scene, web, "a-h2"), await errors(scene, web)) == ([], 0)
        assert len(await scene.nodes(web)) == 4


class Interrupted:
    """The servers of a cloud, whom something happens to before they are listed once."""

    def __init__(self, compute: Compute, meanwhile: Callable[[], Awaitable[None]]) -> None:
        self._compute = compute
        self._meanwhile: Callable[[], Awaitable[None]] | None = meanwhile

    async def list_servers(self, cluster_id: UUID | None = None) -> Sequence[Server]:
        meanwhile, self._meanwhile = self._meanwhile, None
        if meanwhile:
            await meanwhile()
        return await self._compute.list_servers(cluster_id)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._compute, name)


async def test_a_pass_that_had_begun_before_a_host_was_cordoned_puts_nothing_there():
    async with a_scene(**THREE) as scene:
        web = await serving(scene, 3)
        before = {each.id for each in await there(scene, web, "a-h1")}
        await scene.resize(web, 12)

        async def cordons() -> None:
            await begun(scene, "a-h1")
            await advance(scene.engine.site, MetalFleet(0), ROUND)

        compute = Interrupted(scene.cloud.compute, cordons)
        other = scene.engine_on(replace(scene.cloud, compute=compute), "two")
        for _ in range(5):
            await other.settle()
            assert {each.node_id for each in await scene.servers() if each.host == "a-h1"} <= before
            scene.clock.advance(1)
        await drained(scene, "a-h1")
        nodes = await scene.nodes(web)
        assert (len(nodes), {each.host for each in nodes}) == (12, {"a-h2", "a-h3"})


async def test_a_job_that_is_cancelled_leaves_the_cluster_at_its_size_and_the_host_open():
    async with a_scene(**THREE) as scene:
        web = await serving(scene, 3)
        await begun(scene, "a-h1")
        await advance(scene.engine.site, MetalFleet(0), ROUND)
        await scene.go_on()
        assert len(await scene.nodes(web)) == 4
        now = scene.clock.now()
        await turned(scene, lambda job: cancelled(job, now))
        await scene.with_ticks(20)
        assert (len(await scene.nodes(web)), await errors(scene, web)) == (3, 0)


async def test_who_was_asked_for_before_and_nobody_has_seen_may_come_there_still():
    async with a_scene(**THREE) as scene:
        await serving(scene, 1)
        now = scene.clock.now()
        early, late = (
            builders.an_empty_place(n, status=NodeStatus.CREATING, began_at=now + timedelta(0, n))
            for n in (7, 19)
        )
        await scene.store.write(lambda tx: tx.nodes.put(early, late))
        since = now + timedelta(seconds=8)
        there = await scene.store.read(lambda tx: standing(tx, SIM, "a-h9", since))
        assert [node.index for _, node in there] == [7]
