"""An update to an application that says elsewhere how it is: each is asked where it answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import pytest

import builders
from engine.standing import a_standing_cluster, an_update
from engine.world import Scene, a_scene
from muster.model.action import Verb
from muster.model.capacity import Amount
from muster.model.pool import MonitorKind, digest
from muster.model.rollout import RolloutState
from muster.ports.prober import Prober, Question
from muster.service.paths import parted, returning

PATHS = {builders.OLD: "/health", builders.NEW: "/alive"}


@dataclass
class ByRevision:
    """Applications that answer on the path of their own revision only."""

    scene: Scene
    cluster: UUID
    inner: Prober

    async def ask(self, questions: Sequence[Question]) -> Mapping[UUID, str | None]:
        answers = dict(await self.inner.ask(questions))
        nodes = {node.id: node for node in await self.scene.nodes(self.cluster)}
        for each in questions:
            if each.path != PATHS[nodes[each.node_id].profile_id]:
                answers[each.node_id] = "404 Not Found"
        return answers


async def standing(scene: Scene) -> UUID:
    web = await a_standing_cluster(scene, 4)
    spec = builders.a_spec(health_path=PATHS[builders.NEW])
    await scene.add_profile(builders.a_profile(builders.NEW, server=spec))
    prober = ByRevision(scene, web, scene.cloud.prober)
    scene.engines["one"] = scene.engine_on(replace(scene.cloud, prober=prober))
    return web


async def update(scene: Scene, web: UUID, **strategy) -> None:
    cluster = await scene.cluster(web)
    asked = replace(cluster.service, health_path=PATHS[builders.NEW])
    service = parted(cluster, asked)
    await scene.wish(web, Verb.CLUSTER_UPDATE, service=service, **an_update(scene, **strategy))


async def turn(scene: Scene, web: UUID, state: RolloutState) -> None:
    rollout = (await scene.cluster(web)).rollout.turned(state, scene.clock.now(), "")
    await scene.wish(web, Verb.CLUSTER_UPDATE, rollout=replace(rollout, canary_passed=True))


async def nobody_was_ill(scene: Scene) -> None:
    assert await scene.events("node.sick") == []
    assert await scene.events("storm.began") == []


async def test_old_and_new_ones_stand_beside_each_other_for_as_long_as_it_takes():
    async with a_scene(boot_s=1) as scene:
        web = await standing(scene)
        await update(scene, web, canary=Amount(1))
        await scene.with_ticks(60)
        cluster = await scene.cluster(web)
        assert cluster.rollout.state is RolloutState.BAKING
        assert {node.profile_id for node in await scene.nodes(web)} == set(PATHS)
        # The balancer has one path for all, so for now it only connects.
        assert cluster.front.monitor.kind is MonitorKind.TCP
        assert (await scene.cloud.balancer.pool(web)).front_digest == digest(cluster.front)

        await turn(scene, web, RolloutState.ROLLING)
        await scene.with_ticks(60)
        cluster = await scene.cluster(web)
        assert cluster.rollout.state is RolloutState.DONE
        assert (cluster.service.health_path, cluster.service.former) == ("/alive", ())
        assert cluster.front.monitor.kind is MonitorKind.HTTP
        await nobody_was_ill(scene)


@pytest.mark.slow
async def test_going_back_half_way_asks_on_the_path_of_before():
    async with a_scene(boot_s=1) as scene:
        web = await standing(scene)
        await update(scene, web, canary=Amount(1))
        await scene.with_ticks(20)
        await turn(scene, web, RolloutState.ROLLING_BACK)
        await scene.with_ticks(60)
        cluster = await scene.cluster(web)
        assert cluster.rollout.state is RolloutState.ROLLED_BACK
        assert (cluster.service.health_path, cluster.service.former) == ("/health", ())
        await nobody_was_ill(scene)


@pytest.mark.slow
async def test_going_back_afterwards_is_an_update_to_the_path_of_before():
    async with a_scene(boot_s=1) as scene:
        web = await standing(scene)
        await update(scene, web)
        await scene.with_ticks(60)
        cluster = await scene.cluster(web)
        back = replace(
            an_update(scene)["rollout"],
            id=builders.node_id(web, 1001),
            from_profile=builders.NEW,
            to_profile=builders.OLD,
        )
        turned = returning(replace(cluster, rollout=back), PATHS)
        await scene.wish(web, Verb.CLUSTER_UPDATE, rollout=back, service=turned.service)
        await scene.with_ticks(60)
        cluster = await scene.cluster(web)
        assert (cluster.service.health_path, cluster.service.former) == ("/health", ())
        assert cluster.profile_id == builders.OLD
        await nobody_was_ill(scene)


@pytest.mark.slow
async def test_where_nothing_is_replaced_the_old_are_asked_as_before_while_any_is_left():
    async with a_scene(boot_s=1) as scene:
        web = await standing(scene)
        cluster = await scene.cluster(web)
        service = parted(cluster, replace(cluster.service, health_path=PATHS[builders.NEW]))
        await scene.wish(
            web, Verb.CLUSTER_UPDATE, profile_id=builders.NEW, service=service, desired=5
        )
        await scene.with_ticks(30)
        assert {node.profile_id for node in await scene.nodes(web)} == set(PATHS)
        await scene.resize(web, 1)
        await scene.with_ticks(60)
        cluster = await scene.cluster(web)
        assert (cluster.service.health_path, cluster.service.former) == ("/alive", ())
        await nobody_was_ill(scene)


async def test_another_path_for_the_same_instances_is_asked_at_once():
    cluster = builders.a_cluster(service=builders.a_service())
    service = replace(builders.a_service(), health_path="/alive")
    assert service.path_of(cluster.profile_id) == "/alive"
    assert parted(cluster, builders.a_service()).former == ()
