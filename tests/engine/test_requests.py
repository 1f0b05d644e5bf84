"""What is asked of a node is done to it, one thing after another."""

import pytest

import builders
from engine.asked import a_calm_cluster, first_of, lose
from engine.world import a_scene
from muster.model.action import ActionStatus as S
from muster.model.action import Verb
from muster.model.cluster import ClusterStatus, Healing
from muster.model.node import NodeStatus as N

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
