"""What is asked of single nodes and of many at once: looked at, mended, operated, updated."""

from dataclasses import replace

import pytest

import builders
from engine.world import a_scene
from muster.decide.departures import HOOKED
from muster.model.action import ActionStatus, Verb
from muster.model.capacity import Amount
from muster.model.cluster import ClusterStatus, Healing
from muster.model.node import NodeStatus
from muster.model.removal import Hook, Removal
from muster.model.rollout import Rollout, RolloutState, Strategy, UpdateKind
from muster.ports.store import Query

S, N = ActionStatus, NodeStatus
CALM = Healing(enabled=False, max_tries=3)
IN_PLACE = Strategy(kind=UpdateKind.IN_PLACE, auto_rollback=False)


async def a_calm_cluster(scene, size, **but):
    web = await scene.create(size, **{"healing": CALM, "strategy": IN_PLACE} | but)
    await scene.with_ticks(4)
    assert (await scene.cluster(web)).status is ClusterStatus.ACTIVE
    return web


async def first_of(scene, web):
    return (await scene.nodes(web))[0]


async def shown(scene, wish):
    return await scene.store.read(lambda tx: tx.actions.get(wish.id))


async def children(scene, wish):
    found = await scene.store.read(lambda tx: tx.actions.find(Query(where={"parent": (wish.id,)})))
    return sorted(found, key=lambda each: each.target)


async def lose(scene, node):
    await scene.cloud.compute.delete_server(node.ref)


# -- alone


async def test_a_node_is_created_when_it_is_ready():
    async with a_scene(create_s=2) as scene:
        one = await scene.create_alone()
        await scene.go_on(1)
        assert [each.status for each in await scene.actions()] == [S.RUNNING]
        await scene.with_ticks(5)

        (wish,) = await scene.actions()
        assert (wish.status, wish.reason) == (S.SUCCEEDED, "Action completed successfully.")
        assert (await scene.node(one)).reason == "Creation succeeded"
        ends = [each for each in await scene.events("node.created") if each.status == "end"]
        assert [(each.oid, each.action) for each in ends] == [(one, "NODE_CREATE")]


async def test_a_node_that_cannot_be_made_is_in_error_and_its_wish_has_failed():
    async with a_scene() as scene:
        scene.world.fail("create_server", "permanent")
        one = await scene.create_alone()
        await scene.with_ticks(10)

        (wish,) = await scene.actions()
        assert wish.status is S.FAILED
        assert (await scene.node(one)).status is N.ERROR


async def test_a_check_says_how_a_server_is():
    async with a_scene() as scene:
        web = await a_calm_cluster(scene, 2)
        well, lost = await scene.nodes(web)
        await lose(scene, lost)
        looks = [await scene.ask(each.id, Verb.NODE_CHECK) for each in (well, lost)]
        await scene.go_on(1)

        assert [await scene.ended(each) for each in looks] == [S.SUCCEEDED, S.SUCCEEDED]
        well, lost = await scene.nodes(web)
        assert (well.status, well.reason) == (N.ACTIVE, "Check: Node is ACTIVE.")
        assert (lost.status, lost.reason) == (N.ERROR, "Check: Node is not ACTIVE.")


@pytest.mark.parametrize(("operation", "wakes"), [("stop", "start"), ("pause", "unpause")])
async def test_what_somebody_put_to_rest_is_left_so_until_he_wakes_it(operation, wakes):
    async with a_scene() as scene:
        web = await a_calm_cluster(scene, 2, healing=Healing(), service=builders.a_service())
        await scene.with_ticks(4)
        node = await first_of(scene, web)
        wish = await scene.ask(node.id, Verb.NODE_OPERATION, operation=operation)
        await scene.with_ticks(20)

        after = await scene.node(node.id)
        assert await scene.ended(wish) is S.SUCCEEDED
        assert (after.status, after.incarnation, after.parked) == (N.ACTIVE, 1, operation)
        assert after.reason == f"Operation '{operation}' succeeded"
        assert node.id not in (await scene.cloud.balancer.pool(web)).members
        assert (await scene.cluster(web)).status is ClusterStatus.ACTIVE

        await scene.ask(node.id, Verb.NODE_OPERATION, operation=wakes)
        await scene.with_ticks(10)
        after = await scene.node(node.id)
        assert (after.status, after.incarnation, after.parked) == (N.ACTIVE, 1, "")
        assert node.id in (await scene.cloud.balancer.pool(web)).members


async def test_an_operation_that_a_cloud_refuses_fails_and_harms_nothing():
    async with a_scene() as scene:
        web = await a_calm_cluster(scene, 1)
        node = await first_of(scene, web)
        scene.world.fail("operate_server", "permanent")
        wish = await scene.ask(node.id, Verb.NODE_OPERATION, operation="lock")
        await scene.with_ticks(5)

        after = await scene.node(node.id)
        assert await scene.ended(wish) is S.FAILED
        assert (after.tries, after.incarnation, after.status) == (0, 1, N.ACTIVE)


async def test_an_operation_that_fails_for_now_is_tried_again_a_few_times():
    async with a_scene() as scene:
        web = await a_calm_cluster(scene, 1)
        node = await first_of(scene, web)
        scene.world.fail("operate_server", times=1)
        wish = await scene.ask(node.id, Verb.NODE_OPERATION, operation="stop")
        await scene.with_ticks(10)
        assert await scene.ended(wish) is S.SUCCEEDED

        scene.world.fail("operate_server")
        wish = await scene.ask(node.id, Verb.NODE_OPERATION, operation="start")
        await scene.with_ticks(30)
        assert await scene.ended(wish) is S.FAILED
        assert (await scene.node(node.id)).parked == "stop"


async def test_a_node_is_mended_by_another_server_in_its_place():
    async with a_scene() as scene:
        web = await a_calm_cluster(scene, 2)
        node = await first_of(scene, web)
        await lose(scene, node)
        await scene.with_ticks(6)
        assert (await scene.node(node.id)).status is N.ERROR
        wish = await scene.ask(node.id, Verb.NODE_RECOVER)
        await scene.with_ticks(6)

        after = await scene.node(node.id)
        assert await scene.ended(wish) is S.SUCCEEDED
        assert (after.status, after.reason) == (N.ACTIVE, "Recovery succeeded")
        assert (after.incarnation, after.index, after.name) == (2, node.index, node.name)
        assert len(await scene.servers()) == 2


async def test_a_node_that_is_well_is_mended_only_without_a_check():
    async with a_scene() as scene:
        web = await a_calm_cluster(scene, 1)
        node = await first_of(scene, web)
        checked = await scene.ask(node.id, Verb.NODE_RECOVER, check=True)
        await scene.with_ticks(3)
        after = await scene.node(node.id)
        assert (after.incarnation, after.reason) == (1, "Recover: Node is ACTIVE.")
        plain = await scene.ask(node.id, Verb.NODE_RECOVER)
        await scene.with_ticks(6)

        assert (await scene.node(node.id)).incarnation == 2
        assert [await scene.ended(each) for each in (checked, plain)] == [S.SUCCEEDED] * 2
        assert len(await scene.servers()) == 1


@pytest.mark.parametrize("way", ["REBOOT", "rebuild"])
async def test_a_node_is_mended_by_having_its_server_operated(way):
    async with a_scene(create_s=2) as scene:
        web = await a_calm_cluster(scene, 1)
        node = await first_of(scene, web)
        scene.world.break_server(node.ref)
        await scene.with_ticks(6)
        wish = await scene.ask(node.id, Verb.NODE_RECOVER, operation=way)
        calls = scene.world.calls["operate_server"]
        await scene.with_ticks(8)

        after = await scene.node(node.id)
        assert (await scene.ended(wish), after.status) == (S.SUCCEEDED, N.ACTIVE)
        assert (after.incarnation, after.ref) == (1, node.ref)
        assert scene.world.calls["operate_server"] == calls + 1


async def test_what_cannot_be_mended_is_in_error_and_can_be_tried_again():
    async with a_scene() as scene:
        web = await a_calm_cluster(scene, 1)
        node = await first_of(scene, web)
        scene.world.fail("create_server", "permanent")
        wish = await scene.ask(node.id, Verb.NODE_RECOVER)
        await scene.with_ticks(10)
        after = await scene.node(node.id)
        assert (await scene.ended(wish), after.status) == (S.FAILED, N.ERROR)
        assert after.reason.startswith("Recovery failed")

        scene.world.lift("create_server")
        again = await scene.ask(node.id, Verb.NODE_RECOVER)
        await scene.with_ticks(10)
        assert (await scene.ended(again)) is S.SUCCEEDED
        assert (await scene.node(node.id)).status is N.ACTIVE


async def test_a_member_that_serves_is_drained_before_it_is_made_anew():
    async with a_scene(boot_s=1) as scene:
        web = await a_calm_cluster(scene, 2, service=builders.a_service(address="", drain_s=30))
        await scene.with_ticks(5)
        node = await first_of(scene, web)
        scene.world.hold(web, node.id, 1, 8)
        wish = await scene.ask(node.id, Verb.NODE_RECOVER)
        await scene.with_ticks(4)
        assert (await scene.node(node.id)).status is N.RECOVERING
        assert (await scene.node(node.id)).incarnation == 1
        await scene.with_ticks(15)

        after = await scene.node(node.id)
        assert (await scene.ended(wish), after.incarnation) == (S.SUCCEEDED, 2)
        pool = await scene.cloud.balancer.pool(web)
        assert pool.errors == 0
        assert {each.state for each in pool.members.values()} == {"serve"}


async def test_one_node_gets_another_profile_and_keeps_it():
    async with a_scene() as scene:
        web = await a_calm_cluster(scene, 2)
        await scene.add_profile(builders.a_profile(builders.NEW))
        node = await first_of(scene, web)
        wish = await scene.ask(node.id, Verb.NODE_UPDATE, new_profile_id=str(builders.NEW))
        await scene.with_ticks(6)

        after = await scene.node(node.id)
        assert (await scene.ended(wish), after.status) == (S.SUCCEEDED, N.ACTIVE)
        assert (after.profile_id, after.reason) == (builders.NEW, "Update succeeded")
        again = await scene.ask(node.id, Verb.NODE_RECOVER)
        await scene.with_ticks(6)
        assert await scene.ended(again) is S.SUCCEEDED
        assert (await scene.node(node.id)).profile_id == builders.NEW


async def test_requests_of_one_node_are_done_one_after_another():
    async with a_scene() as scene:
        web = await a_calm_cluster(scene, 1)
        node = await first_of(scene, web)
        asked = [await scene.ask(node.id, Verb.NODE_OPERATION, operation="stop")]
        scene.clock.advance(0.1)
        asked.append(await scene.ask(node.id, Verb.NODE_RECOVER))
        await scene.with_ticks(10)

        assert [await scene.ended(each) for each in asked] == [S.SUCCEEDED] * 2
        assert (await scene.node(node.id)).parked == ""


async def test_a_request_of_a_node_that_goes_is_withdrawn():
    async with a_scene() as scene:
        one = await scene.create_alone()
        await scene.with_ticks(2)
        scene.world.fail("operate_server")
        wish = await scene.ask(one, Verb.NODE_OPERATION, operation="stop")
        await scene.go_on(1)
        await scene.ask(one, Verb.NODE_DELETE, leaving=True)
        await scene.with_ticks(5)

        assert await scene.ended(wish) is S.CANCELLED
        deleted = [each for each in await scene.actions(Verb.NODE_DELETE)]
        assert [each.status for each in deleted] == [S.SUCCEEDED]
        assert await scene.servers() == []


# -- many at once


async def test_a_check_of_a_cluster_is_one_of_every_node():
    async with a_scene() as scene:
        web = await a_calm_cluster(scene, 3)
        lost = await first_of(scene, web)
        await lose(scene, lost)
        wish = await scene.wish(web, Verb.CLUSTER_CHECK)
        await scene.go_on(1)

        assert await scene.ended(wish) is S.SUCCEEDED
        assert [each.status for each in await children(scene, wish)] == [S.SUCCEEDED] * 3
        assert {each.cause for each in await children(scene, wish)} == {"Derived Action"}
        statuses = [each.status for each in await scene.nodes(web)]
        assert sorted(statuses) == [N.ACTIVE, N.ACTIVE, N.ERROR]
        cluster = await scene.cluster(web)
        assert cluster.status is ClusterStatus.WARNING
        assert cluster.reason.startswith("CLUSTER_CHECK: number of active nodes is below desired")


async def test_a_recovery_of_a_cluster_mends_those_out_of_order():
    async with a_scene(create_s=2) as scene:
        web = await a_calm_cluster(scene, 3)
        before = await scene.nodes(web)
        for node in before[:2]:
            await lose(scene, node)
        wish = await scene.wish(web, Verb.CLUSTER_RECOVER)
        await scene.go_on(1)
        cluster = await scene.cluster(web)
        assert (cluster.status, cluster.reason) == (
            ClusterStatus.RECOVERING,
            "Recovery in progress",
        )
        await scene.with_ticks(8)

        assert await scene.ended(wish) is S.SUCCEEDED
        assert [each.incarnation for each in await scene.nodes(web)] == [2, 2, 1]
        assert len(await children(scene, wish)) == 2
        assert (await scene.cluster(web)).status is ClusterStatus.ACTIVE


async def test_a_recovery_fails_where_one_node_cannot_be_mended():
    async with a_scene() as scene:
        web = await a_calm_cluster(scene, 2)
        await lose(scene, await first_of(scene, web))
        scene.world.fail("create_server", "permanent")
        wish = await scene.wish(web, Verb.CLUSTER_RECOVER)
        await scene.with_ticks(10)

        assert await scene.ended(wish) is S.FAILED
        assert "node_recover_" in (await shown(scene, wish)).reason
        assert (await scene.cluster(web)).status is ClusterStatus.WARNING


async def operation_on_all(scene, web, operation):
    nodes = [str(each.id) for each in await scene.nodes(web)]
    wish = await scene.wish(web, Verb.CLUSTER_OPERATION)
    inputs = {"operation": operation, "params": {}, "nodes": nodes}
    await scene.store.write(lambda tx: tx.actions.put(replace(wish, inputs=inputs)))
    return wish


async def test_an_operation_on_a_cluster_is_one_on_each_of_its_nodes():
    async with a_scene() as scene:
        web = await a_calm_cluster(scene, 3)
        wish = await operation_on_all(scene, web, "pause")
        await scene.with_ticks(4)

        assert await scene.ended(wish) is S.SUCCEEDED
        assert {each.parked for each in await scene.nodes(web)} == {"pause"}
        cluster = await scene.cluster(web)
        assert cluster.status is ClusterStatus.ACTIVE
        assert cluster.reason.startswith("pause: number of active nodes is equal or above")
        await scene.with_ticks(4)
        assert (await scene.cluster(web)).reason == cluster.reason


async def test_an_operation_on_a_cluster_survives_that_the_engine_dies_in_between():
    async with a_scene() as scene:
        web = await a_calm_cluster(scene, 3)
        scene.world.fail("operate_server", times=2)
        wish = await operation_on_all(scene, web, "stop")
        await scene.go_on()
        assert (await scene.cluster(web)).status is ClusterStatus.OPERATING
        scene.restart()
        scene.clock.advance(60)
        await scene.with_ticks(20)

        assert await scene.ended(wish) is S.SUCCEEDED
        assert len(await children(scene, wish)) == 3
        assert {each.parked for each in await scene.nodes(web)} == {"stop"}


# -- updates in place


async def update(scene, web, **strategy):
    await scene.add_profile(builders.a_profile(builders.NEW))
    now = scene.clock.now()
    rollout = Rollout(
        id=builders.uuid5(web, str(now)),
        from_profile=builders.OLD,
        to_profile=builders.NEW,
        strategy=replace(IN_PLACE, **strategy),
        started_at=now,
        progress_at=now,
    )
    return await scene.wish(web, Verb.CLUSTER_UPDATE, rollout=rollout)


async def test_an_update_in_place_keeps_every_node_and_changes_its_server():
    async with a_scene() as scene:
        web = await a_calm_cluster(scene, 3)
        before = await scene.nodes(web)
        wish = await update(scene, web)
        await scene.with_ticks(10)

        after = await scene.nodes(web)
        assert await scene.ended(wish) is S.SUCCEEDED
        assert [(each.id, each.index, each.name) for each in after] == [
            (each.id, each.index, each.name) for each in before
        ]
        assert {(each.profile_id, each.incarnation) for each in after} == {(builders.NEW, 2)}
        assert {(each.status, each.reason) for each in after} == {(N.ACTIVE, "Update succeeded")}
        assert (await scene.cluster(web)).profile_id == builders.NEW
        assert {each.verb for each in await children(scene, wish)} >= {Verb.NODE_UPDATE}
        assert {each.status for each in await children(scene, wish)} == {S.SUCCEEDED}
        assert len(await scene.servers()) == 3


async def test_batches_follow_each_other_after_their_pause():
    async with a_scene() as scene:
        web = await a_calm_cluster(scene, 5)
        wish = await update(scene, web, max_unavailable=Amount(2), pause_s=20)
        done = []
        for _ in range(3):
            await scene.with_ticks(12)
            done.append(sum(each.profile_id == builders.NEW for each in await scene.nodes(web)))
            await scene.with_ticks(10)

        assert done == [2, 4, 5]
        assert await scene.ended(wish) is S.SUCCEEDED


async def test_a_bad_revision_reaches_one_batch_and_the_old_one_stays_in_force():
    async with a_scene() as scene:
        web = await a_calm_cluster(scene, 4)
        scene.world.fail("create_server", "permanent")
        wish = await update(scene, web, max_unavailable=Amount(1))
        await scene.with_ticks(15)

        cluster = await scene.cluster(web)
        assert (await scene.ended(wish), cluster.rollout.state) == (S.FAILED, RolloutState.FAILED)
        assert cluster.profile_id == builders.OLD
        assert sorted(each.status for each in await scene.nodes(web)) == [N.ACTIVE] * 3 + [N.ERROR]
        updates = [e for e in await children(scene, wish) if e.verb is Verb.NODE_UPDATE]
        assert [each.status for each in updates] == [S.FAILED]


async def test_a_bad_revision_is_rolled_back_in_place_where_that_is_wanted():
    async with a_scene(boot_s=1) as scene:
        web = await a_calm_cluster(scene, 3, service=builders.a_service(address=""))
        await scene.with_ticks(5)
        bad = builders.a_spec(metadata={"simulated_fault": "boot"})
        strategy = {"max_unavailable": Amount(1), "auto_rollback": True}
        wish = await update(scene, web, **strategy)
        await scene.add_profile(builders.a_profile(builders.NEW, server=bad))
        await scene.with_ticks(60)

        cluster = await scene.cluster(web)
        assert cluster.rollout.state is RolloutState.ROLLED_BACK
        assert await scene.ended(wish) is S.FAILED
        assert {each.profile_id for each in await scene.nodes(web)} == {builders.OLD}
        assert cluster.status is ClusterStatus.ACTIVE


async def test_a_cluster_that_serves_is_updated_in_place_without_a_request_lost():
    async with a_scene(boot_s=1) as scene:
        web = await a_calm_cluster(scene, 4, service=builders.a_service(address="", drain_s=3))
        await scene.with_ticks(5)
        scene.world.set_load(web, 20)
        wish = await update(scene, web)
        await scene.with_ticks(60)

        assert await scene.ended(wish) is S.SUCCEEDED
        assert (await scene.cloud.balancer.pool(web)).errors == 0
        assert {each.profile_id for each in await scene.nodes(web)} == {builders.NEW}


# -- going


class Letters:
    """A hook that takes questions and can be out of order."""

    def __init__(self):
        self.asked = []

    async def post(self, question):
        self.asked.append(question)


async def shrink(scene, web, desired, **removal):
    cluster = await scene.cluster(web)
    await scene.store.write(
        lambda tx: tx.clusters.put(replace(cluster, removal=Removal(**removal)))
    )
    return await scene.wish(web, Verb.CLUSTER_SCALE_IN, desired=desired)


async def test_a_node_that_is_not_to_be_destroyed_lives_on_alone():
    async with a_scene() as scene:
        web = await a_calm_cluster(scene, 3)
        before = {each.id for each in await scene.nodes(web)}
        wish = await shrink(scene, web, 2, destroy=False)
        await scene.with_ticks(8)

        assert await scene.ended(wish) is S.SUCCEEDED
        assert len(await scene.servers()) == 3
        (gone,) = before - {each.id for each in await scene.nodes(web)}
        node = await scene.node(gone)
        assert (node.cluster_id, node.index, node.home) == (None, -1, web)
        assert (node.status, node.reason) == (N.ACTIVE, "Leave succeeded")
        (left,) = await scene.actions(Verb.NODE_LEAVE)
        assert (left.status, left.parent, left.target) == (S.SUCCEEDED, wish.id, gone)
        assert await scene.events("server") == []

        await scene.ask(gone, Verb.NODE_DELETE, leaving=True)
        await scene.with_ticks(4)
        assert len(await scene.servers()) == 2


async def test_a_node_stays_for_its_grace():
    async with a_scene() as scene:
        web = await a_calm_cluster(scene, 2)
        wish = await shrink(scene, web, 1, grace_s=20)
        await scene.with_ticks(15)
        assert len(await scene.servers()) == 2
        await scene.with_ticks(10)

        assert len(await scene.servers()) == 1
        assert await scene.ended(wish) is S.SUCCEEDED


async def test_a_node_whose_hook_agrees_goes_then():
    async with a_scene() as scene:
        letters = Letters()
        scene.engine.ask_by(letters)
        web = await a_calm_cluster(scene, 2)
        wish = await shrink(scene, web, 1, hook=Hook(queue="going", timeout_s=600))
        await scene.with_ticks(5)

        (question,) = letters.asked
        (waiting,) = [each for each in await scene.actions() if each.cause == HOOKED]
        assert (waiting.status, waiting.id) == (S.WAITING_LIFECYCLE_COMPLETION, question.token)
        assert (waiting.parent, waiting.target) == (wish.id, question.node_id)
        assert (await shown(scene, wish)).status is S.WAITING
        assert (await scene.node(question.node_id)).status is N.ACTIVE
        assert len(await scene.servers()) == 2

        ready = waiting.turned(S.READY, scene.clock.now(), "Lifecycle completed.")
        await scene.store.write(lambda tx: tx.actions.put(ready))
        await scene.change(question.node_id)
        await scene.with_ticks(4)
        assert len(await scene.servers()) == 1
        assert await scene.ended(wish) is S.SUCCEEDED
        assert await scene.ended(waiting) is S.SUCCEEDED


async def test_a_node_goes_when_the_time_of_its_hook_is_over():
    async with a_scene() as scene:
        letters = Letters()
        scene.engine.ask_by(letters)
        web = await a_calm_cluster(scene, 2)
        wish = await shrink(scene, web, 1, hook=Hook(queue="going", timeout_s=30))
        await scene.with_ticks(25)
        assert len(await scene.servers()) == 2
        await scene.with_ticks(10)

        assert len(await scene.servers()) == 1
        assert (len(letters.asked), await scene.ended(wish)) == (1, S.SUCCEEDED)


async def test_a_node_that_is_needed_again_is_asked_about_no_more():
    async with a_scene() as scene:
        scene.engine.ask_by(Letters())
        web = await a_calm_cluster(scene, 2)
        await shrink(scene, web, 1, hook=Hook(queue="going", timeout_s=600))
        await scene.with_ticks(3)
        await scene.resize(web, 2)
        await scene.with_ticks(3)

        (waiting,) = [each for each in await scene.actions() if each.cause == HOOKED]
        assert waiting.status is S.CANCELLED
        assert {each.incarnation for each in await scene.nodes(web)} == {1}
        assert not await scene.due()


# -- what is told, and what is not overwritten


async def test_every_action_is_told_of_when_it_begins_and_when_it_ends():
    async with a_scene() as scene:
        web = await a_calm_cluster(scene, 2)
        node = await first_of(scene, web)
        await scene.ask(node.id, Verb.NODE_OPERATION, operation="pause")
        await scene.with_ticks(3)
        await operation_on_all(scene, web, "lock")
        await scene.with_ticks(3)
        await scene.delete(web)
        await scene.with_ticks(5)

        told = [each for each in await scene.events() if each.action.startswith("NODE_")]
        phases = {}
        for each in told:
            phases.setdefault(each.action_id, []).append(each.status)
            assert each.otype == "NODE"
            assert each.oid in {each.oid for each in told if each.oname.startswith("web-")}
        derived = [e for e in await scene.actions() if e.verb.startswith("NODE_")]
        assert {each.id for each in derived} == set(phases)
        asked = [each for each in derived if each.cause == "RPC Request"]
        for each in derived:
            expected = ["end"] if each in asked else ["start", "end"]  # asking tells of the start
            assert phases[each.id] == expected, each


async def test_many_that_begin_at_once_are_told_of_in_one_event():
    async with a_scene() as scene:
        await scene.create(150, healing=CALM, strategy=IN_PLACE)
        await scene.with_ticks(4)

        told = [each for each in await scene.events("node.created")]
        assert [(each.status, each.data) for each in told] == [
            ("start", {"count": 150}),
            ("end", {"count": 150}),
        ]


class Withdrawing:
    """A cloud's compute during whose operations somebody withdraws what he asked for."""

    def __init__(self, compute, scene):
        self._compute, self._scene = compute, scene
        self.wish = None

    def __getattr__(self, name):
        return getattr(self._compute, name)

    async def operate_server(self, ref, operation, params=None):
        await self._compute.operate_server(ref, operation, params or {})
        found = await shown(self._scene, self.wish)
        cancelled = found.turned(S.CANCELLED, self._scene.clock.now(), "withdrawn")
        await self._scene.store.write(lambda tx: tx.actions.put(cancelled))
        await self._scene.change(self.wish.target)


async def test_what_was_withdrawn_while_it_was_done_stays_withdrawn():
    async with a_scene() as scene:
        compute = Withdrawing(scene.cloud.compute, scene)
        scene.engines["one"] = scene.engine_on(replace(scene.cloud, compute=compute))
        web = await a_calm_cluster(scene, 1)
        node = await first_of(scene, web)
        compute.wish = await scene.ask(node.id, Verb.NODE_OPERATION, operation="stop")
        await scene.with_ticks(4)

        assert await scene.ended(compute.wish) is S.CANCELLED
        assert (await scene.node(node.id)).parked == "stop"


async def test_a_wish_about_a_size_says_which_nodes_came_and_went():
    async with a_scene() as scene:
        web = await a_calm_cluster(scene, 2)
        before = {str(each.id) for each in await scene.nodes(web)}
        grown = await scene.wish(web, Verb.CLUSTER_SCALE_OUT, desired=3)
        await scene.with_ticks(4)
        shrunk = await scene.wish(web, Verb.CLUSTER_SCALE_IN, desired=1)
        await scene.with_ticks(4)

        (created,) = await scene.actions(Verb.CLUSTER_CREATE)
        assert set(created.outputs["nodes_added"]) == before
        added = (await shown(scene, grown)).outputs["nodes_added"]
        removed = (await shown(scene, shrunk)).outputs["nodes_removed"]
        left = {str(each.id) for each in await scene.nodes(web)}
        assert {*before, *added} - {*removed} == left
