"""The rows of one noun: get, find, count, put, drop, over one connection."""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any, Generic, TypeVar, cast
from uuid import UUID

import msgspec
from sqlalchemy import Connection

from muster.ports.store import Query
from muster.store.queries import What, rows, stamps
from muster.store.rows import Noun, moment
from muster.store.sealing import seal_of, sealing
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
        found = self.find(Query(where={"id": (id,)}))
        return found[0] if found else None

    def find(self, query: Query) -> list[T]:
        return self._noun.values(self._bodies(query))

    def find_as(self, query: Query, kind: type[S]) -> list[S]:
        decode: Callable[[str], S] = _decoder(cast(Any, kind)).decode
        return [decode(body) for body in self._bodies(query)]

    def _bodies(self, query: Query) -> list[str]:
        bodies = [body for (body,) in rows(self._conn, self._noun, query)]
        if not self._noun.sealed:
            return bodies
        seal, table = seal_of(self._conn), self._noun.table.name
        return [seal.opened(table, body) for body in bodies]

    def count(self, query: Query) -> int:
        return int(rows(self._conn, self._noun, query, What.COUNT)[0][0])

    def latest(self, many: int) -> list[datetime]:
        return [moment(at) for (at,) in stamps(self._conn, self._noun, many)]

    def put(self, *values: T) -> None:
        made = self._noun.rows(values)
        if self._noun.sealed:
            seal, table = sealing(self._conn), self._noun.table.name
            made = [(*row, seal.closed(table, body)) for *row, body in made]
        upsert(self._conn, self._noun, made)

    def drop(self, *ids: UUID) -> None:
        if self._noun.sealed:
            sealing(self._conn)
        erase(self._conn, self._noun, [str(id) for id in ids])
