"""How nodes leave: kept alive, after a grace, or once whoever was asked agrees."""

from dataclasses import replace

from engine.asked import Letters, a_calm_cluster, shown
from engine.world import a_scene
from muster.decide.departures import HOOKED
from muster.model.action import ActionStatus as S
from muster.model.action import Verb
from muster.model.node import NodeStatus as N
from muster.model.removal import Hook, Removal


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
