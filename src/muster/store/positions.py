"""Where pages ended, so that the next one begins there whatever has been written meanwhile."""

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine

KEPT = 4096  # the page that ended longest ago is forgotten first
Key = tuple[Any, ...]


# Note [Where pages end]
# Whoever reads a list page by page names the last row that he was shown. By the time he does,
# that row may be gone, and nobody knows any more what comes after it; or it may have another name
# or status, and now stand where he has not been yet. So what a page's last row was sorted by is
# remembered as it was when it was shown, and the next page begins after that. It is kept in
# memory only: another process, or one begun anew, goes by the row as it is.
class Positions:
    """What the last rows of pages were sorted by. See Note [Where pages end]."""

    def __init__(self) -> None:
        self._known: OrderedDict[Key, Sequence[Any]] = OrderedDict()
        self._lock = Lock()

    def keep(self, key: Key, values: Sequence[Any]) -> None:
        with self._lock:
            self._known[key] = values
            self._known.move_to_end(key)
            if len(self._known) > KEPT:
                self._known.popitem(last=False)

    def of(self, key: Key) -> Sequence[Any] | None:
        return self._known.get(key)


_OF_ENGINES: WeakKeyDictionary[Engine, Positions] = WeakKeyDictionary()


def positions(conn: Connection) -> Positions:
    """Return what is remembered of the database behind this connection."""
    return _OF_ENGINES.setdefault(conn.engine, Positions())
