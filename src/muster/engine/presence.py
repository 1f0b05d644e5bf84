"""That this engine is there: one row of its own, written anew every few seconds."""

from datetime import timedelta

from muster.engine.site import Site
from muster.model.engine import EngineSeen, engine_id
from muster.ports.store import Query, Transaction

SAY_EVERY = timedelta(seconds=10)
FORGOTTEN = timedelta(hours=1)  # after so long without a word a row is of no interest to anybody


class Presence:
    """The row of one engine, from its first word until it leaves or is forgotten."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._id = engine_id(site.pace.owner)
        self._began = site.clock.now()

    async def tell(self) -> None:
        """Say that this engine is there, and forget those that have long been silent."""
        now = self._site.clock.now()
        mine = EngineSeen(
            id=self._id,
            host=self._site.pace.owner.partition("/")[0],
            started_at=self._began,
            seen_at=now,
        )

        def work(tx: Transaction) -> None:
            gone = [e.id for e in tx.engines.find(Query()) if now - e.seen_at > FORGOTTEN]
            tx.engines.drop(*gone)
            tx.engines.put(mine)

        await self._site.store.write(work)

    async def leave(self) -> None:
        """Say that this engine is no longer there."""
        await self._site.store.write(lambda tx: tx.engines.drop(self._id))
