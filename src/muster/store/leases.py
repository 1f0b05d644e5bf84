"""Leases on names, and small facts about this installation."""

from datetime import datetime

from sqlalchemy import Connection, text

from muster.model.system import ACME_ACCOUNT, SHOWN_KEY
from muster.ports.agent import OUR_KEY
from muster.store.rows import micros
from muster.store.sealing import seal_of, sealing

SETTINGS, SECRET = "settings", (OUR_KEY, SHOWN_KEY, ACME_ACCOUNT)

_TAKE = text("""
INSERT INTO leases (name, owner, until) VALUES (:name, :owner, :until)
ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until = excluded.until
WHERE leases.owner = excluded.owner OR leases.until <= :now
RETURNING name
""")
_GIVE_UP = text("DELETE FROM leases WHERE owner = :owner")
_GET = text("SELECT value FROM settings WHERE name = :name")
_PUT = text("""
INSERT INTO settings (name, value) VALUES (:name, :value)
ON CONFLICT (name) DO UPDATE SET value = excluded.value
""")


class LeaseRows:
    def __init__(self, conn: Connection) -> None:
        self._conn = conn

    def take(self, name: str, owner: str, now: datetime, until: datetime) -> bool:
        lease = {"name": name, "owner": owner, "now": micros(now), "until": micros(until)}
        return self._conn.execute(_TAKE, lease).first() is not None

    def give_up(self, owner: str) -> None:
        self._conn.execute(_GIVE_UP, {"owner": owner})


class SettingRows:
    def __init__(self, conn: Connection) -> None:
        self._conn = conn

    def get(self, name: str) -> str | None:
        value: str | None = self._conn.execute(_GET, {"name": name}).scalar()
        return seal_of(self._conn).opened(SETTINGS, value) if value is not None else None

    def put(self, name: str, value: str) -> None:
        if name in SECRET:
            value = sealing(self._conn).closed(SETTINGS, value)
        self._conn.execute(_PUT, {"name": name, "value": value})
