"""Statements that are put together once, and run with as little around them as can be."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import ClauseElement, Connection, Dialect


@dataclass(frozen=True, slots=True)
class Prepared:
    text: str
    names: tuple[str, ...]  # of the cells, in the order of the text
    constants: Mapping[str, Any]


# Note [One dialect of a kind]
# Every engine has a dialect of its own, and a store has several engines, but the text of a
# statement depends on the kind of database alone. Remembered by the dialect of an engine, each
# statement would be put together once for each, and kept when the engine is long gone.
_DIALECTS: dict[tuple[str, str], Dialect] = {}


def of_kind(conn: Connection) -> Dialect:
    """Return the dialect that statements are kept for. See Note [One dialect of a kind]."""
    own = conn.dialect
    return _DIALECTS.setdefault((own.name, own.driver), own)


@cache
def prepared(dialect: Dialect, statement: ClauseElement) -> Prepared:
    """Return a statement as text; for those that are kept, being remembered for ever."""
    compiled = statement.compile(dialect=dialect)
    names: tuple[str, ...] = tuple(getattr(compiled, "positiontup", None) or ())
    fixed = {name: compiled.params[name] for name in names if compiled.params[name] is not None}
    return Prepared(str(compiled), names, fixed)


# Note [Bare]
# To SQLite it takes a few microseconds to answer, and to SQLAlchemy a hundred to hand that
# on. Everything about a statement being known beforehand, there is nothing to be worked out
# from the answer, and so the connection is asked without it. Errors are SQLite's own then.
def run(conn: Connection, what: Prepared, cells: Mapping[str, Any]) -> Sequence[tuple[Any, ...]]:
    """Return the rows of an answer. See Note [Bare]."""
    if conn.dialect.name == "sqlite":
        return dbapi(conn).execute(what.text, _values(what, cells)).fetchall()
    return [tuple(row) for row in conn.exec_driver_sql(what.text, _values(what, cells))]


def changed(conn: Connection, what: Prepared, cells: Mapping[str, Any]) -> int:
    """Return how many rows it has changed. See Note [Bare]."""
    if conn.dialect.name == "sqlite":
        return dbapi(conn).execute(what.text, _values(what, cells)).rowcount
    return conn.exec_driver_sql(what.text, _values(what, cells)).rowcount


def _values(what: Prepared, cells: Mapping[str, Any]) -> tuple[Any, ...]:
    given = {**what.constants, **cells} if what.constants else cells
    return tuple(given[each] for each in what.names)


def dbapi(conn: Connection) -> sqlite3.Connection:
    """Return SQLite's own connection, for what must not begin a transaction by itself."""
    raw = conn.connection.dbapi_connection
    assert isinstance(raw, sqlite3.Connection)
    return raw
