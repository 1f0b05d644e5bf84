"""How often something may be set off: a bucket of turns for each, refilled as time passes."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

KEPT = 10_000  # of whom turns are counted; who was counted longest ago has all of them again


@dataclass(frozen=True, slots=True)
class _Turns:
    left: float
    at: datetime


class Turnstile:
    """Lets each through `per_minute` times, all at once or one after another; 0: always."""

    def __init__(self, per_minute: float = 60.0) -> None:
        self._per_minute = per_minute
        self._turns: OrderedDict[UUID, _Turns] = OrderedDict()

    def wait_s(self, id: UUID, now: datetime) -> float:
        """Take a turn and return 0; or, where none is left, return how long until there is one."""
        if not self._per_minute:
            return 0.0
        most = max(self._per_minute, 1.0)
        before = self._turns.pop(id, _Turns(most, now))
        passed = max((now - before.at).total_seconds(), 0.0)
        left = min(before.left + passed * self._per_minute / 60, most)
        through = left >= 1
        self._turns[id] = _Turns(left - 1 if through else left, now)
        if len(self._turns) > KEPT:
            self._turns.popitem(last=False)
        return 0.0 if through else (1 - left) * 60 / self._per_minute
