"""What scaling rules would make of a load: the real decisions, over members made of arithmetic."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from muster.decide.plant import Plant, Trajectory, replay
from muster.decide.presets import Ours
from muster.decide.score import Score, score
from muster.model.cluster import Cluster
from muster.model.scaling import Metric, Scaling
from muster.model.who import Who
from muster.service import parts
from muster.service.ask import Ask, Fault, refuse
from muster.service.desk import Desk
from muster.service.lookup import find_stack

MOST_LOOKS = 20_000
_UNBOUNDED = 100_000
_CAN = (Metric.CPU, Metric.REQUESTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationAsk:
    """A load, rules that differ from those of the cluster, and what members are like."""

    points: Sequence[tuple[float, float]]  # seconds, load; ascending
    rules: Ask
    plant: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    trajectory: Trajectory
    score: Score
    plant: Plant


async def simulated(
    desk: Desk, who: Who, where: tuple[str, str], ask: SimulationAsk
) -> tuple[Simulated, ...]:
    """Return how the cluster at `where` would be sized: as it is ruled, and as is asked.

    Nothing is changed. Where the asked rules are its own, there is one answer. Raises `Invalid`
    for rules that contradict each other, or that are about what cannot be simulated.
    """
    cluster = await desk.store.read(lambda tx: find_stack(tx, who, *where))
    wanted, plant = _rules(ask.rules, cluster.scaling), _plant(cluster, ask)
    _refuse_many(ask, plant)
    now = desk.clock.now()
    runs: list[tuple[Ours, Plant]] = []
    if cluster.scaling and _simulable(cluster.scaling):
        own = _plant(cluster, replace(ask, rules=Ask()))
        runs.append((Ours(rules=cluster.scaling, name="now", epoch=now), own))
    if (wanted, plant) not in [(each.rules, at) for each, at in runs]:
        runs.append((Ours(rules=wanted, name="asked", epoch=now), plant))
    return tuple([await asyncio.to_thread(_run, ask, each, at) for each, at in runs])


def _run(ask: SimulationAsk, ours: Ours, plant: Plant) -> Simulated:
    trajectory = replay(ask.points, ours, plant)
    return Simulated(trajectory=trajectory, score=score(trajectory), plant=plant)


def _plant(cluster: Cluster, ask: SimulationAsk) -> Plant:
    said = ask.rules
    low = said.min_size if said.says("min_size") else cluster.bounds.low
    high = said.max_size if said.says("max_size") else cluster.bounds.high
    plant = Plant(low=low, high=_UNBOUNDED if high is None else high, **ask.plant)
    if plant.low > plant.high:
        refuse([Fault("min_size", f"({plant.low}) must be at most max_size ({plant.high})")])
    return plant


def _rules(ask: Ask, old: Scaling | None) -> Scaling:
    rules, faults = parts.scaling(ask, old)
    if told := (*ask.faults, *faults):
        refuse(told)
    if rules is None or not (rules.thresholds or rules.targets or rules.steps or rules.schedules):
        refuse([Fault("scale_out_threshold", "is needed: the cluster has no rule that sizes it")])
    if not _simulable(rules):
        refuse([Fault("metric", "must be cpu or requests to be simulated")])
    return rules


def _simulable(rules: Scaling) -> bool:
    named = {each.metric for each in rules.targets} | {each.metric for each in rules.steps}
    return named <= set(_CAN)


def _refuse_many(ask: SimulationAsk, plant: Plant) -> None:
    looks = (ask.points[-1][0] - ask.points[0][0]) / plant.step_s
    if looks > MOST_LOOKS:
        why = f"{looks:.0f} decisions are too many; at most {MOST_LOOKS}: raise step_seconds"
        refuse([Fault("load", why)])
