"""A `Query` as SQL: which rows, after which one, in which order."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Select,
    Text,
    and_,
    any_,
    bindparam,
    false,
    func,
    literal,
    or_,
    select,
)

from muster.base.errors import Bug
from muster.ports.store import Query
from muster.store.rows import Noun, cell

Keys = tuple[tuple[ColumnElement[Any], bool], ...]  # what to sort by, and whether descending


def page(conn: Connection, noun: Noun[Any], query: Query, *what: ColumnElement[Any]) -> Select[Any]:
    """Return the statement that selects `what` of the rows that `query` names, in its order."""
    keys = _keys(noun, query)
    statement = narrowed(conn, noun, query, select(*what))
    after = _marked(conn, noun, query, keys)
    if after is not None:
        statement = statement.where(_beyond(keys, after))
    statement = statement.order_by(*(_ordered(key, down) for key, down in keys))
    return statement if query.limit is None else statement.limit(query.limit)


def whole(noun: Noun[Any], query: Query) -> dict[str, Any]:
    """Return the one cell that each column must have; nothing if the query says more than that."""
    if query != Query(where=query.where) or any(len(each) != 1 for each in query.where.values()):
        return {}
    cells = {_column(noun, name).name: cell(value) for name, (value,) in query.where.items()}
    return {} if None in cells.values() else cells


def narrowed(
    conn: Connection, noun: Noun[Any], query: Query, statement: Select[Any]
) -> Select[Any]:
    """Return `statement` over just the rows that `query` names, whatever the page."""
    statement = statement.select_from(noun.table)
    if query.project is not None:
        statement = statement.where(_column(noun, "project") == query.project)
    for name, values in query.where.items():
        cells = [cell(value) for value in values]
        statement = statement.where(_among(conn, _column(noun, name), cells))
    if query.id_prefix:
        # "g" follows every character of an id, so this is the range of all with the prefix.
        prefix, key = cell(query.id_prefix), _column(noun, "id")
        statement = statement.where(key >= prefix, key < prefix + "g")
    return statement


def _column(noun: Noun[Any], name: str) -> Column[Any]:
    if name not in noun.table.c or name == "body":
        raise Bug(f"{noun.table.name} are not searched by {name!r}", column=name)
    return noun.table.c[name]


def _among(
    conn: Connection, column: ColumnElement[Any], cells: Sequence[Any]
) -> ColumnElement[Any]:
    """Say that the column has one of these values; one statement however many there are."""
    known = [each for each in cells if each is not None]
    null = [column.is_(None)] if len(known) < len(cells) else []
    if not known:
        return or_(false(), *null)
    if len(known) == 1:
        return or_(column == known[0], *null)
    if conn.dialect.name == "sqlite":
        each = func.json_each(json.dumps(known)).table_valued("value")
        return or_(column.in_(select(each.c.value)), *null)
    kind = ARRAY(BigInteger if isinstance(known[0], int) else Text)
    return or_(column == any_(bindparam(None, known, type_=kind, unique=True)), *null)


def _keys(noun: Noun[Any], query: Query) -> Keys:
    keys = [
        (noun.order[name] if name in noun.order else _column(noun, name), down)
        for name, down in query.sort
    ]
    if all(name != "id" for name, _ in query.sort):
        keys.append((_column(noun, "id"), False))
    return tuple(keys)


def _ordered(key: ColumnElement[Any], down: bool) -> ColumnElement[Any]:
    way = key.desc() if down else key.asc()
    if not getattr(key, "nullable", False):
        return way  # plain, so that an index can serve it
    return way.nulls_last() if down else way.nulls_first()


def _marked(conn: Connection, noun: Noun[Any], query: Query, keys: Keys) -> Sequence[Any] | None:
    """Return the sort values of the marker's row, None without one, or if it is not the
    caller's to know."""
    if query.marker is None:
        return None
    statement = select(*(key for key, _ in keys)).where(_column(noun, "id") == cell(query.marker))
    if query.project is not None:
        statement = statement.where(_column(noun, "project") == query.project)
    return conn.execute(statement).first()


def _beyond(keys: Keys, after: Sequence[Any]) -> ColumnElement[Any]:
    """Say that a row comes strictly after the marker's: equal in the first keys, then beyond."""
    ways = []
    for place, (key, down) in enumerate(keys):
        same = [
            (earlier.is_(None) if value is None else earlier == value)
            for (earlier, _), value in zip(keys[:place], after[:place], strict=True)
        ]
        ways.append(and_(*same, _follows(key, down, after[place])))
    return or_(*ways)


def _follows(key: ColumnElement[Any], down: bool, value: Any) -> ColumnElement[Any]:
    if value is None:
        return false() if down else key.is_not(None)
    if not down:
        return key > literal(value)
    return or_(key < literal(value), key.is_(None))
