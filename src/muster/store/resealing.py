"""Seal again what is sealed by an old key, or was written when there was none."""

from sqlalchemy import Connection, text

from muster.store.leases import SECRET, SETTINGS
from muster.store.rows import SEALED
from muster.store.sealing import seal_of


def resealed(conn: Connection) -> int:
    """See Note [What a seal is]. Returns how many rows were."""
    bodies = sum(_again(conn, noun.table.name, "id", "body") for noun in SEALED)
    return bodies + sum(_again(conn, SETTINGS, "name", "value", name) for name in SECRET)


def _again(conn: Connection, table: str, key: str, held: str, only: str = "") -> int:
    seal = seal_of(conn)
    if not seal.newest:
        return 0
    which = f" AND {key} = :only" if only else ""
    found = conn.execute(
        text(f"SELECT {key}, {held} FROM {table} WHERE {held} NOT LIKE :newest{which}"),
        {"newest": f"{seal.newest}%", **({"only": only} if only else {})},
    ).all()
    again = [
        {"key": one, "held": seal.closed(table, seal.opened(table, body))} for one, body in found
    ]
    if again:
        conn.execute(text(f"UPDATE {table} SET {held} = :held WHERE {key} = :key"), again)
    return len(again)
