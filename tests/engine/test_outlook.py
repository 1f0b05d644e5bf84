"""Forecasts: what is learned is kept, what is foreseen acts once it has proved its worth."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

import pytest

from engine.test_queries import QUERY, Answers, engine_with
from engine.world import SIM, Scene, a_scene
from muster.decide.forecast import PER_DAY, SLOT_S
from muster.engine.worker import Engine
from muster.model.scaling import Decision, Floor, LoadDay, Metric, Scaling, Target
from muster.ports.store import Query

RULES = Scaling(
    targets=(Target(metric=Metric.PROMETHEUS, value=50),), query=QUERY, floor=Floor(enabled=True)
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
RUSH = 120  # the slot of each day in which it begins


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with a_scene() as made:
        yield made


def by_day(slot: int) -> float:
    return 2000.0 if RUSH <= slot % PER_DAY < RUSH + 24 else 100.0


async def learned(scene: Scene, id: UUID, load: Callable[[int], float], days: int = 4) -> int:
    """Keep what would be known after so many days; return the day that is under way."""
    today = int((scene.clock.now() - EPOCH) / timedelta(days=1))
    rows = [
        LoadDay(
            id=uuid5(id, f"load/{Metric.PROMETHEUS}/{day}"),
            cluster_id=id,
            project="default",
            metric=Metric.PROMETHEUS,
            at=EPOCH + timedelta(days=day),
            loads=tuple(load(slot) for slot in range(PER_DAY)),
        )
        for day in range(today - days, today + 1)
    ]
    await scene.store.write(lambda tx: tx.loads.put(*rows))
    return today


def move_to(scene: Scene, day: int, slot: int, second: float = 0) -> None:
    at = EPOCH + timedelta(days=day, seconds=slot * SLOT_S + second)
    scene.clock.advance((at - scene.clock.now()).total_seconds())


async def decided(engine: Engine) -> Decision:
    return (await engine.ticks.sample(SIM))[-1]


async def standing(scene: Scene, rules: Scaling = RULES) -> UUID:
    id = await scene.create(2, min_size=1, max_size=100, scaling=rules)
    await scene.go_on(5)
    return id


async def test_members_are_there_before_the_rush_of_every_day(scene: Scene) -> None:
    id = await standing(scene)
    today = await learned(scene, id, by_day)
    engine = engine_with(scene, Answers({QUERY: 50.0}))
    move_to(scene, today + 1, RUSH - 3)
    early = await decided(engine)
    assert (early.after, early.inputs["foreseen"]) == (2, 2)
    move_to(scene, today + 1, RUSH - 1, 30)
    before = await decided(engine)
    assert before.after == before.inputs["foreseen"] == 40
    assert "a forecast wants 40" in before.reason
    assert "in force: over the last" in before.outlook
    assert (await scene.cluster(id)).desired == 40


async def test_in_shadow_it_is_told_and_does_nothing(scene: Scene) -> None:
    id = await standing(scene, replace(RULES, floor=Floor(enabled=False)))
    today = await learned(scene, id, by_day)
    move_to(scene, today + 1, RUSH - 1, 30)
    seen = await decided(engine_with(scene, Answers({QUERY: 50.0})))
    assert (seen.after, seen.inputs["foreseen"]) == (2, 40)
    assert "in shadow: over the last" in seen.outlook


async def test_a_forecast_that_gains_nothing_does_not_act_and_says_why(scene: Scene) -> None:
    id = await standing(scene)
    today = await learned(scene, id, lambda slot: 400.0)
    move_to(scene, today + 1, RUSH)
    seen = await decided(engine_with(scene, Answers({QUERY: 50.0})))
    assert (seen.after, seen.inputs["foreseen"]) == (2, 8)
    assert "not in force: over the last" in seen.outlook


async def test_without_history_it_says_how_much_is_known(scene: Scene) -> None:
    await standing(scene)
    seen = await decided(engine_with(scene, Answers({QUERY: 50.0})))
    assert seen.after == 2
    assert seen.outlook == "no forecast yet: 0.0 h of a day are known"


async def test_what_was_measured_is_kept_slot_by_slot_and_known_to_the_next(scene: Scene) -> None:
    id = await standing(scene)
    today = int((scene.clock.now() - EPOCH) / timedelta(days=1)) + 1
    move_to(scene, today, PER_DAY - 2)
    answers = Answers()
    engine = engine_with(scene, answers)
    for load in (10.0, 30.0, 40.0, 40.0, None, None, 50.0):
        answers.values[QUERY] = load
        await engine.ticks.sample(SIM)
        scene.clock.advance(SLOT_S / 2)
    ours = Query(where={"cluster_id": (id,)}, sort=(("at", False),))
    first, second = await scene.store.read(lambda tx: tx.loads.find(ours))
    assert first.loads[-2:] == (2 * 20.0, 2 * 40.0)
    assert first.loads[0] is None
    assert second.loads[:2] == (None, None)
    engine = engine_with(scene, answers)
    seen = await decided(engine)
    assert seen.outlook == "no forecast yet: 0.2 h of a day are known"


async def test_it_goes_with_its_cluster(scene: Scene) -> None:
    id = await standing(scene)
    await learned(scene, id, by_day, days=1)
    await scene.delete(id)
    await scene.go_on(10)
    assert not await scene.exists(id)
    assert await scene.store.read(lambda tx: tx.loads.find(Query())) == []
