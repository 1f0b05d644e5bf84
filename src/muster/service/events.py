"""What happened: list it, show it, follow it as it happens."""

from collections.abc import AsyncIterator, Callable, Sequence
from uuid import UUID

from muster.base.errors import NotFound
from muster.model.event import Event
from muster.model.who import Who
from muster.ports.signal import EVENTS
from muster.ports.store import Query, Transaction
from muster.service.desk import Desk
from muster.service.identity import is_prefix, several
from muster.service.lookup import as_id, find_cluster, sees

_PAGE = 500


async def listing(desk: Desk, query: Query) -> list[Event]:
    return await desk.store.read(lambda tx: tx.events.find(query))


async def show(desk: Desk, who: Who, said: str) -> Event:
    """Return the event of that id, or beginning of an id; events have no names."""
    return await desk.store.read(lambda tx: _find(tx, who, said))


def _find(tx: Transaction, who: Who, said: str) -> Event:
    id = as_id(said)
    event = tx.events.get(id) if id else None
    if event is not None and sees(who, event.project):
        return event
    prefix = said.lower()
    found = (
        tx.events.find(Query(project=who.scope, id_prefix=prefix, limit=2))
        if id is None and is_prefix(prefix)
        else []
    )
    if len(found) > 1:
        raise several(said)
    if not found:
        raise NotFound(f"The event '{said}' could not be found.")
    return found[0]


async def newest(desk: Desk) -> int:
    return await desk.store.read(lambda tx: tx.events.newest())


async def watched(desk: Desk, who: Who, said: str) -> UUID:
    """Return the id of the cluster to follow. Raises `NotFound` for those of others."""
    return await desk.store.read(lambda tx: find_cluster(tx, who, said).id)


def _page(who: Who, after: int) -> Callable[[Transaction], list[Event]]:
    return lambda tx: tx.events.after(after, _PAGE, who.scope)


async def follow(
    desk: Desk, who: Who, after: int, cluster: UUID | None, every_s: float
) -> AsyncIterator[Sequence[Event]]:
    """Yield what happens behind `after`, for ever, in order and without a gap.

    An empty page comes when nothing happened for `every_s`, so that whoever listens can tell
    a quiet time from a broken line.
    """
    spoke = desk.clock.now()
    while True:
        page = await desk.store.read(_page(who, after))
        if page:
            after = page[-1].seq
        mine = [each for each in page if cluster is None or each.cluster_id == cluster]
        quiet = (desk.clock.now() - spoke).total_seconds() >= every_s
        if mine or quiet:
            spoke = desk.clock.now()
            yield mine
        elif not page and not await desk.signal.wait(EVENTS, every_s):
            spoke = desk.clock.now()
            yield ()
