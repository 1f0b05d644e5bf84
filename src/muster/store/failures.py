"""What the databases' own errors mean to us."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from muster.base.errors import Bug, MusterError, SchemaMismatch, Unavailable

# What a database raises for reasons of its own, besides SQLAlchemy's.
TROUBLE = (DBAPIError, PoolTimeout, sqlite3.Error, OSError, TimeoutError)


@dataclass(frozen=True, slots=True)
class Meaning:
    kind: Callable[[str], MusterError]
    text: str


_SQLITE: dict[int, Meaning] = {
    sqlite3.SQLITE_BUSY: Meaning(Unavailable, "the database is locked by another process"),
    sqlite3.SQLITE_LOCKED: Meaning(Unavailable, "the database is locked"),
    sqlite3.SQLITE_NOMEM: Meaning(Unavailable, "no memory is left for the database"),
    sqlite3.SQLITE_IOERR: Meaning(Unavailable, "the database's disk cannot be read or written"),
    sqlite3.SQLITE_CORRUPT: Meaning(Unavailable, "the database file is damaged: restore a backup"),
    sqlite3.SQLITE_FULL: Meaning(Unavailable, "the database's disk is full: make room on it"),
    sqlite3.SQLITE_CANTOPEN: Meaning(Unavailable, "the database file cannot be opened"),
    sqlite3.SQLITE_PERM: Meaning(Unavailable, "the database file may not be opened"),
    sqlite3.SQLITE_READONLY: Meaning(Bug, "a read tried to write, or the file may not be written"),
    sqlite3.SQLITE_NOTADB: Meaning(SchemaMismatch, "the file is no SQLite database"),
}

# By SQLSTATE, or its first two characters.
_POSTGRES: dict[str, Meaning] = {
    "08": Meaning(Unavailable, "the connection to the database was lost"),
    "25006": Meaning(Bug, "a read tried to write"),
    "28": Meaning(Unavailable, "the database does not accept the user or password"),
    "3D000": Meaning(Unavailable, "there is no such database: create it first"),
    "40": Meaning(Unavailable, "the database could not order competing changes"),
    "42501": Meaning(Unavailable, "the database user may not do this"),
    "53100": Meaning(Unavailable, "the database's disk is full: make room on it"),
    "53": Meaning(Unavailable, "the database has run out of something"),
    "55P03": Meaning(Unavailable, "the database is locked by somebody else"),
    "57": Meaning(Unavailable, "the database is shutting down or starting"),
    "58": Meaning(Unavailable, "the database's disk cannot be read or written"),
}


def meaning(error: BaseException) -> MusterError | None:
    """Return the error of ours that one of the database's stands for, None if it is a bug."""
    inner = getattr(error, "orig", None) or error
    if isinstance(inner, sqlite3.Error):
        code = getattr(inner, "sqlite_errorcode", 0) & 0xFF
        return _said(_SQLITE.get(code), inner)
    state = sqlstate(error)
    if state:
        return _said(_POSTGRES.get(state) or _POSTGRES.get(state[:2]), inner)
    if broken(error) or isinstance(error, OSError | TimeoutError | PoolTimeout):
        return Unavailable(f"the database does not answer: {inner}")
    return None


def sqlstate(error: BaseException) -> str:
    """Return PostgreSQL's code for the error, "" if it has none."""
    inner = getattr(error, "orig", None) or error
    return getattr(inner, "sqlstate", None) or ""


def again(error: BaseException) -> bool:
    """Tell whether the same work may well succeed if run again: it lost against another."""
    return sqlstate(error) in ("40001", "40P01")


def forgotten(error: BaseException) -> bool:
    """Tell whether a newer view may do: what is in this one was sealed by a key that is gone."""
    return isinstance(error, Unavailable) and "key" in error.details


def broken(error: BaseException) -> bool:
    """Tell whether the connection went away under the work."""
    return isinstance(error, DBAPIError) and error.connection_invalidated


def _said(meaning: Meaning | None, error: BaseException) -> MusterError | None:
    return None if meaning is None else meaning.kind(f"{meaning.text} ({error})")
