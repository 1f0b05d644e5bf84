"""What is asked of nodes in a running world, and how that shows."""

from dataclasses import replace

import builders
from muster.model.action import Verb
from muster.model.cluster import ClusterStatus, Healing
from muster.model.rollout import Rollout, Strategy, UpdateKind
from muster.ports.store import Query

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


async def operation_on_all(scene, web, operation):
    nodes = [str(each.id) for each in await scene.nodes(web)]
    wish = await scene.wish(web, Verb.CLUSTER_OPERATION)
    inputs = {"operation": operation, "params": {}, "nodes": nodes}
    await scene.store.write(lambda tx: tx.actions.put(replace(wish, inputs=inputs)))
    return wish


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


# -- going


class Letters:
    """A hook that takes questions and can be out of order."""

    def __init__(self):
        self.asked = []

    async def post(self, question):
        self.asked.append(question)
