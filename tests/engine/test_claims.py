"""Wishes that come in between, claims that are lost, and engines that share clusters."""

from dataclasses import replace
from datetime import timedelta

import pytest

import builders
from engine.asked import update
from engine.cuts import all_is_as_wished, engine_meeting, until_cut
from engine.fate import CutAfter, CutAt, Once
from engine.world import SIM, Scene, a_scene
from muster.base.errors import Transient
from muster.engine.pace import EnginePace
from muster.engine.worker import Engine
from muster.model.action import Verb
from muster.model.cluster import ClusterStatus, Healing
from muster.ports.store import Query


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


async def test_a_pass_that_is_overtaken_again_and_again_is_not_tried_in_a_loop():
    async with a_scene() as scene:
        web = await scene.create(1)
        overtaken = []

        async def overtake(when: str, name: str) -> None:
            if (when, name) == ("after", "list_servers") and len(overtaken) < 20:
                overtaken.append(name)
                there = await scene.cluster(web)
                later = replace(there, generation=there.generation + 1)
                await scene.store.write(lambda tx: tx.clusters.put(later))

        engine = engine_meeting(scene, overtake)
        await engine.settle()
        assert len(overtaken) == 2
        for _ in range(60):
            scene.clock.advance(5)
            await engine.settle()
        assert len(overtaken) == 20
        await all_is_as_wished(scene, web, 1)


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


async def test_a_member_that_leaves_while_steps_run_is_not_taken_back():
    """Its own engine's memory of the other nodes is of before that wish."""
    async with a_scene() as scene:
        web = await scene.create(2, healing=Healing(enabled=False))
        await scene.with_ticks(3)
        first, _ = await scene.nodes(web)
        await scene.resize(web, 3)
        leaving = Once("after", "create_server", lambda: scene.part(first.id))
        await engine_meeting(scene, leaving).settle()
        assert leaving.done
        scene.world.make_sick(first.ref)  # whoever still counts it will have to write it
        await scene.with_ticks(10)
        assert (await scene.node(first.id)).cluster_id is None
        assert len(await scene.nodes(web)) == 2
        assert len(await scene.servers()) == 3


async def test_a_profile_that_a_wish_brings_while_steps_run_is_rolled_out():
    async with a_scene() as scene:
        web = await scene.create(2)
        updating = Once("after", "create_server", lambda: update(scene, web))
        await engine_meeting(scene, updating).settle()
        assert updating.done
        await scene.with_ticks(30)
        assert {each.profile_id for each in await scene.nodes(web)} == {builders.NEW}


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


async def test_what_another_has_ended_since_is_not_begun_again():
    """The line to the cloud breaks while an engine sleeps; another has done it meanwhile."""
    async with a_scene() as scene:
        web = await scene.create(1)

        async def sleep_through() -> None:
            scene.clock.advance(60)
            await scene.another("other").settle()
            await all_is_as_wished(scene, web, 1)
            raise Transient("the line was cut")

        asleep = Once("after", "create_server", sleep_through)
        await engine_meeting(scene, asleep).settle()
        assert asleep.done
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
