"""What a balancer says has changed is looked at, though the cluster itself is in order."""

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

from engine.standing import a_scaling_cluster, a_standing_cluster
from engine.world import SIM, a_scene
from muster.base.errors import Permanent
from muster.model.pool import PoolSeen
from muster.model.scaling import Metric, Scaling, Thresholds
from muster.ports.balancer import Balancer


@dataclass
class Altered:
    """A balancer that shows its pools otherwise than they are, until they are put again."""

    inner: Balancer
    owed: str = ""
    address: str = ""
    puts: int = 0

    async def pool(self, cluster_id: UUID) -> PoolSeen | None:
        pool = await self.inner.pool(cluster_id)
        if pool and self.owed:
            pool = replace(pool, owed=self.owed)
        if pool and self.address:
            [first, *_] = pool.members
            other = replace(pool.members[first], address=self.address)
            pool = replace(pool, members={**pool.members, first: other})
        return pool

    async def put_pool(self, wanted: Any) -> str:
        self.puts += 1
        self.owed = self.address = ""
        return await self.inner.put_pool(wanted)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


async def puts(*, owed: str = "", address: str = "") -> int:
    """Return how often the pool of a cluster in order is put when it comes to be shown so."""
    async with a_scene() as scene:
        await a_standing_cluster(scene, 2)
        altered = Altered(scene.cloud.balancer)
        engine = scene.engine_on(replace(scene.cloud, balancer=altered))
        for _ in range(3):
            scene.clock.advance(5)
            await engine.ticks.probe(SIM)
            await engine.settle()
            if not altered.puts:
                altered.owed, altered.address = owed, address
        return altered.puts


async def test_a_pool_that_is_as_it_should_be_is_let_alone() -> None:
    assert await puts() == 0


async def test_a_pool_that_is_owed_something_is_put_once_more() -> None:
    assert await puts(owed="somebody has to be told") == 1


async def test_a_member_at_another_address_is_noticed() -> None:
    assert await puts(address="192.0.2.7") == 1


@dataclass
class Silent:
    """A balancer that cannot say how one of its pools is."""

    inner: Balancer
    about: UUID

    async def pool(self, cluster_id: UUID) -> PoolSeen | None:
        if cluster_id == self.about:
            raise Permanent("its port is taken")
        return await self.inner.pool(cluster_id)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


async def test_a_pool_that_cannot_be_read_keeps_no_other_cluster_from_scaling() -> None:
    by_requests = Scaling(thresholds=(Thresholds(metric=Metric.REQUESTS, high=10, low=1),))
    async with a_scene() as scene:
        web = await a_scaling_cluster(scene)
        other = await a_standing_cluster(
            scene, 1, id=uuid4(), name="other", max_size=9, scaling=by_requests
        )
        silent = Silent(scene.cloud.balancer, other)
        engine = scene.engine_on(replace(scene.cloud, balancer=silent))
        scene.world.set_load(web, 100)
        for _ in range(30):
            scene.clock.advance(1)
            for tick in (engine.ticks.look, engine.ticks.probe, engine.ticks.sample):
                await tick(SIM)
            await engine.settle()
        assert (await scene.cluster(web)).desired > 2
        assert (await scene.cluster(other)).desired == 1
