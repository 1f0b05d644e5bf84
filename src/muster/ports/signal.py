"""Waking whoever waits, sooner than its next tick."""

from typing import Protocol

MARKS = "marks"  # some cluster wants a look
EVENTS = "events"  # something was appended
JOBS = "jobs"  # a cluster of servers was given something to do


class Signal(Protocol):
    """Wakes may be lost or come for nothing; whoever waits also looks on its own clock."""

    def wake(self, topic: str) -> None: ...

    async def wait(self, topic: str, timeout_s: float) -> bool:
        """Return True when woken, False when the time is over. A wake before is remembered."""
        ...
