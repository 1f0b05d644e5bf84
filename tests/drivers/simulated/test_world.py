"""A simulated world does what it is told to suffer, when its clock says so."""

from uuid import uuid4

import pytest

from builders import a_flavor
from drivers.simulated.worlds import a_scene, an_order
from muster.base.errors import Permanent, Transient
from muster.model.cloud import Ability
from muster.model.observed import Seen, Server
from muster.model.pool import Traffic
from muster.model.step import Operation
from muster.ports.prober import Prober, Question


async def test_a_server_is_built_then_runs_then_answers() -> None:
    scene = await a_scene(create_s=10, boot_s=5)
    server = await scene.create(uuid4())
    question = Question(
        node_id=server.node_id,
        server_id=server.server_id,
        address=server.address,
        port=8080,
        path="/health",
        traffic=Traffic.HTTP,
    )
    story = []
    for _ in range(4):
        [shown] = await scene.listed()
        answers = await scene.cloud.prober.ask([question])
        story.append((shown.seen, answers[server.node_id] is None))
        scene.clock.advance(5)
    assert story == [
        (Seen.BUILDING, False),
        (Seen.BUILDING, False),
        (Seen.RUNNING, False),
        (Seen.RUNNING, True),
    ]


async def test_an_order_may_ask_for_a_delay_of_its_own_to_come_and_to_go() -> None:
    scene = await a_scene(create_s=100, delete_s=100)
    server = await scene.create(uuid4(), metadata={"simulated_wait_time": 3})
    assert server.seen is Seen.BUILDING
    scene.clock.advance(3)
    assert [each.seen for each in await scene.listed()] == [Seen.RUNNING]
    await scene.cloud.compute.delete_server(server.ref)
    scene.clock.advance(2)
    assert [each.seen for each in await scene.listed()] == [Seen.STOPPED]
    scene.clock.advance(1)
    assert await scene.listed() == []


@pytest.mark.parametrize("wait", ["soon", "-1", "nan", "inf"])
async def test_a_delay_that_is_no_number_of_seconds_is_refused(wait: str) -> None:
    scene = await a_scene()
    with pytest.raises(Permanent, match="simulated_wait_time"):
        await scene.create(uuid4(), metadata={"simulated_wait_time": wait})


async def test_jitter_spreads_delays_and_always_the_same_way() -> None:
    scene = await a_scene(create_s=10, jitter=0.5)
    cluster = uuid4()
    orders = [an_order(cluster, index) for index in range(50)]
    for order in orders:
        await scene.cloud.compute.create_server(order)
    delays = [m.runs_at - m.made_at for m in scene.world.state.machines.values()]
    other = await a_scene(create_s=10, jitter=0.5)
    for order in orders:
        await other.cloud.compute.create_server(order)
    assert len(set(delays)) > 40
    assert all(5 <= delay <= 15 for delay in delays)
    assert delays == [m.runs_at - m.made_at for m in other.world.state.machines.values()]


async def test_a_new_server_is_listed_late_but_known_when_asked_for_again() -> None:
    scene = await a_scene(list_lag_s=5)
    order = an_order(uuid4())
    server = await scene.cloud.compute.create_server(order)
    assert await scene.listed() == []
    assert (await scene.cloud.compute.create_server(order)).ref == server.ref
    scene.clock.advance(5)
    assert [each.ref for each in await scene.listed()] == [server.ref]


async def test_hosts_fill_up_and_have_room_again() -> None:
    scene = await a_scene(zones=["z1"], hosts=2, slots=2)
    cluster = uuid4()
    servers = [await scene.create(cluster, index) for index in range(4)]
    with pytest.raises(Transient, match="no room"):
        await scene.create(cluster, 5)
    await scene.cloud.compute.delete_server(servers[0].ref)
    again = await scene.create(cluster, 5)
    assert again.host == servers[0].host


async def test_a_server_takes_up_room_until_it_is_gone() -> None:
    scene = await a_scene(zones=["z1"], hosts=1, slots=1, delete_s=10)
    server = await scene.create(uuid4())
    await scene.cloud.compute.delete_server(server.ref)
    with pytest.raises(Transient):
        await scene.create(uuid4())
    scene.clock.advance(10)
    await scene.create(uuid4())


async def test_deleting_again_does_not_begin_anew() -> None:
    scene = await a_scene(delete_s=10)
    server = await scene.create(uuid4())
    await scene.cloud.compute.delete_server(server.ref)
    scene.clock.advance(6)
    await scene.cloud.compute.delete_server(server.ref)
    scene.clock.advance(4)
    assert await scene.listed() == []


async def test_a_cluster_is_spread_evenly_over_its_zones() -> None:
    scene = await a_scene(zones=["a", "b", "c"], hosts=6)
    cluster = uuid4()
    servers = [await scene.create(cluster, index, zones=("a", "c")) for index in range(6)]
    assert sorted(server.zone for server in servers) == ["a", "a", "a", "c", "c", "c"]
    gone = [server for server in servers if server.zone == "a"]
    for server in gone:
        await scene.cloud.compute.delete_server(server.ref)
    again = [await scene.create(cluster, index, zones=("a", "c")) for index in range(3)]
    assert [server.zone for server in again] == ["a", "a", "a"]


async def test_what_the_cloud_does_not_have_is_refused_by_name() -> None:
    scene = await a_scene()
    for wrong in ({"image": "none", "image_name": "none"}, {"network": "none"}, {"zones": ("no",)}):
        with pytest.raises(Permanent, match="no"):
            await scene.create(uuid4(), **wrong)


async def test_anything_is_accepted_where_that_was_asked_for() -> None:
    scene = await a_scene(accept_any=True)
    server = await scene.create(uuid4(), image="whatever", network="wherever", key_name="whose")
    assert (server.seen, server.image) == (Seen.RUNNING, "whatever")


async def test_a_call_fails_as_often_as_asked_for() -> None:
    scene = await a_scene()
    scene.world.fail("create_server", times=2)
    for _ in range(2):
        with pytest.raises(Transient):
            await scene.create(uuid4())
    await scene.create(uuid4())
    assert len(await scene.listed()) == 1


async def test_a_call_fails_every_so_many_or_for_one_name_until_lifted() -> None:
    scene = await a_scene(faults={"create_server": {"every": 3, "error": "permanent"}})
    scene.world.fail("list_servers")
    outcomes = []
    for index in range(6):
        try:
            await scene.create(uuid4(), index)
            outcomes.append("made")
        except Permanent:
            outcomes.append("failed")
    assert outcomes == ["made", "made", "failed"] * 2
    with pytest.raises(Transient):
        await scene.listed()
    scene.world.lift()
    scene.world.fail("create_server", match="web-9")
    await scene.create(uuid4(), 1)
    with pytest.raises(Transient):
        await scene.create(uuid4(), 9)
    assert len(await scene.listed()) == 5


async def test_a_lost_answer_means_that_the_world_has_obeyed() -> None:
    scene = await a_scene()
    scene.world.fail("create_server", "lost", times=1)
    order = an_order(uuid4())
    with pytest.raises(Transient):
        await scene.cloud.compute.create_server(order)
    [listed] = await scene.listed()
    assert (await scene.cloud.compute.create_server(order)).ref == listed.ref


async def test_a_tap_hears_of_every_call_and_may_cut_it_short() -> None:
    class PowerCutError(BaseException):
        pass

    scene = await a_scene()
    heard: list[tuple[str, str, bool]] = []

    def tap(call: str, about: str, obeyed: bool) -> None:
        heard.append((call, about, obeyed))
        if about == "web-2" and obeyed:
            raise PowerCutError

    scene.world.tap = tap
    await scene.create(uuid4(), 1)
    with pytest.raises(PowerCutError):
        await scene.create(uuid4(), 2)
    scene.world.tap = None
    assert len(await scene.listed()) == 2
    assert heard[:2] == [("create_server", "web-1", False), ("create_server", "web-1", True)]
    assert scene.world.calls == {"create_server": 2, "list_servers": 1}


async def test_users_can_play_failures_through_metadata() -> None:
    scene = await a_scene(create_s=1)
    with pytest.raises(Permanent, match="simulated fault"):
        await scene.create(uuid4(), metadata={"simulated_fault": "create"})
    await scene.create(uuid4(), metadata={"simulated_fault": "boot"})
    sick = await scene.create(uuid4(), image="demo-web-bad")
    scene.clock.advance(1)
    assert {each.seen for each in await scene.listed()} == {Seen.BROKEN, Seen.RUNNING}
    assert "503" in (await _probed(scene.cloud.prober, sick) or "")


async def test_sick_servers_run_broken_ones_do_not_and_both_can_be_healed() -> None:
    scene = await a_scene()
    sick, broken = await scene.create(uuid4()), await scene.create(uuid4())
    scene.world.make_sick(sick.ref, "out of memory")
    scene.world.break_server(broken.ref, "kernel panic")
    shown = {each.ref: each for each in await scene.listed()}
    assert shown[sick.ref].seen is Seen.RUNNING
    assert "out of memory" in (await _probed(scene.cloud.prober, sick) or "")
    assert (shown[broken.ref].seen, shown[broken.ref].reason) == (Seen.BROKEN, "kernel panic")
    for server in (sick, broken):
        scene.world.heal(server.ref)
        assert await _probed(scene.cloud.prober, server) is None


async def test_rebuilding_and_rebooting_heal_what_was_not_ordered_sick() -> None:
    scene = await a_scene(create_s=4, boot_s=2)
    server = await scene.create(uuid4())
    scene.clock.advance(6)
    for operation, wait in ((Operation.REBOOT, 2), (Operation.REBUILD, 6)):
        scene.world.make_sick(server.ref)
        await scene.cloud.compute.operate_server(server.ref, operation)
        assert await _probed(scene.cloud.prober, server)
        scene.clock.advance(wait)
        assert await _probed(scene.cloud.prober, server) is None


@pytest.mark.parametrize(
    ("off", "on"),
    [
        (Operation.STOP, Operation.START),
        (Operation.PAUSE, Operation.UNPAUSE),
        (Operation.SUSPEND, Operation.RESUME),
    ],
)
async def test_switched_off_it_is_stopped_and_switched_on_it_runs(
    off: Operation, on: Operation
) -> None:
    scene = await a_scene()
    server = await scene.create(uuid4())
    await scene.cloud.compute.operate_server(server.ref, off)
    assert [each.seen for each in await scene.listed()] == [Seen.STOPPED]
    await scene.cloud.compute.operate_server(server.ref, on)
    assert [each.seen for each in await scene.listed()] == [Seen.RUNNING]


async def test_a_power_cut_breaks_a_host_and_keeps_new_servers_away() -> None:
    scene = await a_scene(zones=["z1"], hosts=2)
    cluster = uuid4()
    servers = [await scene.create(cluster, index) for index in range(4)]
    dark = servers[0].host
    scene.world.power_cut(dark)
    seen = {each.host: each.seen for each in await scene.listed()}
    assert seen[dark] is Seen.BROKEN
    assert Seen.RUNNING in seen.values()
    assert dark not in {(await scene.create(cluster, index)).host for index in range(4)}
    scene.world.power_back(dark)
    assert {each.seen for each in await scene.listed()} == {Seen.BROKEN, Seen.RUNNING}
    assert dark in {(await scene.create(cluster, index)).host for index in range(2)}


async def test_a_host_that_is_cut_off_hides_servers_that_run_on() -> None:
    scene = await a_scene(zones=["z1"], hosts=1)
    server = await scene.create(uuid4())
    scene.world.cut_off(server.host)
    assert [each.seen for each in await scene.listed()] == [Seen.UNREACHABLE]
    assert await _probed(scene.cloud.prober, server)
    scene.world.power_back(server.host)
    assert [each.seen for each in await scene.listed()] == [Seen.RUNNING]


async def test_a_host_without_power_is_held_dead_after_a_while_and_starts_what_ran() -> None:
    scene = await a_scene(zones=["z1"], hosts=3, create_s=2, offline_s=10)
    server = await scene.create(uuid4())
    scene.clock.advance(5)
    scene.world.lose(server.host)
    for after_s, dead in ((0, False), (9, False), (1, True)):
        scene.clock.advance(after_s)
        [shown] = await scene.listed()
        assert (shown.seen, shown.abandoned) == (Seen.UNREACHABLE, dead)
    assert await _probed(scene.cloud.prober, server)
    with pytest.raises(Transient):
        await scene.cloud.compute.delete_server(server.ref)
    scene.world.power_back(server.host)
    for after_s, seen in ((0, Seen.BUILDING), (2, Seen.RUNNING)):
        scene.clock.advance(after_s)
        [shown] = await scene.listed()
        assert (shown.seen, shown.abandoned) == (seen, False)


async def test_a_host_of_which_nothing_is_told_goes_on_serving() -> None:
    scene = await a_scene(zones=["z1"], hosts=3, offline_s=10)
    server = await scene.create(uuid4())
    scene.world.silence(server.host)
    scene.clock.advance(10)
    [shown] = await scene.listed()
    assert (shown.seen, shown.abandoned) == (Seen.UNREACHABLE, True)
    assert await _probed(scene.cloud.prober, server) is None


async def test_no_host_is_held_dead_while_most_are_silent() -> None:
    scene = await a_scene(zones=["z1"], hosts=3, offline_s=10)
    cluster = uuid4()
    servers = [await scene.create(cluster, index) for index in range(3)]
    for server in servers[:2]:
        scene.world.lose(server.host)
    scene.clock.advance(60)
    assert not any(each.abandoned for each in await scene.listed())


async def test_an_application_answers_on_its_own_port_only() -> None:
    scene = await a_scene()
    server = await scene.create(uuid4(), port=9000)
    assert await _probed(scene.cloud.prober, server, 8080)
    assert await _probed(scene.cloud.prober, server, 9000) is None


async def test_a_prober_that_cannot_ask_says_so_for_everybody() -> None:
    scene = await a_scene()
    server = await scene.create(uuid4())
    scene.world.fail("ask")
    assert await _probed(scene.cloud.prober, server)


async def test_what_it_cannot_do_has_a_reason_and_its_pace_can_be_set() -> None:
    scene = await a_scene(look_every_s=1, calls_at_once=3)
    about = scene.cloud.about
    assert about.refusal(Ability.BASTION)
    assert about.refusal(Ability.TCP) is None
    assert (about.pace.look_every.total_seconds(), about.pace.calls_at_once) == (1, 3)
    assert about.pace.stray_grace.total_seconds() == 60


async def test_flavors_are_by_value() -> None:
    scene = await a_scene()
    await scene.create(uuid4(), flavor=a_flavor(vcpus=4, memory_mib=1024))
    scene.clock.advance(10)
    [usage] = await scene.cloud.compute.usage()
    assert (usage.vcpus, usage.memory_limit) == (4, 1024 << 20)


async def _probed(prober: Prober, server: Server, port: int = 8080) -> str | None:
    question = Question(
        node_id=server.node_id,
        server_id=server.server_id,
        address=server.address,
        port=port,
        path="/",
        traffic=Traffic.HTTP,
    )
    answers = await prober.ask([question])
    return answers[server.node_id]
