"""Whose turn it is: what only one of several engines may do at a time."""

from datetime import datetime, timedelta

from muster.base.clock import Clock
from muster.ports.fleeting import Fleeting
from muster.ports.store import Store


class Turns:
    """Leases on names, lengthened when half of one is over and not on every use."""

    def __init__(self, store: Store, clock: Clock, owner: str, lease: timedelta) -> None:
        self._store = store
        self._clock = clock
        self._owner = owner
        self._lease = lease
        self._until: dict[str, datetime] = {}

    async def ours(self, name: str) -> bool:
        """Return whether this engine is the one to do `name` now."""
        now = self._clock.now()
        until = self._until.get(name)
        if until and now < until - self._lease / 2:
            return True
        until = now + self._lease
        taken = await self._store.write(
            Fleeting(lambda tx: tx.leases.take(name, self._owner, now, until))
        )
        if taken:
            self._until[name] = until
        else:
            self._until.pop(name, None)
        return taken
