"""Reading the database of the retired clustering service, as any of its releases left it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    DateTime,
    Dialect,
    Integer,
    MetaData,
    Table,
    Text,
    create_engine,
    inspect,
    select,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.types import TypeDecorator

from muster.base.errors import Invalid, Unavailable
from muster.model.retired import Retired, Row

DRIVERS = {"mysql": "mysql+pymysql", "mariadb": "mariadb+pymysql", "sqlite": "sqlite"}


class Document(TypeDecorator[Any]):
    """JSON kept as text, `null` as well as nothing for none."""

    impl = Text
    cache_ok = True

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return json.loads(value) if value else None


class Moment(TypeDecorator[datetime]):
    """A moment in UTC, written without saying so."""

    impl = DateTime
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value else None


class Id(TypeDecorator[UUID]):
    impl = Text
    cache_ok = True

    def process_result_value(self, value: str | None, dialect: Dialect) -> UUID | None:
        return UUID(value) if value else None


_metadata = MetaData()


def _table(name: str, /, **columns: Any) -> Table:
    return Table(name, _metadata, *(Column(each, kind) for each, kind in columns.items()))


_OWNED = {"id": Id, "name": Text, "user": Text, "project": Text, "domain": Text}
_DATED = {"created_at": Moment, "updated_at": Moment}

PROFILES = _table("profile", **_OWNED, **_DATED, type=Text, spec=Document, meta_data=Document)
POLICIES = _table("policy", **_OWNED, **_DATED, type=Text, spec=Document, data=Document)
CLUSTERS = _table(
    "cluster",
    **_OWNED,
    **_DATED,
    profile_id=Id,
    init_at=Moment,
    min_size=Integer,
    max_size=Integer,
    desired_capacity=Integer,
    next_index=Integer,
    timeout=Integer,
    status=Text,
    status_reason=Text,
    meta_data=Document,
    data=Document,
    dependents=Document,
    config=Document,
)
NODES = _table(
    "node",
    **_OWNED,
    **_DATED,
    physical_id=Text,
    cluster_id=Id,
    profile_id=Id,
    index=Integer,
    role=Text,
    init_at=Moment,
    tainted=Boolean,
    status=Text,
    status_reason=Text,
    meta_data=Document,
    data=Document,
    dependents=Document,
)
BINDINGS = _table(
    "cluster_policy",
    id=Id,
    cluster_id=Id,
    policy_id=Id,
    enabled=Boolean,
    priority=Integer,
    data=Document,
    last_op=Moment,
)
RECEIVERS = _table(
    "receiver",
    **_OWNED,
    **_DATED,
    type=Text,
    cluster_id=Id,
    action=Text,
    params=Document,
    channel=Document,
)
ACTIONS = _table("action", id=Id, target=Id, action=Text, status=Text)

_OVER = ("SUCCEEDED", "FAILED", "CANCELLED")


def read(url: str) -> Retired:
    """Return what the database holds, read in one transaction that writes nothing.

    `mysql://...` or `sqlite:///...`, as its own settings name it. Raises `Invalid` for what is no
    such database, `Unavailable` for one that does not answer.
    """
    with _opened(url) as conn:
        there = set(inspect(conn).get_table_names())
        lacking = [name for name in _metadata.tables if name not in there]
        if lacking:
            text = f"this is no database of the clustering service: it has no table {lacking[0]}"
            raise Invalid(f"{text}. Run the last release's `senlin-manage db_sync` on it first.")
        under_way = select(ACTIONS).where(ACTIONS.c.status.not_in(_OVER))
        return Retired(
            profiles=_rows(conn, PROFILES),
            policies=_rows(conn, POLICIES),
            clusters=_rows(conn, CLUSTERS),
            nodes=_rows(conn, NODES),
            bindings=_rows(conn, BINDINGS),
            receivers=_rows(conn, RECEIVERS),
            unfinished={
                row.target: f"{row.action} ({row.status})" for row in conn.execute(under_way)
            },
        )


def _rows(conn: Connection, table: Table) -> tuple[Row, ...]:
    """Return every row; a column that this release did not have is None."""
    there = {column["name"] for column in inspect(conn).get_columns(table.name)}
    known = [column for column in table.c if column.name in there]
    absent = {column.name: None for column in table.c if column.name not in there}
    found = conn.execute(select(*known).order_by(table.c.id)).mappings()
    return tuple({**absent, **row} for row in found)


@contextmanager
def _opened(url: str) -> Iterator[Connection]:
    place = _place(url)
    try:
        engine = create_engine(place)
    except ModuleNotFoundError:
        text = "reading MySQL needs PyMySQL: pip install 'muster[senlin]'"
        raise Unavailable(text) from None
    try:
        with engine.connect() as conn:
            yield conn
    except SQLAlchemyError as error:
        said = str(getattr(error, "orig", None) or error)
        raise Unavailable(f"cannot read {make_url(url).render_as_string()}: {said}") from error
    finally:
        engine.dispose()


def _place(url: str) -> URL:
    """Return the URL with a driver of ours, and SQLite opened so that nothing can be written."""
    try:
        said = make_url(url)
        kind = said.get_backend_name()
        driver = DRIVERS[kind]
    except (ArgumentError, NoSuchModuleError, KeyError):
        text = "must be mysql://user:password@host/senlin or sqlite:////path/to/senlin.sqlite"
        raise Invalid(text, field="from") from None
    if kind != "sqlite":
        return said.set(drivername=driver)
    if not said.database:
        raise Invalid("names no file: sqlite:////path/to/senlin.sqlite", field="from")
    return URL.create(
        "sqlite", database=f"file:{said.database}", query={"mode": "ro", "uri": "true"}
    )
