"""Members of a cluster go away and come back: what is known of the rest, and of what was there."""

import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from time import monotonic
from uuid import uuid4

import anyio
import pytest

from drivers.incus.members import Site, kill, opened, until
from muster.base.errors import DriverError, Permanent, Transient
from muster.model.observed import Seen
from muster.model.placement import Affinity, Group
from muster.model.step import Operation
from testbed.incus import fabric, machine, rest

pytestmark = [pytest.mark.incus, pytest.mark.slow]

BLINK_S = 4.0  # a listing with a member that does not answer, the first time, on a quiet machine
HANGS_S = 15.0  # Incus itself takes 20 for it
MEMBERS = ("m1", "m2", "m3")


@pytest.fixture
async def site(incus_testbeds, tmp_path) -> AsyncIterator[Site]:
    async with opened(incus_testbeds(3), tmp_path) as made:
        await made.whole()
        yield made
        await made.whole()


async def one_on_each(site):
    servers = await site.running(*(site.order(index) for index in range(3)))
    assert {server.host for server in servers} == set(MEMBERS)
    return {server.host: server for server in servers}


async def timed(site):
    """Return what a listing has seen, and how long it took."""
    told = []

    async def listed() -> bool:
        began = monotonic()
        told.append((await site.seen(), monotonic() - began))
        return True

    await until(listed)
    [(seen, took)] = told
    print(f"listed in {took:.2f} s (on a quiet machine: {BLINK_S:g} s)")
    return seen, took


async def test_instances_are_spread_over_the_members(site):
    servers = await site.running(*(site.order(index) for index in range(4)))
    counts = sorted([s.host for s in servers].count(member) for member in MEMBERS)
    assert counts == [1, 1, 2]
    assert {server.zone for server in servers} == {"z1", "z2", "z3"}
    assert site.cloud.about.zones == ("z1", "z2", "z3")


async def test_a_zone_is_where_an_instance_goes_and_nowhere_else(site):
    [server] = await site.running(site.order(zone="z2"))
    assert (server.host, server.zone) == ("m2", "z2")
    [another] = await site.running(site.order(spec={"zones": ("z3",)}))
    assert another.host == "m3"
    with pytest.raises(Permanent, match="no zone z9"):
        await site.cloud.compute.create_server(site.order(zone="z9"))


async def test_servers_kept_apart_wait_for_a_host_that_has_none(site):
    group = Group(id=uuid4(), name="db", affinity=Affinity.ANTI_AFFINITY)
    orders = [replace(site.order(index), group=group) for index in range(4)]
    assert {each.host for each in await site.running(*orders[:3])} == set(MEMBERS)
    with pytest.raises(Transient, match="has one of group db already"):
        await site.cloud.compute.create_server(orders[3])


async def test_a_stopped_daemon_makes_its_instances_unreachable_and_disturbs_nobody(site):
    there = await one_on_each(site)
    machine.end_daemon(site.place, "m2", signal.SIGTERM)
    try:
        await site.becomes(there["m2"], Seen.UNREACHABLE)
        seen, took = await timed(site)
        assert took < HANGS_S
        assert [seen[there[m].server_id] for m in ("m1", "m3")] == [Seen.RUNNING, Seen.RUNNING]
        [another] = await site.running(site.order(7))
        assert another.host != "m2"
        with pytest.raises(DriverError):
            await site.cloud.compute.operate_server(there["m2"].ref, Operation.REBOOT)
    finally:
        machine.start(site.place, "m2")
    await site.becomes(there["m2"], Seen.RUNNING)


async def test_a_cut_link_blocks_no_listing_and_loses_nothing(site):
    there = await one_on_each(site)
    fabric.cut(site.place, "m3")
    try:
        seen, took = await timed(site)
        assert took < HANGS_S
        assert seen[there["m3"].server_id] is Seen.UNREACHABLE
        assert [seen[there[m].server_id] for m in ("m1", "m2")] == [Seen.RUNNING, Seen.RUNNING]
        _, took = await timed(site)
        assert took < HANGS_S
        usages = {each.server_id for each in await site.cloud.compute.usage()}
        assert usages >= {there[m].server_id for m in ("m1", "m2")}
    finally:
        fabric.mend(site.place, "m3")
    await site.becomes(there["m3"], Seen.RUNNING)
    listed = await site.cloud.compute.list_servers(site.cluster)
    assert len(listed) == 3


async def test_who_comes_anew_knows_whose_the_unreachable_are(site, tmp_path):
    there = await one_on_each(site)
    machine.crash(site.place, "m2")
    try:
        async with opened(site.place, tmp_path / "other", site.installation) as fresh:

            async def noticed() -> bool:
                listed = await fresh.cloud.compute.list_servers(site.cluster)
                return any(each.seen is Seen.UNREACHABLE for each in listed)

            await until(noticed)
            listed = await fresh.cloud.compute.list_servers(site.cluster)
            [lost] = [each for each in listed if each.seen is Seen.UNREACHABLE]
            known = there["m2"]
            assert (lost.server_id, lost.node_id, lost.name, lost.host, lost.zone) == (
                known.server_id,
                known.node_id,
                known.name,
                "m2",
                "z2",
            )
    finally:
        machine.boot(site.place, "m2")
    await site.becomes(there["m2"], Seen.RUNNING)


async def test_asking_again_for_what_cannot_be_reached_makes_no_twin(site):
    order = site.order(zone="z2")
    [server] = await site.running(order)
    machine.end_daemon(site.place, "m2", signal.SIGKILL)
    try:
        with pytest.raises(Transient):
            await site.cloud.compute.create_server(order)
        with pytest.raises(Transient):
            await site.cloud.compute.delete_server(server.ref)
    finally:
        machine.start(site.place, "m2")
    await site.becomes(server, Seen.RUNNING)
    assert (await only(site)).ref == server.ref


async def only(site):
    [server] = await site.cloud.compute.list_servers(site.cluster)
    return server


async def test_calls_go_through_another_member_when_the_first_is_away(site):
    there = await one_on_each(site)
    machine.end_daemon(site.place, "m1", signal.SIGKILL)
    try:
        await site.becomes(there["m1"], Seen.UNREACHABLE)
        [another] = await site.running(site.order(8))
        assert another.host != "m1"
    finally:
        machine.start(site.place, "m1")
    await site.becomes(there["m1"], Seen.RUNNING)


async def test_a_killed_container_is_stopped_and_never_called_broken(site):
    [server] = await site.running(site.order(zone="z1"))
    state = site.asked(f"/1.0/instances/{server.ref}/state")
    kill(site.place, "m1", state["pid"])
    seen = set()

    async def stopped() -> bool:
        seen.add((await site.seen())[server.server_id])
        return Seen.STOPPED in seen

    await until(stopped)
    assert Seen.BROKEN not in seen


async def test_an_evacuated_instance_runs_elsewhere_as_the_same(site):
    order = site.order(zone="z1")
    [server] = await site.running(order)
    await site.cloud.compute.operate_server(server.ref, Operation.EVACUATE, {})
    await site.becomes(server, Seen.RUNNING)
    moved = await only(site)
    assert (moved.server_id, moved.ref) == (server.server_id, server.ref)
    assert moved.host != "m1"


async def test_what_others_made_can_be_adopted_once(site, tmp_path):
    body = {"name": "theirs", "source": {"type": "image", "fingerprint": site.image}}
    wish = {**body, "type": "container", "start": True}
    call(site, "POST", "/1.0/instances?target=m2", wish)
    order = site.order(5)
    adopted = await site.cloud.compute.adopt_server("theirs", order)
    assert (adopted.server_id, adopted.host) == (order.server_id, "m2")
    again = await site.cloud.compute.adopt_server("theirs", order)
    assert again.server_id == order.server_id
    async with opened(site.place, tmp_path / "other") as stranger:
        with pytest.raises(Permanent):
            await stranger.cloud.compute.adopt_server("theirs", stranger.order(5))
    volumes = site.asked("/1.0/storage-pools/default/volumes/container?recursion=1")
    [volume] = [each for each in volumes if each["name"] == "theirs"]
    assert volume["config"]["user.muster.server"] == str(order.server_id)


async def test_many_questions_at_once_share_listings(site):
    await site.running(site.order())
    began = monotonic()
    await site.cloud.compute.list_servers()
    one = monotonic() - began
    took = []
    for _ in range(3):  # the machine may have more to do in one of them
        began = monotonic()
        async with anyio.create_task_group() as tasks:
            for _ in range(50):
                tasks.start_soon(site.cloud.compute.list_servers, site.cluster)
        took.append(monotonic() - began)
    assert min(took) < max(20 * one, 2.0), (one, took)


async def test_a_project_that_is_full_says_wait_and_one_that_wants_more_says_never(site, tmp_path):
    shared = {"features.images": "false", "features.profiles": "false"}
    full = {**shared, "limits.memory": "200MiB", "limits.containers": "5"}
    call(site, "POST", "/1.0/projects", {"name": "small", "config": full})
    try:
        async with opened(site.place, tmp_path / "small", project="small") as small:
            [server] = await small.running(small.order())
            with pytest.raises(Transient, match="Reached maximum"):
                await small.cloud.compute.create_server(small.order(2))
            await small.cloud.compute.delete_server(server.ref)
            assert not await site.cloud.compute.list_servers()
    finally:
        call(site, "DELETE", "/1.0/projects/small")


def call(site, method, where, body=None):
    return rest.call(site.place.socket("m1"), method, where, body)
