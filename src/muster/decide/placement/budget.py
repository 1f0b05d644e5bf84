"""How much of a limit is left, and whom to tell how far a search is."""

from typing import Protocol

from muster.model.placing import Limit, Progress

FOREVER = float("inf")


class Watch(Protocol):
    """What the caller knows and a decision may not: the time, and who wants to be told."""

    def seconds(self) -> float:
        """Return how many seconds have gone by since the problem was taken up."""
        ...

    def tell(self, progress: Progress) -> None: ...


class Unwatched:
    """No clock and nobody to tell: only the work is bounded."""

    def seconds(self) -> float:
        return 0.0

    def tell(self, progress: Progress) -> None:
        return None


# Note [Work before seconds]
# Every search stops after so much work, counted in its own steps: a fast machine and a slow
# one then give the same answer. One unit is about what takes a second. The seconds are a guard
# for a machine much slower than that; where they end a search, another run may get further.
class Budget:
    """What is left of a limit. See Note [Work before seconds]."""

    def __init__(self, limit: Limit, watch: Watch) -> None:
        self._limit = limit
        self._watch = watch
        self._work = limit.work
        self._until = limit.seconds

    @property
    def left(self) -> float:
        """Return how much more work may be done; 0 when it is over."""
        if self._watch.seconds() >= self._until:
            return 0.0
        return max(self._work, 0.0)

    @property
    def seconds(self) -> float:
        """Return how many seconds are left, at least a few hundredths."""
        return max(self._until - self._watch.seconds(), 0.02)

    def spend(self, work: float) -> None:
        self._work -= work

    def tell(self, placed: int, items: int, doing: str) -> None:
        self._watch.tell(Progress(placed, items, doing))

    def part(self, share: float) -> "Part":
        """Return a budget of this share of what is left; what it spends is spent here, too."""
        return Part(self, share)


class Part(Budget):
    def __init__(self, whole: Budget, share: float) -> None:
        super().__init__(whole._limit, whole._watch)
        self._whole = whole
        self._work = whole.left * share
        gone = self._watch.seconds()
        self._until = gone + max(whole._until - gone, 0.0) * share

    def spend(self, work: float) -> None:
        self._work -= work
        self._whole.spend(work)
