"""Warnings: listed, shown, acknowledged."""

from dataclasses import replace

from muster.base.errors import NotFound
from muster.model.warning import Warning, WarningStatus
from muster.ports.store import Query, Transaction
from muster.service.desk import Desk
from muster.service.lookup import as_id


async def listing(desk: Desk) -> list[Warning]:
    """Return every warning, the latest first."""
    query = Query(sort=(("last_at", True),))
    return await desk.store.read(lambda tx: tx.warnings.find(query))


async def show(desk: Desk, said: str) -> Warning:
    """Return one warning. Raises `NotFound`."""
    return await desk.store.read(lambda tx: _found(tx, said))


async def turned(desk: Desk, said: str, status: WarningStatus) -> None:
    """Say whether somebody knows of a warning; it goes by itself once it is over."""

    def work(tx: Transaction) -> None:
        there = replace(_found(tx, said), status=status, updated_at=desk.clock.now())
        tx.warnings.put(there)

    await desk.store.write(work)


def _found(tx: Transaction, said: str) -> Warning:
    id = as_id(said)
    there = tx.warnings.get(id) if id else None
    if there is None:
        raise NotFound(f"there is no warning '{said}'")
    return there
