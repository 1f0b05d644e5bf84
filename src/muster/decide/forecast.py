"""What load to expect soon: as at this time of other weeks, by as much more as today is."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from math import ceil

from muster.model.scaling import Crew, Metric, Scaling

SLOT_S = 300
PER_DAY = 86400 // SLOT_S
PER_WEEK = 7 * PER_DAY
KEPT = 5 * PER_WEEK  # four weeks before each slot of the last one

NEWEST_MOST = (4, 3, 2, 1)  # how much the same slot of each earlier week weighs, newest first
RECENT = 6  # slots whose load says how today compares with other days: half an hour
GROWTH = (0.67, 1.5)
SURE = 0.9  # the forecast is to be too low in one slot of ten
LEAST_LEARNED = 12  # fewer errors than this say nothing about the next
HAIR = 1e-9


@dataclass(frozen=True)
class History:
    """The load of a cluster, slot by slot; `first` counts slots since 1970.

    Each load stands with what was expected of it the slot before, so that nobody judges a
    forecast by loads it was made from. See Note [Honest errors].
    """

    first: int = 0
    loads: tuple[float | None, ...] = ()
    errors: tuple[float, ...] = ()  # actual by expected, of slots where both are known

    @property
    def end(self) -> int:
        """The slot that is under way."""
        return self.first + len(self.loads)

    @property
    def known(self) -> int:
        return sum(each is not None for each in self.loads)

    def load(self, slot: int) -> float | None:
        place = slot - self.first
        return self.loads[place] if 0 <= place < len(self.loads) else None

    def with_next(self, slot: int, load: float | None) -> "History":
        """Return this history with one more slot over; slots between it and the last are gaps."""
        if not self.loads:
            return History(first=slot, loads=(load,))
        if slot < self.end:
            return self
        longer = (*self.loads, *repeat(None, min(slot - self.end, KEPT)), load)[-KEPT:]
        errors = (*self.errors, *self._error(slot, load))[-PER_WEEK:]
        return History(first=slot + 1 - len(longer), loads=longer, errors=errors)

    def _error(self, slot: int, load: float | None) -> Iterable[float]:
        expected = self._central(slot)
        if load is not None and expected:
            yield load / expected

    # Note [Honest errors]
    # How far a forecast may be trusted is seen from how wrong it was, and that only from
    # loads which it did not know. So the error of a slot is noted when the slot is over, with
    # what was expected of it before; the band above a forecast is what nine errors of ten
    # stay below. A forecast of a load without a pattern thus gets a wide band, costs much,
    # and does not pass the replay that has to speak for it.
    @cached_property
    def band(self) -> float:
        """By how much more than expected to reckon with. See Note [Honest errors]."""
        if len(self.errors) < LEAST_LEARNED:
            return 1.0
        ordered = sorted(self.errors)
        return max(1.0, ordered[min(ceil(SURE * len(ordered)) - 1, len(ordered) - 1)])

    @cached_property
    def growth(self) -> float:
        """How much more load there is than at this time of other days, within bounds."""
        return self._growth(self.end)

    def _growth(self, slot: int) -> float:
        actual = usual = 0.0
        for each in range(slot - RECENT, slot):
            load, level = self.load(each), self.level(each)
            if load is not None and level is not None:
                actual, usual = actual + load, usual + level
        low, high = GROWTH
        return min(max(actual / usual, low), high) if usual > 0 else 1.0

    def _central(self, slot: int) -> float | None:
        level = self.level(slot)
        return None if level is None else level * self._growth(min(slot, self.end))

    def level(self, slot: int) -> float | None:
        """Return the load that other weeks had in this slot; of other days if weeks are few."""
        weeks = self._earlier(slot, PER_WEEK)
        return weighted_median(weeks if len(weeks) > 1 else self._earlier(slot, PER_DAY))

    def _earlier(self, slot: int, apart: int) -> Sequence[tuple[float, int]]:
        slots = range(slot - apart, slot - 5 * apart, -apart)
        pairs = zip(map(self.load, slots), NEWEST_MOST, strict=True)
        return [(load, weight) for load, weight in pairs if load is not None]

    def expected(self, slots: Iterable[int]) -> float | None:
        """Return the largest load to reckon with in `slots`; None where nothing was learned."""
        levels = [level for slot in slots if (level := self.level(slot)) is not None]
        return max(levels) * self.growth * self.band if levels else None


@dataclass(frozen=True, slots=True)
class Learned:
    """A history that grows by readings: those of one slot become its mean when it is over."""

    history: History = History()
    slot: int = 0
    total: float = 0.0
    count: int = 0

    def seen(self, at_s: float, load: float | None) -> "Learned":
        """Return what is known with one more reading; None says that nobody could be asked."""
        slot = int(at_s // SLOT_S)
        if slot != self.slot:
            mean = self.total / self.count if self.count else None
            over = self.history.with_next(self.slot, mean) if self.slot else self.history
            return Learned(over, slot).seen(at_s, load)
        if load is None:
            return self
        return Learned(self.history, slot, self.total + load, self.count + 1)


def weighted_median(pairs: Sequence[tuple[float, int]]) -> float | None:
    """Return the value below which half of the weight lies; the upper of two in the middle."""
    half = sum(weight for _, weight in pairs) / 2
    for value, weight in sorted(pairs, reverse=True):
        half -= weight
        if half <= 0:
            return value
    return None


@dataclass(frozen=True, slots=True)
class Subject:
    """What is forecast: one metric, and how much of it a member is to have."""

    metric: Metric
    each: float


def subject(rules: Scaling) -> Subject | None:
    """Return what these rules size by, None if by nothing that can be forecast."""
    for target in rules.targets:
        return Subject(target.metric, target.value)
    for pair in rules.thresholds:
        return Subject(pair.metric, (pair.high + pair.low) / 2)
    for steps in rules.steps:
        for band in steps.bands:
            if band.change > 0 and band.above > 0:
                return Subject(steps.metric, band.above)
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """How many members a forecast wants, or why it says nothing."""

    size: int | None
    why: str


_UNIT: Mapping[Metric, str] = {Metric.CPU: " processors", Metric.REQUESTS: "/s"}


def foresee_load(history: History, rules: Scaling, crew: Crew, now_s: float) -> Foreseen:
    """Return how many members the load until a new one would be warm wants at most."""
    what = subject(rules)
    if what is None or rules.floor is None:
        return Foreseen(size=None, why="no rule says how much load a member is for")
    ahead_s = max(rules.floor.horizon_s, (crew.boot_s or 0.0) + (rules.warm_up_s or 0.0))
    slots = range(int(now_s // SLOT_S), int((now_s + ahead_s) // SLOT_S) + 1)
    load = history.expected(slots)
    if load is None:
        learned = history.known * SLOT_S / 3600
        return Foreseen(size=None, why=f"no forecast yet: {learned:.1f} h of a day are known")
    size = ceil(load / what.each - HAIR)
    unit = _UNIT.get(what.metric, "")
    told = f"up to {load:.3g}{unit} of {what.metric.value} within {ahead_s:g} s"
    sum_ = f"growth {history.growth:.2f}, band {history.band:.2f}"
    return Foreseen(size=size, why=f"a forecast wants {size}: {told} ({sum_})")
