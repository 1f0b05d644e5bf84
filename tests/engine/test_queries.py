"""Rules about what a query gives: followed, held where it gives nothing, apart from others'."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace

import pytest

from engine.world import SIM, Scene, a_scene
from muster.base.errors import Permanent
from muster.engine.worker import Engine
from muster.model.scaling import Metric, Scaling, Target, Verdict

QUERY = "avg(depth)"


@dataclass
class Answers:
    """A server of queries that gives what it is told to."""

    values: dict[str, float | None] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    together: int = 0
    most: int = 0

    async def value(self, query: str) -> float | None:
        self.asked.append(query)
        self.together += 1
        self.most = max(self.most, self.together)
        await asyncio.sleep(0)
        self.together -= 1
        if query not in self.values:
            raise Permanent("the query gives 2 numbers")
        return self.values[query]


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with a_scene() as made:
        yield made


def rules(query: str = QUERY, metric: Metric = Metric.PROMETHEUS) -> Scaling:
    return Scaling(targets=(Target(metric=metric, value=10),), query=query)


def engine_with(scene: Scene, answers: Answers) -> Engine:
    return scene.engine_on(replace(scene.cloud, metrics=answers))


async def sizes(scene: Scene, engine: Engine) -> Mapping[str, Verdict]:
    """Sample once, and return what was decided, by the metric in the inputs."""
    scene.clock.advance(1)
    return {d.reason: d.verdict for d in await engine.ticks.sample(SIM)}


async def test_a_cluster_follows_its_query(scene: Scene) -> None:
    id = await scene.create(2, min_size=1, max_size=9, scaling=rules())
    await scene.go_on(5)
    engine = engine_with(scene, Answers({QUERY: 25.0}))
    assert list((await sizes(scene, engine)).values()) == [Verdict.OUT]
    assert (await scene.cluster(id)).desired == 5


async def test_where_the_query_gives_nothing_or_is_wrong_the_size_is_held(scene: Scene) -> None:
    await scene.create(2, min_size=1, max_size=9, scaling=rules())
    await scene.go_on(5)
    for answers in (Answers({QUERY: None}), Answers()):
        decided = await sizes(scene, engine_with(scene, answers))
        assert list(decided.values()) == [Verdict.HOLD]
        assert "query" in next(iter(decided))


async def test_only_rules_about_it_are_asked_for(scene: Scene) -> None:
    await scene.create(2, min_size=1, max_size=9, scaling=rules(metric=Metric.CUSTOM))
    await scene.go_on(5)
    answers = Answers({QUERY: 25.0})
    await sizes(scene, engine_with(scene, answers))
    assert answers.asked == []


async def test_a_cloud_without_a_server_holds(scene: Scene) -> None:
    await scene.create(2, min_size=1, max_size=9, scaling=rules())
    await scene.go_on(5)
    assert list((await sizes(scene, scene.engine)).values()) == [Verdict.HOLD]
