"""What is told of actions as they begin and end."""

from dataclasses import replace

from engine.asked import CALM, IN_PLACE, a_calm_cluster, first_of, operation_on_all, shown
from engine.world import a_scene
from muster.model.action import ActionStatus as S
from muster.model.action import Verb

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
