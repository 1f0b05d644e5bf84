"""Many rows in one statement: the same for both databases but for how they take them.

SQLite takes tuples one after another; PostgreSQL one array per column, which it unnests.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table

from muster.store.rows import Noun

Row = tuple[Any, ...]

_MOVING = {"status", "updated_at"}


def upsert(conn: Connection, noun: Noun[Any], rows: Sequence[Row]) -> None:
    """Add these rows, replacing those with the same id; of twins the last one counts."""
    single = list({row[0]: row for row in rows}.values())
    if not single:
        return
    if conn.dialect.name == "sqlite":
        _upsert_sparingly(conn, noun, single)
    elif not noun.unique:
        conn.exec_driver_sql(_postgres(noun.table, noun.columns, "UPDATE"), _arrays(single))
    else:
        _upsert_guarded(conn, noun, single)


# Note [What indexes know]
# SQLite takes a row out of every index of which a column is set, and puts it in again, whether
# or not it stands where it stood: that is half of what changing a node costs. What is searched
# by seldom changes, so at first only rows where all of it is as before are changed, and none of
# it is set. If that leaves a row out, all are written with everything.
def _upsert_sparingly(conn: Connection, noun: Noun[Any], rows: list[Row]) -> None:
    """See Note [What indexes know]."""
    table, columns = noun.table, noun.columns
    changed = conn.exec_driver_sql(_sqlite(table, columns, "CHANGE"), rows).rowcount
    if changed != len(rows):
        conn.exec_driver_sql(_sqlite(table, columns, "UPDATE"), rows)


def add(conn: Connection, noun: Noun[Any], rows: Sequence[Row]) -> None:
    """Add these rows in this order, leaving those alone that are there already."""
    if not rows:
        return
    if conn.dialect.name == "sqlite":
        conn.exec_driver_sql(_sqlite(noun.table, noun.columns, "NOTHING"), list(rows))
    else:
        conn.exec_driver_sql(_postgres(noun.table, noun.columns, "NOTHING"), _arrays(rows))


def erase(conn: Connection, noun: Noun[Any], ids: Sequence[str]) -> None:
    if not ids:
        return
    name = noun.table.name
    if conn.dialect.name == "sqlite":
        conn.exec_driver_sql(f"DELETE FROM {name} WHERE id = ?", [(each,) for each in ids])
    else:
        conn.exec_driver_sql(f"DELETE FROM {name} WHERE id = ANY($1::text[])", (list(ids),))


# Note [Guards]
# On PostgreSQL two transactions that each look whether a name is free, and find it so,
# do not see each other's row: both would commit. Whoever brings a new name therefore
# also bumps one row per noun and project, on which the later one fails and is run
# again, now seeing the name. Rows that keep their name, as in every pass of an engine,
# do not touch it. SQLite has one writer and needs none of this.
def _upsert_guarded(conn: Connection, noun: Noun[Any], rows: Sequence[Row]) -> None:
    """See Note [Guards]."""
    table = noun.table.name
    statement = (
        f"WITH known AS (SELECT id, name FROM {table} WHERE id = ANY($1::text[])) "
        + _postgres(noun.table, noun.columns, "UPDATE")
        + f" RETURNING project, name, (SELECT k.name FROM known k WHERE k.id = {table}.id)"
    )
    done = conn.exec_driver_sql(statement, _arrays(rows)).all()
    for project in sorted({project for project, name, before in done if name != before}):
        conn.exec_driver_sql(
            "INSERT INTO guards (name, turn) VALUES ($1, 1) "
            "ON CONFLICT (name) DO UPDATE SET turn = guards.turn + 1",
            (f"{table}/{project}",),
        )


def _arrays(rows: Sequence[Row]) -> tuple[list[Any], ...]:
    return tuple(list(column) for column in zip(*rows, strict=True))


@cache
def _sqlite(table: Table, columns: tuple[str, ...], twin: str) -> str:
    marks = ", ".join("?" for _ in columns)
    into = f"{table.name} ({_named(columns)})"
    ending = _on_same(table, columns) if twin == "CHANGE" else _on_twin(columns, twin)
    return f"INSERT INTO {into} VALUES ({marks}) {ending}"


@cache
def _postgres(table: Table, columns: tuple[str, ...], twin: str) -> str:
    # In order, for rows that are numbered as they come.
    kinds = ("bigint" if table.c[each].type.python_type is int else "text" for each in columns)
    arrays = ", ".join(f"${place}::{kind}[]" for place, kind in enumerate(kinds, 1))
    return (
        f"INSERT INTO {table.name} ({_named(columns)}) SELECT {_named(columns)} "
        f"FROM unnest({arrays}) WITH ORDINALITY AS given ({_named(columns)}, place) "
        f"ORDER BY place {_on_twin(columns, twin)}"
    )


def _named(columns: tuple[str, ...]) -> str:
    return ", ".join(f'"{each}"' for each in columns)


def _on_twin(columns: tuple[str, ...], twin: str) -> str:
    if twin == "NOTHING":
        return "ON CONFLICT (id) DO NOTHING"
    return _set(each for each in columns if each != "id")


def _set(columns: Iterable[str]) -> str:
    changes = ", ".join(f'"{each}" = excluded."{each}"' for each in columns)
    return f"ON CONFLICT (id) DO UPDATE SET {changes}"


def _on_same(table: Table, columns: tuple[str, ...]) -> str:
    """Set what no index has, where all that any index has is as it was."""
    known = {each.name for index in table.indexes for each in index.columns} - _MOVING
    changes = (each for each in columns if each not in known and each != "id")
    same = "".join(
        f' AND {table.name}."{each}" IS excluded."{each}"' for each in columns if each in known
    )
    return f"{_set(changes)} WHERE true{same}"
