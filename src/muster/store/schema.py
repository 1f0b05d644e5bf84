"""Which version of the schema a database has, and bringing it to ours; backups."""

import asyncio
import fcntl
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, inspect, text

from muster.base.errors import Conflict, SchemaMismatch, Unavailable
from muster.store.bare import dbapi
from muster.store.failures import TROUBLE, meaning
from muster.store.sqlite import engine
from muster.store.tables import metadata
from muster.store.urls import Place, PostgresServer, SqliteFile, parsed

T = TypeVar("T")

REVISIONS = ("0001",)  # every one that this Muster knows, oldest first
HEAD = REVISIONS[-1]

_LOCK = text("SELECT pg_advisory_xact_lock(5059, 0)")


class Condition(StrEnum):
    EMPTY = "empty"  # nothing of ours in it yet
    CURRENT = "current"
    OLDER = "older"
    NEWER = "newer"
    FOREIGN = "foreign"  # somebody else's tables bear our names


_SAID = {
    Condition.EMPTY: "the database is empty: `muster db upgrade`, or starting Muster, sets it up",
    Condition.CURRENT: "the database is up to date",
    Condition.OLDER: "the database was written by an older Muster: run `muster db upgrade`",
    Condition.NEWER: "the database was written by a newer Muster: upgrade Muster, or restore "
    "a backup that this version wrote",
    Condition.FOREIGN: "the database holds tables of something else: give Muster one of its own",
}


@dataclass(frozen=True, slots=True)
class SchemaState:
    condition: Condition
    found: str | None  # the database's revision
    wanted: str = HEAD

    @property
    def text(self) -> str:
        return f"{_SAID[self.condition]} (schema {self.found or 'none'}, ours {self.wanted})"


def upgrade(url: str) -> SchemaState:
    """Bring the database to our schema, whatever else starts meanwhile, and say what it was."""
    place = parsed(url)
    return _over(place, lambda conn: prepared(conn, place))


def check(url: str) -> SchemaState:
    """Return how the database's schema stands to ours. Changes nothing, creates nothing."""
    place = parsed(url)
    if isinstance(place, SqliteFile) and place.path is not None and not place.path.exists():
        return SchemaState(Condition.EMPTY, None)
    return _over(place, state)


def backup(url: str, path: Path) -> None:
    """Write a whole, consistent copy to `path` while others go on working.

    SQLite: a database file. PostgreSQL: an archive for `pg_restore`. An existing file
    is refused; a copy that fails leaves none behind.
    """
    place = parsed(url)
    if path.exists():
        raise Conflict(f"{path} exists already: name another file", field="path")
    part = path.with_name(path.name + ".part")
    try:
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_CREAT | os.O_WRONLY, 0o600))
        _copied(place, part)
        part.rename(path)
    except TROUBLE as error:
        raise (meaning(error) or error) from error
    finally:
        part.unlink(missing_ok=True)


def prepared(conn: Connection, place: Place) -> SchemaState:
    """Bring an open database to our schema under a lock, and return how it stood before.

    Raises `SchemaMismatch` where that cannot be.
    """
    with _alone(conn, place), conn.begin():
        if isinstance(place, PostgresServer):
            conn.execute(_LOCK)
        before = state(conn)
        if before.condition in (Condition.NEWER, Condition.FOREIGN):
            raise SchemaMismatch(before.text, found=before.found)
        if before.condition is Condition.EMPTY:
            # Alembic takes a second to import; a test says that it would do the same.
            metadata.create_all(conn)
            conn.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
            conn.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})
        if before.condition is Condition.OLDER:
            _migrate(conn)
    return before


def state(conn: Connection) -> SchemaState:
    """Return how the schema of an open database stands to ours."""
    names = set(inspect(conn).get_table_names())
    if "alembic_version" not in names:
        foreign = names & set(metadata.tables)
        return SchemaState(Condition.FOREIGN if foreign else Condition.EMPTY, None)
    found = conn.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if found == HEAD:
        return SchemaState(Condition.CURRENT, found)
    known = found is None or found in REVISIONS
    return SchemaState(Condition.OLDER if known else Condition.NEWER, found)


# Note [Imported when needed]
# Alembic, and SQLAlchemy's asyncio side with the whole ORM behind it, take longer to
# import than everything else that Muster needs to start. Most starts, on SQLite with a
# schema that is ours already, need neither.
def _migrate(conn: Connection) -> None:
    """See Note [Imported when needed]."""
    from alembic.command import upgrade as run
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = conn
    run(config, "head")


@contextmanager
def _alone(conn: Connection, place: Place) -> Iterator[None]:
    """Be the only process that prepares this file, and have it write ahead.

    The lock is beside the file: turning to write-ahead does not wait for others, and a
    lock on the file itself would end when any of its descriptors is closed.
    """
    if isinstance(place, PostgresServer) or place.path is None:
        yield
        return
    with os.fdopen(os.open(f"{place.path}.lock", os.O_CREAT | os.O_WRONLY, 0o600)) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        dbapi(conn).execute("PRAGMA journal_mode = WAL")
        yield


def _over(place: Place, work: Callable[[Connection], T]) -> T:
    try:
        if isinstance(place, PostgresServer):
            # In a thread of its own, for the caller may be running a loop already.
            with ThreadPoolExecutor(1) as apart:
                return apart.submit(asyncio.run, _over_postgres(place, work)).result()
        with engine(place).connect() as conn:
            return work(conn)
    except TROUBLE as error:
        raise (meaning(error) or error) from error


async def _over_postgres(place: PostgresServer, work: Callable[[Connection], T]) -> T:
    # See Note [Imported when needed].
    from muster.store.postgres import one_off

    async with one_off(place).connect() as conn:
        return await conn.run_sync(work)


def _copied(place: Place, to: Path) -> None:
    if isinstance(place, PostgresServer):
        _dumped(place, to)
        return
    if place.path is None:
        raise Conflict("a database in memory has no backup", field="database_url")
    source = f"file:{place.path}?mode=ro"
    with closing(sqlite3.connect(source, uri=True)) as ours, closing(sqlite3.connect(to)) as copy:
        ours.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, complete by itself


def _dumped(place: PostgresServer, to: Path) -> None:
    program = shutil.which("pg_dump")
    if program is None:
        raise Unavailable("pg_dump is not on the PATH: install PostgreSQL's client programs")
    known = {
        "PGHOST": place.arguments.get("host"),
        "PGPORT": place.arguments.get("port"),
        "PGUSER": place.arguments.get("user"),
        "PGPASSWORD": place.arguments.get("password"),
        "PGDATABASE": place.arguments.get("database"),
        "PGSSLMODE": place.arguments.get("ssl"),
    }
    said = {name: str(value) for name, value in known.items() if value is not None}
    done = subprocess.run(
        [program, "--format=custom", "--no-owner", f"--file={to}"],
        env=os.environ | said,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise Unavailable(f"pg_dump failed: {done.stderr.strip()}")
