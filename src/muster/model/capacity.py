"""How many: bounds, amounts, and ways to ask for a change."""

from dataclasses import dataclass
from math import ceil, floor


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    low: int = 0
    high: int | None = None


@dataclass(frozen=True, slots=True)
class Exactly:
    count: int


@dataclass(frozen=True, slots=True)
class By:
    count: int


@dataclass(frozen=True, slots=True)
class ByPercent:
    percent: float
    min_step: int = 0


Change = Exactly | By | ByPercent


@dataclass(frozen=True, slots=True)
class Refusal:
    """A no that is an answer and not an accident: callers must look at it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Amount:
    """A count, or a share of a cluster: `Amount(3)`, `Amount(25, percent=True)`."""

    value: int
    percent: bool = False

    def of(self, whole: int, *, up: bool) -> int:
        """Return how many of `whole` this is, a share rounded up or down as asked."""
        if not self.percent:
            return self.value
        return (ceil if up else floor)(whole * self.value / 100)

    def __str__(self) -> str:
        return f"{self.value}%" if self.percent else str(self.value)
