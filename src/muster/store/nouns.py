"""The rows of one noun: get, find, count, put, drop, over one connection."""

from collections.abc import Callable
from functools import cache
from typing import Any, Generic, TypeVar, cast
from uuid import UUID

import msgspec
from sqlalchemy import Connection, func, select

from muster.ports.store import Query
from muster.store.queries import narrowed, page
from muster.store.rows import Noun
from muster.store.writing import erase, upsert

T = TypeVar("T")
S = TypeVar("S")


@cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


class Rows(Generic[T]):
    def __init__(self, conn: Connection, noun: Noun[T]) -> None:
        self._conn = conn
        self._noun = noun

    def get(self, id: UUID) -> T | None:
        table = self._noun.table
        body = self._conn.execute(select(table.c.body).where(table.c.id == str(id))).scalar()
        return None if body is None else self._noun.values((body,))[0]

    def find(self, query: Query) -> list[T]:
        statement = page(self._conn, self._noun, query, self._noun.table.c.body)
        return self._noun.values(self._conn.execute(statement).scalars().all())

    def find_as(self, query: Query, kind: type[S]) -> list[S]:
        statement = page(self._conn, self._noun, query, self._noun.table.c.body)
        decode: Callable[[str], S] = _decoder(cast(Any, kind)).decode
        return [decode(body) for body in self._conn.execute(statement).scalars().all()]

    def count(self, query: Query) -> int:
        counted = narrowed(self._conn, self._noun, query, select(func.count()))
        return int(self._conn.execute(counted).scalar_one())

    def put(self, *rows: T) -> None:
        upsert(self._conn, self._noun, [self._noun.row(row) for row in rows])

    def drop(self, *ids: UUID) -> None:
        erase(self._conn, self._noun, [str(id) for id in ids])
