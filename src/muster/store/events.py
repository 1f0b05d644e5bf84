"""The stream of events: appended at the end of a transaction, read in order, trimmed."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, delete, func, select, text

from muster.base.copies import altered
from muster.model.event import Event
from muster.ports.store import Query
from muster.store.queries import What, rows
from muster.store.rows import EVENTS, micros
from muster.store.tables import events as table
from muster.store.writing import add

_LOCK = text("SELECT pg_advisory_xact_lock(5059, 1)")


# Note [Order of events]
# A reader that has seen event 7 never looks for event 6 again, so 6 must not turn up
# later. SQLite has one writer. On PostgreSQL numbers are given out inside one lock
# that is held until the commit, so whatever has a smaller number was committed, or
# undone, before. To hold it as shortly as can be, events wait here until all other
# work of the transaction is done. Comparing transaction ids instead would need no
# lock, but there any long transaction in any database of the server stops the stream,
# and numbers start over when a backup is restored elsewhere.
class EventRows:
    """See Note [Order of events]."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self._waiting: list[Event] = []

    def append(self, *events: Event) -> None:
        self._waiting.extend(events)

    def flush(self) -> bool:
        """Number and write what waits, and return whether there was any."""
        if not self._waiting:
            return False
        if self._conn.dialect.name == "postgresql":
            self._conn.execute(_LOCK)
        add(self._conn, EVENTS, EVENTS.rows(self._waiting))
        self._waiting.clear()
        return True

    def after(self, seq: int, limit: int, project: str | None) -> list[Event]:
        self.flush()
        statement = select(table.c.seq, table.c.body).where(table.c.seq > seq)
        if project is not None:
            statement = statement.where(table.c.project == project)
        return _read(self._conn.execute(statement.order_by(table.c.seq).limit(limit)))

    def newest(self) -> int:
        self.flush()
        return self._conn.execute(select(func.max(table.c.seq))).scalar() or 0

    def get(self, id: UUID) -> Event | None:
        found = self.find(Query(where={"id": (id,)}))
        return found[0] if found else None

    def find(self, query: Query) -> list[Event]:
        self.flush()
        return _read(rows(self._conn, EVENTS, query, What.NUMBERED))

    def count(self, query: Query) -> int:
        self.flush()
        return int(rows(self._conn, EVENTS, query, What.COUNT)[0][0])

    def trim(self, before: datetime, project: str | None = None) -> int:
        old = delete(table).where(table.c.timestamp < micros(before))
        if project is not None:
            old = old.where(table.c.project == project)
        return self._conn.execute(old).rowcount


def _read(found: Iterable[Sequence[Any]]) -> list[Event]:
    pairs = [tuple(row) for row in found]
    values = EVENTS.values(body for _, body in pairs)
    return [altered(value, seq=seq) for value, (seq, _) in zip(values, pairs, strict=True)]
