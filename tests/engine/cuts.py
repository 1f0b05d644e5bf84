"""A cluster's life that is cut off at a chosen moment."""

import pytest

from engine.fate import Fated, PowerCut, fated
from engine.world import SIM, Scene
from muster.engine.pace import EnginePace
from muster.engine.worker import Engine
from muster.model.cluster import ClusterStatus
from muster.model.node import NodeStatus

# All moments take a minute; a prime step meets every kind of them.
EVERY = pytest.mark.parametrize("every", [pytest.param(1, marks=pytest.mark.slow), 97])


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
