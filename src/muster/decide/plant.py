"""A cluster as arithmetic: replay a load against an autoscaler and see what it would have done."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from math import ceil
from typing import Protocol, TypeVar

M = TypeVar("M")

SLO_SHARE = 0.8  # a member busier than this answers too slowly


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """What the simulated members are like, and how they are measured."""

    boot_s: float = 120  # from asked for to ready
    mu: float = 100  # load that one member can carry at most
    low: int = 1
    high: int = 100
    start: int | None = None  # members at the beginning; None: what the first load demands
    step_s: float = 15  # between two looks, each of which is a decision
    delay_s: float = 0  # how old a reading is when it arrives
    average_s: float = 0  # over how long a reading is the mean; 0: of its moment
    noise: float = 0  # share by which readings are off at most, by hash and not by dice
    leak: float = 0  # share of its strength that the first member loses per minute
    silences: tuple[tuple[float, float], ...] = ()  # seconds from, to: no readings


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One look at the metrics; the means are per ready member."""

    at_s: float
    cpu: float | None  # 0 to 1: clipped, as processors are
    requests: float | None  # offered: not clipped
    members: int


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """All that an autoscaler may know at one look."""

    now_s: float
    reading: Reading
    desired: int
    ready: int
    plant: Plant

    @property
    def warming(self) -> int:
        return self.desired - self.ready

    def bounded(self, size: int) -> int:
        return max(self.plant.low, min(size, self.plant.high))


class Autoscaler(Protocol[M]):
    """A way of sizing, as a fold: what it remembers is passed in and comes out."""

    @property
    def name(self) -> str: ...

    def first(self) -> M:
        """Return what is remembered before the first look."""
        ...

    def decide(self, memory: M, view: View) -> tuple[M, int]:
        """Return what to remember, and the size from now on."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    at_s: float
    load: float
    demand: int  # the fewest members that keep their share of work under the objective
    supply: int  # ready members
    requested: int  # members paid for
    lost: float  # load beyond what the ready ones can carry
    wait_s: float  # of a request that arrives now, had none been turned away
    capacity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trajectory:
    name: str
    step_s: float
    ticks: tuple[Tick, ...]


class Load:
    """A load over time: straight lines between the given points (seconds, load)."""

    def __init__(self, points: Sequence[tuple[float, float]]) -> None:
        self.points = tuple(points)
        self._times = [time for time, _ in self.points]

    def at(self, second: float) -> float:
        place = bisect_right(self._times, second)
        if place == 0:
            return self.points[0][1]
        if place == len(self.points):
            return self.points[-1][1]
        (before, low), (after, high) = self.points[place - 1], self.points[place]
        return low + (high - low) * (second - before) / (after - before)

    def looks(self, step_s: float) -> Iterator[float]:
        start, end = self._times[0], self._times[-1]
        return (start + step_s * count for count in range(int((end - start) / step_s) + 1))


def demand(load: float, plant: Plant) -> int:
    """Return the fewest members that carry `load` within the objective."""
    return ceil(load / (plant.mu * SLO_SHARE) - 1e-9)


def replay(
    points: Sequence[tuple[float, float]], scaler: Autoscaler[M], plant: Plant
) -> Trajectory:
    """Return what becomes of a cluster under this load, look by look.

    A member is ready `boot_s` after it was asked for; the newest go first, those on
    the way before all. The same arguments give the same trajectory.
    """
    load, memory = Load(points), scaler.first()
    start = max(plant.low, demand(points[0][1], plant)) if plant.start is None else plant.start
    born = [points[0][0] - plant.boot_s] * start  # when each was asked for, oldest first
    ticks: list[Tick] = []
    waiting = 0.0
    for now in load.looks(plant.step_s):
        ready = bisect_right(born, now - plant.boot_s)
        tick = _tick(now, load.at(now), (ready, len(born)), plant, waiting)
        waiting = tick.wait_s * tick.capacity
        ticks.append(tick)
        view = View(
            now_s=now,
            reading=_reading(ticks, plant),
            desired=len(born),
            ready=ready,
            plant=plant,
        )
        memory, size = scaler.decide(memory, view)
        born = born[:size] + [now] * (size - len(born))
    return Trajectory(name=scaler.name, step_s=plant.step_s, ticks=tuple(ticks))


def _tick(now: float, load: float, crew: tuple[int, int], plant: Plant, waiting: float) -> Tick:
    ready, requested = crew
    strength = ready - (min(1.0, plant.leak * now / 60) if ready else 0.0)
    capacity = strength * plant.mu
    waiting = max(0.0, waiting + (load - capacity) * plant.step_s)
    return Tick(
        at_s=now,
        load=load,
        demand=demand(load, plant),
        supply=ready,
        requested=requested,
        lost=max(load - capacity, 0.0),
        wait_s=waiting / capacity if capacity else 0.0,
        capacity=capacity,
    )


def _reading(ticks: Sequence[Tick], plant: Plant) -> Reading:
    """Return the reading that has arrived by the last tick."""
    late = round(plant.delay_s / plant.step_s)
    newest = max(len(ticks) - 1 - late, 0)
    count = max(round(plant.average_s / plant.step_s), 1)
    seen = ticks[max(newest - count + 1, 0) : newest + 1]
    at, members = ticks[newest].at_s, ticks[newest].supply
    if any(start <= at < end for start, end in plant.silences):
        return Reading(at_s=at, cpu=None, requests=None, members=members)
    if not members:  # the balancer still counts who knocks
        return Reading(at_s=at, cpu=None, requests=ticks[newest].load, members=0)
    off = 1 + plant.noise * _chance(at)
    cpu = sum(min(tick.load / tick.capacity, 1.0) if tick.capacity else 1.0 for tick in seen)
    requests = sum(tick.load / max(tick.supply, 1) for tick in seen)
    return Reading(
        at_s=at,
        cpu=min(cpu / len(seen) * off, 1.0),
        requests=requests / len(seen) * off,
        members=members,
    )


def _chance(at: float) -> float:
    """Return a number between -1 and 1 that looks thrown and is not."""
    digest = blake2b(f"{at:.3f}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") / 2**31 - 1
