"""Autoscalers to compare with, as their makers document them, and ours behind the same face."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import ceil, floor
from typing import Any

from muster.decide.forecast import History, Learned, foresee_load, subject
from muster.decide.plant import Autoscaler, View
from muster.decide.scaling import react, remembered
from muster.model.scaling import Crew, Metric, Mode, Past, Sample, Scaling

HAIR = 1e-9
KEPT_SAMPLES = 40
EPOCH = datetime(2030, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class OursMemory:
    past: Past = Past()
    samples: tuple[Sample, ...] = ()
    learned: Learned = Learned()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """Muster's own decision, under any rules. Shadow mode is replayed as if it were on.

    A floor learns on the way what it forecasts from, beginning with what is known `before`.
    """

    rules: Scaling
    name: str = "muster"
    epoch: datetime = EPOCH  # what second 0 is: schedules need to know
    before: History = History()

    def first(self) -> OursMemory:
        return OursMemory(learned=Learned(self.before, self.before.end))

    def decide(self, memory: OursMemory, view: View) -> tuple[OursMemory, int]:
        now = self.epoch + timedelta(seconds=view.now_s)
        rules = replace(self.rules, mode=Mode.ON) if self.rules.mode is Mode.SHADOW else self.rules
        samples = (*memory.samples, *_samples(view, self.epoch))[-KEPT_SAMPLES:]
        crew = Crew(
            desired=view.desired,
            ready=view.ready,
            warming=view.warming,
            low=view.plant.low,
            high=view.plant.high,
            boot_s=view.plant.boot_s,
        )
        learned = memory.learned
        if rules.floor is not None and rules.floor.enabled:
            learned = self._learned(learned, view)
            said = foresee_load(learned.history, rules, crew, self._second(view.now_s))
            crew = replace(crew, foreseen=said.size, outlook=said.why)
        decision = react(rules, samples, memory.past, crew, now)
        past = remembered(memory.past, decision, rules, crew, now)
        return OursMemory(past=past, samples=samples, learned=learned), decision.after

    def _learned(self, learned: Learned, view: View) -> Learned:
        reading, what = view.reading, subject(self.rules)
        mean = reading.cpu if what and what.metric is Metric.CPU else reading.requests
        load = None if mean is None else mean * max(reading.members, 1)
        return learned.seen(self._second(reading.at_s), load)

    def _second(self, at_s: float) -> float:
        """Return a second of the replay in seconds since 1970, as slots are counted."""
        return self.epoch.timestamp() + at_s


def _samples(view: View, epoch: datetime) -> Sequence[Sample]:
    reading, means = view.reading, (view.reading.cpu, view.reading.requests)
    at = epoch + timedelta(seconds=reading.at_s)
    return [
        Sample(metric=metric, at=at, mean=mean, members=reading.members)
        for metric, mean in zip((Metric.CPU, Metric.REQUESTS), means, strict=True)
    ]


Timed = tuple[tuple[float, int], ...]  # (second, size), oldest first


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainThresholds:
    """Above `high` one more, below `low` one less; then a pause for the cooldown."""

    high: float = 0.7
    low: float = 0.2
    cooldown_s: float = 60
    name: str = "thresholds ±1"

    def first(self) -> float | None:
        return None

    def decide(self, memory: float | None, view: View) -> tuple[float | None, int]:
        mean, size = view.reading.cpu, view.desired
        if mean is None or (memory is not None and view.now_s < memory + self.cooldown_s):
            return memory, size
        after = view.bounded(size + (mean > self.high) - (mean < self.low))
        return (view.now_s if after != size else memory), after


@dataclass(frozen=True, slots=True)
class Alarms:
    """The points of the last periods, newest last, and when the next one is made."""

    points: tuple[float | None, ...] = ()
    due_s: float = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsTargetTracking:
    """Out after three high points, in after fifteen low ones; never in while any warms."""

    target: float = 0.6
    period_s: float = 60
    to_high: int = 3
    to_low: int = 15
    name: str = "AWS target tracking"

    def first(self) -> Alarms:
        return Alarms()

    def decide(self, memory: Alarms, view: View) -> tuple[Alarms, int]:
        if view.now_s < memory.due_s:
            return memory, view.desired
        points = (*memory.points, view.reading.cpu)[-self.to_low :]
        after = Alarms(points, view.now_s + self.period_s)
        return after, view.bounded(self._size(points, view))

    def _size(self, points: tuple[float | None, ...], view: View) -> int:
        newest = [point for point in points if point is not None]
        if len(newest) < len(points) or not points:
            return view.desired
        need = newest[-1] / self.target
        if len(points) >= self.to_high and min(newest[-self.to_high :]) > self.target:
            return max(view.desired, ceil(view.ready * need - HAIR))
        if len(points) == self.to_low and max(newest) < 0.9 * self.target and not view.warming:
            return min(view.desired, ceil(view.desired * need - HAIR))
        return view.desired


@dataclass(frozen=True, slots=True)
class HpaMemory:
    recommended: Timed = ()
    sizes: Timed = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hpa:
    """Kubernetes' autoscaling/v2 with its defaults; members not ready count nothing."""

    target: float = 0.6
    tolerance: float = 0.1
    in_window_s: float = 300
    period_s: float = 15
    members: int = 4
    percent: int = 100
    name: str = "HPA v2"

    def first(self) -> HpaMemory:
        return HpaMemory()

    def decide(self, memory: HpaMemory, view: View) -> tuple[HpaMemory, int]:
        asked = self._recommended(view)
        window = _kept(memory.recommended, view.now_s - self.in_window_s)
        recommended = (*window, (view.now_s, asked))
        size = view.desired
        if asked < size:
            size = min(size, max(each for _, each in recommended))
        elif asked > size:
            size = min(asked, self._most(memory.sizes, view))
        sizes = (*_kept(memory.sizes, view.now_s - self.period_s), (view.now_s, view.desired))
        return HpaMemory(recommended, sizes), view.bounded(size)

    def _recommended(self, view: View) -> int:
        mean, size = view.reading.cpu, view.desired
        if mean is None or not view.ready:
            return size
        ratio = mean / self.target
        if abs(ratio - 1) <= self.tolerance:
            return size
        if not view.warming or ratio < 1:
            return ceil(ratio * view.ready - HAIR) if not view.warming else size
        # Out: what is not ready counts as carrying nothing, and may turn the answer round.
        spread = ratio * view.ready / size
        return max(size, ceil(spread * size - HAIR)) if spread > 1 + self.tolerance else size

    def _most(self, sizes: Timed, view: View) -> int:
        kept = _kept(sizes, view.now_s - self.period_s)
        start = kept[0][1] if kept else view.desired
        return max(start + self.members, floor(start * (1 + self.percent / 100)))


@dataclass(frozen=True, slots=True, kw_only=True)
class GcpMig:
    """The most that any moment of the last ten minutes asked for."""

    target: float = 0.6
    stabilize_s: float = 600
    name: str = "GCP MIG"

    def first(self) -> Timed:
        return ()

    def decide(self, memory: Timed, view: View) -> tuple[Timed, int]:
        mean = view.reading.cpu
        if mean is None:
            return memory, view.desired
        asked = ceil(view.reading.members * mean / self.target - HAIR)
        kept = (*_kept(memory, view.now_s - self.stabilize_s), (view.now_s, asked))
        return kept, view.bounded(max(each for _, each in kept))


def _kept(timed: Timed, since_s: float) -> Timed:
    return tuple(each for each in timed if each[0] > since_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """The CPU shares that presets aim at."""

    target: float = 0.6
    high: float = 0.7
    low: float = 0.2


PRESETS: Mapping[str, Callable[[Aim], Autoscaler[Any]]] = {
    "thresholds": lambda aim: PlainThresholds(high=aim.high, low=aim.low),
    "aws": lambda aim: AwsTargetTracking(target=aim.target),
    "hpa": lambda aim: Hpa(target=aim.target),
    "gcp": lambda aim: GcpMig(target=aim.target),
}
