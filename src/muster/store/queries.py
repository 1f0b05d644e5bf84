"""A `Query` as SQL: which rows, after which one, in which order."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Dialect,
    Integer,
    Select,
    Text,
    and_,
    any_,
    bindparam,
    false,
    func,
    or_,
    select,
)

from muster.base.errors import Bug
from muster.ports.store import Query
from muster.store.bare import Prepared, of_kind, prepared, run
from muster.store.positions import digest, ended, place_of
from muster.store.rows import Noun, cell

Keys = tuple[tuple[ColumnElement[Any], bool], ...]  # what to sort by, and whether descending


Row = tuple[Any, ...]


class What(StrEnum):
    """What is read of each row."""

    BODY = "body"
    NUMBERED = "numbered"  # its number in the stream, and the body
    KEYS = "keys"  # what it is sorted by
    COUNT = "count"  # of all of them


class Many(StrEnum):
    NONE = "none"
    ONE = "one"
    SEVERAL = "several"


# Note [Shapes]
# Putting a statement together takes longer than SQLite takes to answer it, and there are
# many queries, but few kinds of them. So a query is taken apart into its shape, which
# names columns and order, and its cells, which are the values: the text is made once for
# each shape and handed to the database with the cells.
@dataclass(frozen=True, slots=True)
class _Sought:
    """One column, and how many values it may have. See Note [Shapes]."""

    column: str
    many: Many
    null: bool  # it may also have none


@dataclass(frozen=True, slots=True)
class _Shape:
    """See Note [Shapes]."""

    what: What
    project: bool
    where: tuple[_Sought, ...]
    prefix: bool
    sort: tuple[tuple[str, bool], ...]
    after: tuple[bool, ...] | None  # for each key: whether the marker's row has none
    limit: bool
    placed: bool = False  # what each row is sorted by is read, too, and its id last


def rows(conn: Connection, noun: Noun[Any], query: Query, what: What = What.BODY) -> Sequence[Row]:
    """Return what was asked of the rows that `query` names; a count of them is one row."""
    paged = what in (What.BODY, What.NUMBERED)
    cells: dict[str, Any] = {}
    where = tuple(
        _sought(conn.dialect, name, values, cells) for name, values in query.where.items()
    )
    after = _marked(conn, noun, query) if paged and query.marker is not None else None
    if after is not None:
        cells.update((f"after{place}", value) for place, value in enumerate(after))
    if query.project is not None:
        cells["of_project"] = query.project
    if query.id_prefix:
        # "g" follows every character of an id, so this is the range of all with the prefix.
        cells["from_id"] = cell(query.id_prefix)
        cells["to_id"] = cells["from_id"] + "g"
    limited = paged and query.limit is not None
    if limited:
        cells["at_most"] = query.limit
    shape = _Shape(
        what=what,
        project=query.project is not None,
        where=where,
        prefix=bool(query.id_prefix),
        sort=tuple(query.sort),
        after=tuple(value is None for value in after) if after is not None else None,
        limit=limited,
        placed=limited and query.paged,
    )
    found = run(conn, _prepared(of_kind(conn), noun, shape), cells)
    return _placed(conn, noun, query, what, found) if shape.placed else found


def stamps(conn: Connection, noun: Noun[Any], many: int) -> Sequence[Row]:
    """Return the newest times of a change, which the index by them knows alone."""
    return run(conn, _stamps(of_kind(conn), noun), {"at_most": many})


@cache
def _stamps(dialect: Dialect, noun: Noun[Any]) -> Prepared:
    at = _column(noun, "updated_at")
    newest_first = select(at).where(at.is_not(None)).order_by(at.desc())
    return prepared(dialect, newest_first.limit(bindparam("at_most", type_=Integer)))


def _placed(
    conn: Connection, noun: Noun[Any], query: Query, what: What, found: Sequence[Row]
) -> Sequence[Row]:
    """Return the rows without their places, and remember where the last one stands."""
    width = 2 if what is What.NUMBERED else 1
    if found:
        *places, id = found[-1][width:]
        ended(conn, _page(noun, query, id), places)
    return [row[:width] for row in found]


def _page(noun: Noun[Any], query: Query, id: str) -> str:
    where = [(name, *map(str, values)) for name, values in sorted(query.where.items())]
    return digest((noun.table.name, query.reader, query.project, where, tuple(query.sort), id))


def _sought(dialect: Dialect, name: str, values: Sequence[Any], cells: dict[str, Any]) -> _Sought:
    """Return how a column is searched, and put what it is searched for into `cells`."""
    known = [cell(value) for value in values if value is not None]
    null = len(known) < len(values)
    if not known:
        return _Sought(name, Many.NONE, null)
    if len(known) == 1:
        cells[f"its_{name}"] = known[0]
        return _Sought(name, Many.ONE, null)
    cells[f"its_{name}"] = json.dumps(known) if dialect.name == "sqlite" else known
    return _Sought(name, Many.SEVERAL, null)


@cache
def _prepared(dialect: Dialect, noun: Noun[Any], shape: _Shape) -> Prepared:
    return prepared(dialect, _statement(dialect, noun, shape))


def _statement(dialect: Dialect, noun: Noun[Any], shape: _Shape) -> Select[Any]:
    keys = _keys(noun, shape.sort)
    places = [*(key for key, _ in keys), _column(noun, "id")] if shape.placed else []
    chosen = (*_chosen(noun, shape.what, keys), *(each.label(None) for each in places))
    statement = select(*chosen).select_from(noun.table)
    if shape.project:
        statement = statement.where(_column(noun, "project") == bindparam("of_project"))
    for sought in shape.where:
        statement = statement.where(_among(dialect, _column(noun, sought.column), sought))
    if shape.prefix:
        key = _column(noun, "id")
        statement = statement.where(key >= bindparam("from_id"), key < bindparam("to_id"))
    if shape.after is not None:
        statement = statement.where(_beyond(keys, shape.after))
    if shape.what in (What.BODY, What.NUMBERED):
        statement = statement.order_by(*(_ordered(key, down) for key, down in keys))
    return statement.limit(bindparam("at_most", type_=Integer)) if shape.limit else statement


def _chosen(noun: Noun[Any], what: What, keys: Keys) -> list[ColumnElement[Any]]:
    if what is What.COUNT:
        return [func.count()]
    if what is What.KEYS:
        return [key for key, _ in keys]
    body = noun.table.c.body
    return [noun.table.c.seq, body] if what is What.NUMBERED else [body]


def _column(noun: Noun[Any], name: str) -> Column[Any]:
    if name not in noun.table.c or name == "body":
        raise Bug(f"{noun.table.name} are not searched by {name!r}", column=name)
    return noun.table.c[name]


def _among(dialect: Dialect, column: Column[Any], sought: _Sought) -> ColumnElement[Any]:
    """Say that the column has one of these values; one statement however many there are."""
    null = [column.is_(None)] if sought.null else []
    name = f"its_{sought.column}"
    if sought.many is Many.NONE:
        return or_(false(), *null)
    if sought.many is Many.ONE:
        return or_(column == bindparam(name, type_=column.type), *null)
    if dialect.name == "sqlite":
        each = func.json_each(bindparam(name, type_=Text)).table_valued("value")
        return or_(column.in_(select(each.c.value)), *null)
    kind = ARRAY(BigInteger if column.type.python_type is int else Text)
    return or_(column == any_(bindparam(name, type_=kind)), *null)


def _keys(noun: Noun[Any], sort: Sequence[tuple[str, bool]]) -> Keys:
    keys = [
        (noun.order[name] if name in noun.order else _column(noun, name), down)
        for name, down in sort
    ]
    if all(name != "id" for name, _ in sort):
        keys.append((_column(noun, "id"), False))
    return tuple(keys)


def _ordered(key: ColumnElement[Any], down: bool) -> ColumnElement[Any]:
    way = key.desc() if down else key.asc()
    if not getattr(key, "nullable", False):
        return way  # plain, so that an index can serve it
    return way.nulls_last() if down else way.nulls_first()


def _marked(conn: Connection, noun: Noun[Any], query: Query) -> Sequence[Any] | None:
    """Return the sort values of the marker's row, None if it is not the caller's to know.

    See Note [Where pages end].
    """
    if query.paged and (known := place_of(conn, _page(noun, query, cell(query.marker)))):
        return known
    mine = Query(project=query.project, where={"id": (query.marker,)}, sort=query.sort)
    found = rows(conn, noun, mine, What.KEYS)
    return found[0] if found else None


def _beyond(keys: Keys, after: Sequence[bool]) -> ColumnElement[Any]:
    """Say that a row comes strictly after the marker's: equal in the first keys, then beyond.

    `after` says of each key whether the marker's row has none.
    """
    ways = []
    for place, (key, down) in enumerate(keys):
        same = [
            earlier.is_(None) if null else earlier == _mark(at, earlier)
            for at, ((earlier, _), null) in enumerate(zip(keys[:place], after[:place], strict=True))
        ]
        ways.append(and_(*same, _follows(key, down, after[place], place)))
    return or_(*ways)


def _mark(place: int, key: ColumnElement[Any]) -> ColumnElement[Any]:
    return bindparam(f"after{place}", type_=key.type)


def _follows(key: ColumnElement[Any], down: bool, null: bool, place: int) -> ColumnElement[Any]:
    if null:
        return false() if down else key.is_not(None)
    if not down:
        return key > _mark(place, key)
    return or_(key < _mark(place, key), key.is_(None))
