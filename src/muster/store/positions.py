"""Where pages ended, so that the next one begins there whatever has been written meanwhile."""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256
from threading import Lock
from typing import Any

from sqlalchemy import Connection

from muster.base.clock import Clock
from muster.base.errors import Unavailable
from muster.store.failures import TROUBLE
from muster.store.rows import micros

KEPT_FOR = timedelta(hours=1)  # who has not turned the page by then goes by the row as it is
TRIM_EVERY = timedelta(minutes=5)
RECENT = 4096  # the page that ended longest ago leaves a process's memory first
Places = Sequence[Any]
Rows = Sequence[tuple[str, int, str]]

_ENDED, _RECENT = "pages that ended", "pages in memory"
_READ = "SELECT body FROM pages WHERE id = "
_MARK = {"sqlite": "?", "postgresql": "$1"}
_SQLITE = (
    "INSERT INTO pages (id, at, body) VALUES (?, ?, ?) "
    "ON CONFLICT (id) DO UPDATE SET at = excluded.at, body = excluded.body"
)
# In order, lest two servers wait for each other. Nobody waits for the disk: a position that
# a power cut takes along costs no more than one that was never kept.
_POSTGRES = (
    "INSERT INTO pages (id, at, body) SELECT given.id, given.at, given.body "
    "FROM unnest($1::text[], $2::bigint[], $3::text[]) AS given (id, at, body), "
    "set_config('synchronous_commit', 'off', true) ORDER BY given.id "
    "ON CONFLICT (id) DO UPDATE SET at = excluded.at, body = excluded.body"
)


# Note [Where pages end]
# Whoever reads a list page by page names the last row that he was shown. By the time he does,
# that row may be gone, and nobody knows any more what comes after it; or it may have another name
# or status, and now stand where he has not been yet. So what a page's last row was sorted by is
# kept as it was when it was shown, and the next page begins after that. It is in the database,
# for the next page may be asked of another server, or of one begun anew. On PostgreSQL it is there
# before the page is answered. A file of SQLite has one server, which remembers the latest pages
# itself and writes them down soon after. What pages wait for is written together, and kept for
# an hour.
def digest(page: Any) -> str:
    """Return what a page is kept by; equal only for equal lists that end in the same row."""
    return sha256(repr(page).encode()).hexdigest()


def ended(conn: Connection, page: str, places: Places) -> None:
    """Note on the connection that a page ended here. See Note [Where pages end]."""
    conn.info.setdefault(_ENDED, {})[page] = list(places)


def taken(conn: Connection) -> Mapping[str, Places]:
    """Return, and forget, which pages ended on the connection."""
    found: Mapping[str, Places] = conn.info.pop(_ENDED, {})
    return found


def place_of(conn: Connection, page: str) -> Places | None:
    """Return where a page ended, None if that is not known."""
    recent: Recent | None = conn.info.get(_RECENT)
    if recent is not None and (known := recent.of(page)) is not None:
        return known
    body = conn.exec_driver_sql(_READ + _MARK[conn.dialect.name], (page,)).scalar()
    return None if body is None else list(json.loads(body))


def write(conn: Connection, rows: Rows, before: int | None) -> None:
    """Write where pages ended, and forget what is older than `before`."""
    if conn.dialect.name == "sqlite":
        conn.exec_driver_sql(_SQLITE, list(rows))
    else:
        ids, moments, bodies = zip(*rows, strict=True)
        conn.exec_driver_sql(_POSTGRES, (list(ids), list(moments), list(bodies)))
    if before is not None:
        mark = _MARK[conn.dialect.name]
        conn.exec_driver_sql(f"DELETE FROM pages WHERE at < {mark}", (before,))


class Recent:
    """The latest pages of the one process that has the database; threads share it."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Places] = OrderedDict()
        self._lock = Lock()

    def lent(self, _: object, record: Any) -> None:
        """Let a connection that was just opened find it."""
        record.info[_RECENT] = self

    def keep(self, pages: Mapping[str, Places]) -> None:
        with self._lock:
            for page, places in pages.items():
                self._known[page] = places
                self._known.move_to_end(page)
            while len(self._known) > RECENT:
                self._known.popitem(last=False)

    def of(self, page: str) -> Places | None:
        return self._known.get(page)


class Ledger:
    """Writes down where pages ended; those that come while it writes go into the next write."""

    def __init__(self, write: Callable[[Rows, int | None], Awaitable[None]], clock: Clock) -> None:
        self._write = write
        self._clock = clock
        self._waiting: dict[str, Places] = {}
        self._writing = asyncio.Lock()
        self._trimmed = clock.now()

    async def keep(self, pages: Mapping[str, Places]) -> None:
        """Return once these are written, or cannot be.

        A list is answered all the same then: its next page goes by the row as it is.
        """
        self._waiting.update(pages)
        async with self._writing:
            batch, self._waiting = self._waiting, {}
            if batch:
                with suppress(*TROUBLE, Unavailable):
                    await self._write(*self._due(batch))

    def _due(self, batch: Mapping[str, Places]) -> tuple[Rows, int | None]:
        now = self._clock.now()
        trims = now - self._trimmed >= TRIM_EVERY
        if trims:
            self._trimmed = now
        rows = [(page, micros(now), json.dumps(places)) for page, places in batch.items()]
        return rows, micros(now - KEPT_FOR) if trims else None
