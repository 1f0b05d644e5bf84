"""Policies at work, seen through a whole engine: watches, balancers, zones and groups."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

import builders
from engine.world import SIM, Scene, a_scene
from muster.model.action import ActionStatus, Verb
from muster.model.cluster import Healing, Service
from muster.model.detection import Cure, Detector, Watch
from muster.model.placement import Affinity, Group, Placement, Share
from muster.model.pool import Condition, Monitor, MonitorKind
from muster.ports.prober import Visit

URL = "http://h/{nodename}"
POLLED = Watch(detector=Detector.NODE_STATUS_POLL_URL, url=URL, tries=2)
HEALING = Healing(watches=(POLLED,), interval_s=10, grace_s=60, max_tries=3)


@dataclass
class Gossip:
    """Answers of addresses, as a test has them; an address that nobody speaks of is content."""

    ill: dict[str, str] = field(default_factory=dict)
    visits: list[Visit] = field(default_factory=list)

    async def visit(self, visit: Visit) -> str | None:
        self.visits.append(visit)
        return self.ill.get(visit.url)


async def watched(scene: Scene, desired: int = 3, **but: Any) -> tuple[Any, Gossip]:
    """Return a cluster that is there and watched, and who answers for its nodes."""
    gossip = Gossip()
    scene.engine.visit_by(gossip)
    cluster_id = await scene.create(desired, **{"healing": HEALING, **but})
    await scene.go_on(5)
    await scene.engine.ticks.look(SIM)
    return cluster_id, gossip


async def rounds(scene: Scene, seconds: float) -> None:
    """Let time pass with every look and every round taken to its end."""
    for _ in range(round(seconds)):
        scene.clock.advance(1)
        await scene.engine.ticks.look(SIM)
        await asyncio.gather(*await scene.engine.ticks.watch(SIM))
        await scene.engine.settle()


async def test_every_node_is_visited_once_an_interval_by_its_own_name():
    async with a_scene() as scene:
        cluster_id, gossip = await watched(scene)
        await rounds(scene, 30)
        names = {f"http://h/{node.name}" for node in await scene.nodes(cluster_id)}
        counts = Counter(each.url for each in gossip.visits)
        assert set(counts) == names
        assert set(counts.values()) == {3}
        assert {each.tries for each in gossip.visits} == {2}


@pytest.mark.slow
async def test_a_node_whose_address_says_no_is_recovered_after_its_grace_and_not_before():
    async with a_scene() as scene:
        cluster_id, gossip = await watched(scene)
        node = (await scene.nodes(cluster_id))[0]
        gossip.ill[f"http://h/{node.name}"] = "answered 500"
        await rounds(scene, 40)
        assert await scene.actions(Verb.NODE_RECOVER) == []
        await rounds(scene, 30)
        [action] = await scene.actions(Verb.NODE_RECOVER)
        assert (action.target, action.cause) == (node.id, "RPC Request")
        gossip.ill.clear()
        await rounds(scene, 5)
        assert await scene.ended(action) is ActionStatus.SUCCEEDED
        after = await scene.node(node.id)
        assert (after.incarnation, after.status) == (2, "ACTIVE")


@pytest.mark.slow
async def test_a_cure_that_does_not_help_is_tried_again_after_the_grace():
    async with a_scene() as scene:
        healing = replace(HEALING, cure=Cure.REBOOT)
        cluster_id, gossip = await watched(scene, healing=healing)
        node = (await scene.nodes(cluster_id))[0]
        gossip.ill[f"http://h/{node.name}"] = "no"
        await rounds(scene, 150)
        recovered = await scene.actions(Verb.NODE_RECOVER)
        assert [each.inputs["operation"] for each in recovered] == ["REBOOT"] * len(recovered)
        assert len(recovered) == 2
        assert (await scene.node(node.id)).incarnation == 1


async def test_what_was_heard_survives_the_engine():
    async with a_scene() as scene:
        cluster_id, gossip = await watched(scene)
        node = (await scene.nodes(cluster_id))[0]
        gossip.ill[f"http://h/{node.name}"] = "no"
        await rounds(scene, 10)
        probe = await scene.store.read(lambda tx: tx.probes.get(node.id))
        assert probe.visits == {URL: "no"}
        scene.restart()
        scene.engine.visit_by(gossip)
        gossip.ill.clear()
        await rounds(scene, 20)
        probe = await scene.store.read(lambda tx: tx.probes.get(node.id))
        assert probe.visits == {}


async def test_what_an_application_answers_leaves_alone_what_an_address_has_said():
    async with a_scene() as scene:
        service = Service(port=80)
        cluster_id, gossip = await watched(scene, service=service)
        await scene.with_ticks(3)
        node = (await scene.nodes(cluster_id))[0]
        gossip.ill[f"http://h/{node.name}"] = "no"
        await rounds(scene, 10)
        scene.world.make_sick(node.ref, "it is confused")
        for _ in range(4):
            await scene.engine.ticks.probe(SIM)
        probe = await scene.store.read(lambda tx: tx.probes.get(node.id))
        assert (probe.condition, probe.visits) == (Condition.BAD, {URL: "no"})


async def test_a_cluster_that_nobody_watches_is_not_visited():
    async with a_scene() as scene:
        _, gossip = await watched(scene, healing=replace(HEALING, enabled=False))
        await rounds(scene, 20)
        assert gossip.visits == []


async def test_a_pool_comes_with_a_policy_and_goes_with_it():
    async with a_scene() as scene:
        cluster_id = await scene.create(2)
        await scene.go_on(3)
        quiet = Monitor(kind=MonitorKind.NONE)
        service = Service(port=80, member_port=8000, monitor=quiet, drain_s=1)
        attach = await scene.wish(cluster_id, Verb.CLUSTER_ATTACH_POLICY, service=service)
        await scene.go_on(5)
        assert await scene.ended(attach) is ActionStatus.SUCCEEDED
        pool = await scene.cloud.balancer.pool(cluster_id)
        assert {(each.port, each.condition) for each in pool.members.values()} == {
            (8000, Condition.GOOD)
        }
        assert (await scene.cluster(cluster_id)).service.address == pool.address
        detach = await scene.wish(cluster_id, Verb.CLUSTER_DETACH_POLICY, service=None)
        await scene.go_on(5)
        assert await scene.ended(detach) is ActionStatus.SUCCEEDED
        assert await scene.cloud.balancer.list_pools() == []
        assert [node.status for node in await scene.nodes(cluster_id)] == ["ACTIVE"] * 2


async def test_nodes_come_to_be_where_their_placement_has_them():
    async with a_scene(zones=["a", "b"], hosts=8) as scene:
        apart = Group(id=builders.OLD, name="apart", affinity=Affinity.ANTI_AFFINITY)
        shares = (Share(zone="a", weight=100), Share(zone="b", weight=300))
        cluster_id = await scene.create(4, placement=Placement(shares=shares, group=apart))
        await scene.go_on(3)
        nodes = await scene.nodes(cluster_id)
        assert Counter(node.zone for node in nodes) == {"b": 3, "a": 1}
        assert len({node.host for node in nodes}) == 4
        await scene.resize(cluster_id, 2)
        await scene.go_on(5)
        left = await scene.nodes(cluster_id)  # the lightest zone is emptied first
        assert Counter(node.zone for node in left) == {"b": 2}
