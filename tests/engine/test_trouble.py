"""What happens when things go wrong: every row of the table in the architecture, and more."""

from dataclasses import replace
from datetime import timedelta

import pytest

import builders
from engine.fate import CutAfter, CutAt, Fated, Once, PowerCut, fated
from engine.world import SIM, Scene, a_scene
from muster.engine.pace import EnginePace
from muster.engine.worker import Engine
from muster.model.action import Verb
from muster.model.cluster import ClusterStatus
from muster.model.node import NodeStatus
from muster.ports.store import Query

# All moments take a minute; a prime step meets every kind of them.
EVERY = pytest.mark.parametrize("every", [pytest.param(1, marks=pytest.mark.slow), 41])


async def all_is_as_wished(scene: Scene, cluster_id, size: int) -> None:
    """What the cloud has is what the store says is what was wished; nothing is left open."""
    nodes = await scene.nodes(cluster_id)
    assert len(nodes) == size
    servers = await scene.servers()
    assert {each.server_id for each in servers} == {node.server_id for node in nodes}
    assert {each.ref for each in servers} == {node.ref for node in nodes}
    assert (await scene.cluster(cluster_id)).status is ClusterStatus.ACTIVE
    assert {node.status for node in nodes} <= {NodeStatus.ACTIVE}
    assert [each for each in await scene.actions() if not each.ended] == []
    assert not await scene.due()


def engine_meeting(scene: Scene, meets) -> Engine:
    """Return an engine whose cloud and store both meet fate."""
    clouds = {SIM: fated(scene.cloud, meets)}
    pace = EnginePace(owner="doomed")
    return Engine(Fated(scene.store, meets), clouds, scene.clock, scene.signal, pace)


async def until_cut(engine: Engine, scene: Scene, rounds: int = 6) -> bool:
    """Let the engine work until the power goes; return whether it did."""
    try:
        for _ in range(rounds):
            await engine.settle()
            scene.clock.advance(1)
    except (PowerCut, BaseExceptionGroup):
        return True
    return False


async def nothing(scene: Scene) -> None:
    return None


async def grow(scene: Scene) -> None:
    await scene.resize(builders.WEB, 3)


async def shrink(scene: Scene) -> None:
    await scene.resize(builders.WEB, 1)


async def life(scene: Scene, meets) -> bool:
    """Create two that serve, grow to three, shrink to one: cut short wherever fate says."""
    service = builders.a_service(address="", dns_name="web.example.org", drain_s=1)
    await scene.create(2, service=service)
    engine = engine_meeting(scene, meets)
    for act in (nothing, grow, shrink):
        await act(scene)
        if await until_cut(engine, scene):
            return True
    return False


@EVERY
async def test_a_power_cut_at_any_moment_heals(every):
    """Before and after every call to cloud and store: the next engine carries on."""
    async with a_scene() as scene:
        uncut = CutAt()
        assert not await life(scene, uncut)
        await all_is_as_wished(scene, builders.WEB, 1)
    for nth, moment in list(enumerate(uncut.moments))[::every]:
        async with a_scene() as scene:
            assert await life(scene, CutAt(nth)), moment
            size = (await scene.cluster(builders.WEB)).desired
            await scene.go_on(20)  # the dead engine's lease has to end first
            await all_is_as_wished(scene, builders.WEB, size)


@EVERY
async def test_a_power_cut_while_deleting_leaves_nothing_behind(every):
    async def deleted(scene: Scene, meets) -> bool:
        service = builders.a_service(address="", dns_name="web.example.org", drain_s=1)
        await scene.create(2, service=service)
        await scene.go_on(4)
        await scene.delete(builders.WEB)
        return await until_cut(engine_meeting(scene, meets), scene)

    async with a_scene(delete_s=0.5) as scene:
        uncut = CutAt()
        assert not await deleted(scene, uncut)
    for nth, moment in list(enumerate(uncut.moments))[::every]:
        async with a_scene(delete_s=0.5) as scene:
            assert await deleted(scene, CutAt(nth)), moment
            await scene.go_on(20)
            assert not await scene.exists(builders.WEB), moment
            assert await scene.servers() == []
            assert await scene.cloud.balancer.list_pools() == []
            assert await scene.cloud.dns.list_records() == []
            assert [each for each in await scene.actions() if not each.ended] == []


@pytest.mark.parametrize("call", ["create_server", "list_servers", "put_pool", "pool", "record"])
@pytest.mark.parametrize("error", ["transient", "lost"])
async def test_a_call_that_fails_once_only_delays(call, error):
    async with a_scene() as scene:
        service = builders.a_service(address="", dns_name="web.example.org")
        scene.world.fail(call, error, times=1)
        web = await scene.create(3, service=service)
        await scene.go_on(10)
        await all_is_as_wished(scene, web, 3)


async def test_what_fails_for_a_while_is_said_once_per_round_and_not_per_node():
    async with a_scene() as scene:
        scene.world.fail("create_server", "transient", times=20)
        web = await scene.create(10)
        await scene.go_on(10)
        await all_is_as_wished(scene, web, 10)
        told = await scene.events("node.failed")
        assert 1 <= len(told) < 20
        assert "10 nodes" in told[0].reason


async def test_what_can_never_work_is_given_up_and_says_why():
    async with a_scene() as scene:
        scene.world.fail("create_server", "permanent")
        web = await scene.create(2, min_size=2)
        await scene.go_on(30)

        cluster = await scene.cluster(web)
        assert cluster.status is ClusterStatus.ERROR
        assert {node.status for node in await scene.nodes(web)} == {NodeStatus.ERROR}
        (wish,) = await scene.actions(Verb.CLUSTER_CREATE)
        assert wish.status == "FAILED"
        assert wish.reason
        assert not await scene.due()


async def test_a_load_balancer_that_cannot_be_had_is_said_once_and_tried_on():
    async with a_scene() as scene:
        scene.world.fail("put_pool", "permanent")
        web = await scene.create(2, service=builders.a_service(address=""))
        await scene.go_on(60)
        cluster = await scene.cluster(web)
        assert cluster.status is ClusterStatus.ERROR
        assert cluster.refused
        assert "load balancer" in cluster.reason
        (wish,) = await scene.actions(Verb.CLUSTER_CREATE)
        assert wish.status == "FAILED"
        assert "load balancer" in wish.reason
        assert len(await scene.events("cluster.degraded")) <= 2

        scene.world.lift()
        await scene.go_on(30)
        assert (await scene.cluster(web)).status is ClusterStatus.ACTIVE
        assert (await scene.cluster(web)).trouble == ""


async def test_a_load_balancer_that_is_busy_does_not_fail_a_creation():
    async with a_scene() as scene:
        scene.world.fail("put_pool", "transient")
        web = await scene.create(2, min_size=2, service=builders.a_service(address=""))
        await scene.go_on(30)
        cluster = await scene.cluster(web)
        assert (cluster.status, cluster.refused) == (ClusterStatus.CREATING, False)
        assert "load balancer" in cluster.reason
        (wish,) = await scene.actions(Verb.CLUSTER_CREATE)
        assert not wish.ended


async def test_a_balancer_that_takes_orders_and_shows_nothing_is_not_hammered():
    async with a_scene() as scene:
        engine = scene.engine_on(replace(scene.cloud, balancer=Blind(scene.cloud.balancer)))
        web = await scene.create(1, service=builders.a_service(address=""))
        assert await engine.settle() < 10
        assert (await scene.cluster(web)).status is ClusterStatus.CREATING


class Blind:
    def __init__(self, balancer) -> None:
        self._balancer = balancer
        self.put_pool = balancer.put_pool

    async def pool(self, cluster_id):
        return None


@pytest.mark.parametrize("lag", [5, 50])
async def test_a_cloud_that_lists_late_gets_no_twins(lag):
    async with a_scene(list_lag_s=lag) as scene:
        web = await scene.create(3)
        await scene.go_on(120)
        await all_is_as_wished(scene, web, 3)
        assert {node.incarnation for node in await scene.nodes(web)} == {1}


async def test_a_server_that_is_listed_after_its_place_is_gone_is_removed():
    """Created, unlisted, unwanted, struck out, and only then listed: it goes at some look."""
    async with a_scene(list_lag_s=100) as scene:
        web = await scene.create(2)
        assert await until_cut(engine_meeting(scene, CutAfter("create_server")), scene)
        await scene.resize(web, 0)
        await scene.go_on(20)
        assert await scene.nodes(web) == []
        await scene.with_ticks(220, steps=10)

        assert await scene.servers() == []
        await all_is_as_wished(scene, web, 0)


async def test_a_server_of_no_cluster_is_reported_and_removed_after_its_grace():
    async with a_scene(list_lag_s=40, stray_grace_s=60) as scene:
        web = await scene.create(1)
        cut = CutAfter("create_server")
        assert await until_cut(engine_meeting(scene, cut), scene, rounds=1)
        await scene.delete(web)
        await scene.go_on(20)
        assert not await scene.exists(web)
        await scene.with_ticks(60, steps=5)
        assert len(await scene.events("server.stray")) == 1
        assert len(await scene.servers()) == 1
        await scene.with_ticks(60, steps=5)
        assert await scene.servers() == []
        assert len(await scene.events("server.stray_removed")) == 1


@pytest.mark.parametrize("call", ["list_servers", "read", "write"])
async def test_a_wish_that_comes_while_a_pass_is_thinking_makes_it_stale(call):
    """The pass ends without effect, and the next one sees the wish."""
    async with a_scene() as scene:
        web = await scene.create(5)
        meanwhile = Once("after", call, lambda: scene.resize(web, 1))
        engine = engine_meeting(scene, meanwhile)
        await engine.settle()
        assert meanwhile.done
        await scene.go_on(3)
        await all_is_as_wished(scene, web, 1)


async def test_a_stale_plan_does_nothing():
    async with a_scene() as scene:
        web = await scene.create(5)
        made = CutAt()
        meanwhile = Once("after", "list_servers", lambda: scene.resize(web, 0))

        async def both(when: str, name: str) -> None:
            await made(when, name)
            await meanwhile(when, name)

        await engine_meeting(scene, both).settle()
        assert "before create_server" not in made.moments
        await all_is_as_wished(scene, web, 0)


async def test_a_wish_that_comes_while_steps_run_is_not_lost():
    async with a_scene() as scene:
        web = await scene.create(3)
        engine = engine_meeting(scene, Once("after", "create_server", lambda: scene.resize(web, 6)))
        await engine.settle()
        await scene.go_on(3)
        await all_is_as_wished(scene, web, 6)


async def test_what_a_wish_wrote_on_a_node_while_steps_ran_survives_their_outcomes():
    async with a_scene() as scene:
        web = await scene.create(1)

        async def protect() -> None:
            (node,) = await scene.nodes(web)
            kept = replace(node, protected=True)
            await scene.store.write(lambda tx: tx.nodes.put(kept))
            await scene.resize(web, 2)

        await engine_meeting(scene, Once("after", "create_server", protect)).settle()
        await scene.go_on(3)
        first, second = await scene.nodes(web)
        assert first.protected
        assert first.ref
        assert second.ref


async def test_a_reversed_wish_after_a_power_cut_removes_what_was_made():
    async with a_scene() as scene:
        web = await scene.create(3)
        assert await until_cut(engine_meeting(scene, CutAfter("create_server", 2)), scene)
        assert len(await scene.servers()) >= 2
        await scene.resize(web, 0)
        await scene.go_on(20)
        await all_is_as_wished(scene, web, 0)


async def test_an_engine_that_lost_its_lease_changes_nothing_any_more():
    """It was stopped longer than its lease; another has taken over when it continues."""
    async with a_scene() as scene:
        web = await scene.create(3)

        async def sleep_through() -> None:
            scene.clock.advance(60)
            await scene.another("other").settle()
            await scene.resize(web, 1)
            await scene.another("other").settle()

        asleep = Once("before", "create_server", sleep_through)
        await engine_meeting(scene, asleep).settle()
        assert asleep.done
        await scene.with_ticks(180, steps=10)
        await all_is_as_wished(scene, web, 1)


async def taken_over(scene: Scene) -> None:
    """Another engine claims every cluster, its holder's lease being over, and does nothing yet."""
    scene.clock.advance(60)
    until = scene.clock.now() + timedelta(seconds=60)
    claims = await scene.store.write(
        lambda tx: tx.marks.claim("thief", scene.clock.now(), until, 10)
    )
    assert claims


async def test_nothing_is_decided_under_a_claim_that_another_has_taken_over():
    """Even where the other one has not written anything so far."""
    async with a_scene() as scene:
        web = await scene.create(3)
        theft = Once("after", "list_servers", lambda: taken_over(scene))
        await engine_meeting(scene, theft).settle()
        assert theft.done
        assert await scene.nodes(web) == []
        assert await scene.servers() == []


async def test_outcomes_of_a_lost_claim_end_their_actions_and_touch_no_node():
    async with a_scene() as scene:
        web = await scene.create(1)
        theft = Once("after", "create_server", lambda: taken_over(scene))
        await engine_meeting(scene, theft).settle()
        assert theft.done
        (node,) = await scene.nodes(web)
        assert node.ref == ""
        (action,) = await scene.actions(Verb.NODE_CREATE)
        assert action.status == "SUCCEEDED"


async def test_two_engines_share_the_clusters():
    async with a_scene() as scene:
        ids = [builders.node_id(builders.WEB, index) for index in range(6)]
        for id in ids:
            await scene.create(2, id=id, name=f"c{id.hex[:6]}", profile_id=id)
        for _ in range(5):
            await scene.another("one", passes_at_once=2, passes_in_a_row=1).settle(rounds=1)
            await scene.another("two", passes_at_once=2, passes_in_a_row=1).settle(rounds=1)
            scene.clock.advance(1)
        await scene.go_on(5)
        assert len(await scene.servers()) == 12
        assert {action.owner for action in await scene.actions(Verb.NODE_CREATE)} == {"one", "two"}


async def test_nonsense_from_a_cloud_is_a_failure_and_not_an_accident():
    """It answers a creation with another server: nothing is believed of it."""
    async with a_scene() as scene:
        web = await scene.create(2)
        order_mixed_up = Nonsense(scene.cloud.compute)
        engine = scene.engine_on(replace(scene.cloud, compute=order_mixed_up))
        await engine.settle()
        assert all(node.ref != "nonsense" for node in await scene.nodes(web))
        assert "another server" in (await scene.events("node.failed"))[0].reason
        await scene.go_on(20)
        await all_is_as_wished(scene, web, 2)


class Nonsense:
    def __init__(self, compute) -> None:
        self._compute = compute

    def __getattr__(self, name: str):
        return getattr(self._compute, name)

    async def create_server(self, order):
        return builders.a_server(99, ref="nonsense")


async def test_a_driver_that_breaks_its_contract_does_not_end_the_engine():
    async with a_scene() as scene:
        web = await scene.create(2)

        async def explode() -> None:
            raise ValueError("a driver must not raise this")

        for name in ("create_server", "list_servers"):
            await engine_meeting(scene, Once("before", name, explode)).settle()
        await scene.go_on(20)
        await all_is_as_wished(scene, web, 2)


async def test_a_cluster_whose_cloud_is_not_here_waits_quietly():
    async with a_scene() as scene:
        web = await scene.create(1, cloud="elsewhere")
        assert await scene.engine.settle() < 5
        assert (await scene.cluster(web)).status is ClusterStatus.INIT


async def test_an_engine_alone_inherits_what_its_earlier_life_held():
    async with a_scene() as scene:
        web = await scene.create(2)
        assert await until_cut(engine_meeting(scene, CutAt(8)), scene)
        pace = EnginePace(owner="reborn", alone=True)
        reborn = Engine(scene.store, {SIM: scene.cloud}, scene.clock, scene.signal, pace)
        await reborn.inherit()
        await reborn.settle()
        await reborn.settle()
        await all_is_as_wished(scene, web, 2)


async def test_every_mark_is_gone_from_a_store_that_rests():
    async with a_scene() as scene:
        web = await scene.create(2)
        await scene.go_on(3)
        assert await scene.store.read(lambda tx: tx.marks.due()) is None
        assert (
            await scene.store.read(
                lambda tx: tx.actions.count(Query(where={"status": ("RUNNING",)}))
            )
            == 0
        )
        assert (await scene.cluster(web)).settled_generation == 1
