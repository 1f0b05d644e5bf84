"""How often something may be set off: turns for each, which come back as time passes."""

from dataclasses import dataclass, replace
from datetime import datetime

from muster.model.receiver import Receiver


# Note [Turns]
# The turns of a webhook are kept in its row, so that however many processes answer calls, all
# together let no more through than one alone would.
@dataclass(frozen=True, slots=True)
class Turnstile:
    """Lets each through `per_minute` times, all at once or one after another; 0: always."""

    per_minute: float = 60.0

    def wait_s(self, receiver: Receiver, now: datetime) -> float:
        """Return how long until there is a turn; 0: there is one now."""
        if not self.per_minute:
            return 0.0
        return max(0.0, 1 - self._left(receiver, now)) * 60 / self.per_minute

    def passed(self, receiver: Receiver, now: datetime) -> Receiver:
        """Return the receiver with one turn less; it has one. See Note [Turns]."""
        if not self.per_minute:
            return receiver
        return replace(receiver, turns=self._left(receiver, now) - 1, turns_at=now)

    def _left(self, receiver: Receiver, now: datetime) -> float:
        most = max(self.per_minute, 1.0)
        if receiver.turns is None or receiver.turns_at is None:
            return most
        since = max((now - receiver.turns_at).total_seconds(), 0.0)
        return min(receiver.turns + since * self.per_minute / 60, most)
