"""Marks and claims: which clusters want a look, and who looks."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select, text, update

from muster.base.clock import Clock
from muster.base.errors import Stale
from muster.ports.store import Claim
from muster.store.rows import EPOCH, micros, moment
from muster.store.tables import marks as table

_MARK = text("""
INSERT INTO marks (cluster_id, version, at_once, due, fence)
VALUES (:cluster_id, 1, :at_once, :due, 0)
ON CONFLICT (cluster_id) DO UPDATE SET
    version = marks.version + 1,
    at_once = CASE WHEN excluded.at_once > marks.at_once
                   THEN excluded.at_once ELSE marks.at_once END,
    due = CASE WHEN excluded.due < marks.due THEN excluded.due ELSE marks.due END
""")

_TAKE = text("""
UPDATE marks SET owner = :owner, fence = :fence, until = :until WHERE cluster_id = :cluster_id
""")

_STILL_HELD = text("SELECT version FROM marks WHERE cluster_id = :sought AND fence = :under")

# The counter of fences is no part of a row that goes away with its mark.
_COUNT = text("""
INSERT INTO settings (name, value) VALUES ('fence', :many)
ON CONFLICT (name) DO UPDATE SET value = CAST(settings.value AS INTEGER) + :many
RETURNING CAST(value AS INTEGER)
""")


# Note [Marks last]
# A wish writes its cluster and then marks it; a pass checks its claim and then writes
# its cluster. Taken in that order on PostgreSQL the two would wait for each other.
# So marks are written, and checked claims locked, at the end of every transaction and
# in the order of their ids. What was checked cannot have changed unseen: a mark that
# somebody wrote since the transaction began cannot be locked, and the work runs again.
class MarkRows:
    """See Note [Marks last]."""

    def __init__(self, conn: Connection, clock: Clock) -> None:
        self._conn = conn
        self._clock = clock
        self._asked: dict[str, dict[str, Any]] = {}
        self._checked: set[str] = set()

    def mark(self, *cluster_ids: UUID, due: datetime | None = None) -> None:
        at = self._clock.now() if due is None else due
        for each in cluster_ids:
            key, now = str(each), int(due is None)
            before = self._asked.get(key, {"at_once": now, "due": micros(at)})
            self._asked[key] = {
                "cluster_id": key,
                "at_once": max(now, before["at_once"]),
                "due": min(micros(at), before["due"]),
            }

    def flush(self) -> bool:
        """Write the marks and lock the checked claims; return whether anything was marked."""
        marked = [self._asked[key] for key in sorted(self._asked)]
        if self._checked and self._conn.dialect.name == "postgresql":
            locked = select(table.c.cluster_id).where(table.c.cluster_id.in_(self._checked))
            self._conn.execute(locked.order_by(table.c.cluster_id).with_for_update()).all()
        if marked:
            self._conn.execute(_MARK, marked)
        self._asked.clear()
        self._checked.clear()
        return bool(marked)

    def claim(self, owner: str, now: datetime, until: datetime, limit: int) -> list[Claim]:
        self.flush()
        wanted = select(table.c.cluster_id, table.c.version).where(_due(now), _free(now))
        oldest = wanted.order_by(table.c.due, table.c.cluster_id).limit(limit)
        found = self._conn.execute(oldest.with_for_update(skip_locked=True)).all()
        claims = [
            Claim(cluster_id=UUID(key), version=version, fence=fence, owner=owner, until=until)
            for (key, version), fence in zip(found, self._fences(len(found)), strict=True)
        ]
        if claims:
            self._conn.execute(_TAKE, [_lease(claim, until) for claim in claims])
        return claims

    def renew(self, claims: Sequence[Claim], until: datetime) -> list[Claim]:
        if not claims:
            return []
        mine = or_(*map(_held, claims))
        longer = update(table).where(mine).values(until=micros(until))
        kept = set(self._conn.execute(longer.returning(table.c.fence)).scalars())
        return [replace(each, until=until) for each in claims if each.fence in kept]

    def check(self, claim: Claim) -> None:
        self.flush()
        held = {"sought": str(claim.cluster_id), "under": claim.fence}
        if self._conn.execute(_STILL_HELD, held).first() is None:
            raise Stale("another engine has taken over", cluster=claim.cluster_id)
        self._checked.add(str(claim.cluster_id))

    def release(self, claim: Claim, look_at: datetime | None) -> None:
        self.flush()
        unchanged = and_(_held(claim), table.c.version == claim.version)
        free: dict[str, Any] = {"owner": None, "until": None}
        if look_at is None:
            settled = self._conn.execute(delete(table).where(unchanged)).rowcount
        else:
            later = update(table).where(unchanged)
            settled = self._conn.execute(
                later.values(at_once=0, due=micros(look_at), **free)
            ).rowcount
        if not settled:
            self._conn.execute(update(table).where(_held(claim)).values(at_once=1, **free))

    def due(self) -> datetime | None:
        """A claimed mark is due again when its lease ends, should nobody renew it."""
        self.flush()
        waiting = select(func.min(table.c.due), func.max(table.c.at_once))
        earliest, at_once = self._conn.execute(waiting.where(table.c.owner.is_(None))).one()
        if at_once:
            return EPOCH
        ends = self._conn.execute(select(func.min(table.c.until))).scalar()
        times = [each for each in (earliest, ends) if each is not None]
        return moment(min(times)) if times else None

    def lag(self, now: datetime) -> tuple[int, float]:
        self.flush()
        overdue = select(func.count(), func.min(table.c.due)).where(_due(now), _free(now))
        many, oldest = self._conn.execute(overdue).one()
        return many, max(0.0, (micros(now) - oldest) / 1e6) if many else 0.0

    def _fences(self, many: int) -> list[int]:
        if many == 0:
            return []
        if self._conn.dialect.name == "postgresql":
            counted = text("SELECT nextval('fences') FROM generate_series(1, :many)")
            return list(self._conn.execute(counted, {"many": many}).scalars())
        last = self._conn.execute(_COUNT, {"many": many}).scalar_one()
        return list(range(last - many + 1, last + 1))


def _due(now: datetime) -> ColumnElement[bool]:
    return or_(table.c.at_once == 1, table.c.due <= micros(now))


def _free(now: datetime) -> ColumnElement[bool]:
    return or_(table.c.owner.is_(None), table.c.until <= micros(now))


def _held(claim: Claim) -> ColumnElement[bool]:
    return and_(table.c.cluster_id == str(claim.cluster_id), table.c.fence == claim.fence)


def _lease(claim: Claim, until: datetime) -> dict[str, Any]:
    return {
        "cluster_id": str(claim.cluster_id),
        "owner": claim.owner,
        "fence": claim.fence,
        "until": micros(until),
    }
