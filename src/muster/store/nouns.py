"""The rows of one noun: get, find, count, put, drop, over one connection."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Generic, TypeVar, cast
from uuid import UUID

import msgspec
from sqlalchemy import Connection, Select, Table, bindparam, func, select

from muster.ports.store import Query
from muster.store.queries import narrowed, page, whole
from muster.store.rows import Noun
from muster.store.writing import erase, upsert

T = TypeVar("T")
S = TypeVar("S")


@cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


# Note [Prepared]
# Putting a statement together takes longer than SQLite takes to answer it. The two that
# every pass asks several times, one row by its id and all rows of one cluster, are
# therefore put together once.
@cache
def _by_id(table: Table) -> Select[Any]:
    """See Note [Prepared]."""
    return select(table.c.body).where(table.c.id == bindparam("sought"))


@cache
def _by_cells(table: Table, names: tuple[str, ...]) -> Select[Any]:
    """See Note [Prepared]."""
    alike = (table.c[name] == bindparam(name) for name in names)
    return select(table.c.body).where(*alike).order_by(table.c.id)


class Rows(Generic[T]):
    def __init__(self, conn: Connection, noun: Noun[T]) -> None:
        self._conn = conn
        self._noun = noun

    def get(self, id: UUID) -> T | None:
        body = self._conn.execute(_by_id(self._noun.table), {"sought": str(id)}).scalar()
        return None if body is None else self._noun.values((body,))[0]

    def find(self, query: Query) -> list[T]:
        return self._noun.values(self._bodies(query))

    def find_as(self, query: Query, kind: type[S]) -> list[S]:
        decode: Callable[[str], S] = _decoder(cast(Any, kind)).decode
        return [decode(body) for body in self._bodies(query)]

    def _bodies(self, query: Query) -> Sequence[str]:
        if cells := whole(self._noun, query):
            statement = _by_cells(self._noun.table, tuple(cells))
            return self._conn.execute(statement, cells).scalars().all()
        statement = page(self._conn, self._noun, query, self._noun.table.c.body)
        return self._conn.execute(statement).scalars().all()

    def count(self, query: Query) -> int:
        counted = narrowed(self._conn, self._noun, query, select(func.count()))
        return int(self._conn.execute(counted).scalar_one())

    def put(self, *rows: T) -> None:
        upsert(self._conn, self._noun, [self._noun.row(row) for row in rows])

    def drop(self, *ids: UUID) -> None:
        erase(self._conn, self._noun, [str(id) for id in ids])
