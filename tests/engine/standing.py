"""Clusters in service, and updates of them."""

from dataclasses import replace

import builders
from engine.world import Scene
from muster.model.cluster import ClusterStatus
from muster.model.placement import Placement
from muster.model.pool import Condition, MemberState
from muster.model.rollout import Rollout, Strategy
from muster.model.scaling import Scaling, Thresholds


def serving(**but):
    return builders.a_service(**{"address": "", "drain_s": 3} | but)


async def a_standing_cluster(scene: Scene, size: int, **but):
    web = await scene.create(size, service=serving(), **but)
    await scene.with_ticks(5)
    assert (await scene.cluster(web)).status is ClusterStatus.ACTIVE
    return web


async def in_service(scene: Scene, cluster_id) -> set:
    """Return who may get requests now."""
    pool = await scene.cloud.balancer.pool(cluster_id)
    return {
        each.node_id
        for each in pool.members.values()
        if each.state is MemberState.SERVE and each.condition is not Condition.BAD
    }


def an_update(scene: Scene, **strategy) -> dict:
    now = scene.clock.now()
    rollout = Rollout(
        id=builders.node_id(builders.WEB, 1000),
        from_profile=builders.OLD,
        to_profile=builders.NEW,
        strategy=Strategy(**strategy),
        started_at=now,
        progress_at=now,
    )
    return {"rollout": rollout}


class Counting:
    def __init__(self, compute) -> None:
        self._compute = compute
        self.made: list[str] = []

    def __getattr__(self, name: str):
        self.made.append(name)
        return getattr(self._compute, name)


RULES = Scaling(
    thresholds=(Thresholds(high=0.7, low=0.2),), in_window_s=5, cooldown_s=0, warm_up_s=0
)


async def a_scaling_cluster(scene: Scene, placement: Placement | None = None, **scaling):
    rules = replace(RULES, **scaling)
    sizes = {"min_size": 1, "max_size": 8}
    return await a_standing_cluster(
        scene, 2, **sizes, scaling=rules, placement=placement or Placement()
    )
