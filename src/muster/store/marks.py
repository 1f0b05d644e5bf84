"""Marks and claims: which clusters want a look, and who looks."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ClauseElement,
    Connection,
    Integer,
    and_,
    bindparam,
    delete,
    func,
    literal,
    null,
    or_,
    select,
    text,
    update,
)

from muster.base.clock import Clock
from muster.base.errors import Stale
from muster.ports.store import Claim
from muster.store.bare import changed, of_kind, prepared, run
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

_MOMENT = BigInteger
_DUE = or_(table.c.at_once == 1, table.c.due <= bindparam("now", type_=_MOMENT))
_FREE = or_(table.c.owner.is_(None), table.c.until <= bindparam("now", type_=_MOMENT))
_HELD = and_(table.c.cluster_id == bindparam("sought"), table.c.fence == bindparam("under"))
_UNCHANGED = and_(_HELD, table.c.version == bindparam("seen"))
_NOBODYS = {"owner": null(), "until": null()}

_WAITING = (
    select(table.c.cluster_id, table.c.version)
    .where(_DUE, _FREE)
    .order_by(table.c.due, table.c.cluster_id)
    .limit(bindparam("at_most", type_=Integer))
    .with_for_update(skip_locked=True)
)
_STILL_HELD = select(table.c.version).where(_HELD)
_SETTLE = delete(table).where(_UNCHANGED)
_PUT_OFF = (
    update(table)
    .where(_UNCHANGED)
    .values(at_once=literal(0), due=bindparam("look_at", type_=_MOMENT), **_NOBODYS)
)
_GIVE_BACK = update(table).where(_HELD).values(at_once=literal(1), **_NOBODYS)
_RENEW = update(table).where(_HELD).values(until=bindparam("longer", type_=_MOMENT))
_EARLIEST = select(func.min(table.c.due), func.max(table.c.at_once)).where(table.c.owner.is_(None))
_ENDS = select(func.min(table.c.until))
_OVERDUE = select(func.count(), func.min(table.c.due)).where(_DUE, _FREE)

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
        found = self._rows(_WAITING, {"now": micros(now), "at_most": limit})
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
        longer = {"longer": micros(until)}
        mine = [each for each in claims if self._change(_RENEW, {**_held(each), **longer})]
        return [replace(each, until=until) for each in mine]

    def check(self, claim: Claim) -> None:
        self.flush()
        if not self._rows(_STILL_HELD, _held(claim)):
            raise Stale("another engine has taken over", cluster=claim.cluster_id)
        self._checked.add(str(claim.cluster_id))

    def release(self, claim: Claim, look_at: datetime | None) -> None:
        self.flush()
        seen = {**_held(claim), "seen": claim.version}
        if look_at is None:
            settled = self._change(_SETTLE, seen)
        else:
            settled = self._change(_PUT_OFF, {**seen, "look_at": micros(look_at)})
        if not settled:
            self._change(_GIVE_BACK, _held(claim))

    def due(self) -> datetime | None:
        """A claimed mark is due again when its lease ends, should nobody renew it."""
        self.flush()
        [(earliest, at_once)] = self._rows(_EARLIEST, {})
        if at_once:
            return EPOCH
        [(ends,)] = self._rows(_ENDS, {})
        times = [each for each in (earliest, ends) if each is not None]
        return moment(min(times)) if times else None

    def lag(self, now: datetime) -> tuple[int, float]:
        self.flush()
        [(many, oldest)] = self._rows(_OVERDUE, {"now": micros(now)})
        return many, max(0.0, (micros(now) - oldest) / 1e6) if many else 0.0

    def _rows(self, statement: ClauseElement, cells: Mapping[str, Any]) -> Sequence[Any]:
        return run(self._conn, prepared(of_kind(self._conn), statement), cells)

    def _change(self, statement: ClauseElement, cells: Mapping[str, Any]) -> int:
        return changed(self._conn, prepared(of_kind(self._conn), statement), cells)

    def _fences(self, many: int) -> list[int]:
        if many == 0:
            return []
        if self._conn.dialect.name == "postgresql":
            counted = text("SELECT nextval('fences') FROM generate_series(1, :many)")
            return list(self._conn.execute(counted, {"many": many}).scalars())
        last = self._conn.execute(_COUNT, {"many": many}).scalar_one()
        return list(range(last - many + 1, last + 1))


def _held(claim: Claim) -> dict[str, Any]:
    return {"sought": str(claim.cluster_id), "under": claim.fence}


def _lease(claim: Claim, until: datetime) -> dict[str, Any]:
    return {
        "cluster_id": str(claim.cluster_id),
        "owner": claim.owner,
        "fence": claim.fence,
        "until": micros(until),
    }
