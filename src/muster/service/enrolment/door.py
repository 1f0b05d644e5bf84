"""The door: machines come to it, prove that they know a way in, and get what they join with."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec

from muster.base.errors import Conflict, Forbidden, NotFound, TooOften
from muster.base.handshake import End, Line, Mismatch, Terms, opens
from muster.base.ids import new_id
from muster.base.secret import digest
from muster.model.enrolment import (
    MAKE_ONE,
    PASSWORD_ID,
    Enrolment,
    Grant,
    Newcomer,
    Seat,
    Standing,
    passed,
    refusal,
    standing,
    tried,
    wait_s,
)
from muster.model.event import About, Event, Level
from muster.ports.gate import Gate
from muster.ports.store import Transaction
from muster.service.desk import Desk
from muster.service.enrolment.ways import doorway_of

MEETING = timedelta(seconds=30)  # from the shares to the request
STAYING = timedelta(minutes=15)  # until the machine says how its joining went
WRONG = (
    "wrong password, or a string that is not this cluster's; or somebody stands between this "
    "machine and the control machine"
)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What a machine says under the line."""

    key: str  # hex: see Note [What is kept of a secret]
    name: str
    address: str
    attempt: str


class News(msgspec.Struct, frozen=True, kw_only=True):
    """How it went with the joining."""

    how: Literal["joined", "failed"]
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One machine at the door."""

    way: UUID
    line: Line
    until: datetime
    name: str = ""  # of the machine, once it was let in


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    session: UUID
    share: bytes


@dataclass(slots=True)
class Door:
    """Where machines come in. `welcomed` is told of each that has joined."""

    desk: Desk
    gate: Gate
    welcomed: Callable[[], Awaitable[None]]
    room: int = 64  # meetings at a time; the oldest gives way
    _sessions: dict[UUID, Session] = field(default_factory=dict)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)  # one is let in at a time

    async def terms(self, id: UUID) -> tuple[Terms, datetime]:
        """Return how a way's key is made, and what time it is here."""
        way = await self.desk.store.read(lambda tx: _way(tx, id))
        return Terms(salt=way.salt, cost=way.cost), self.desk.clock.now()

    async def meet(self, id: UUID, share: bytes) -> Met:
        """Return our share for theirs. Each meeting is a try, until it proves right."""
        now = self.desk.clock.now()

        def count(tx: Transaction) -> Enrolment:
            way = _way(tx, id)
            if rest := wait_s(way, now):
                text = f"too many wrong tries; the next is taken in {rest:.0f} s"
                raise TooOften(text, retry_after_s=rest)
            tx.enrolments.put(tried(way, now))
            return way

        way = await self.desk.store.write(count)
        end = End(way.kept, doorway_of(self.desk).fingerprint, joins=False)
        try:
            line = end.met(share)
        except Mismatch as error:
            raise Forbidden(str(error)) from None
        session = new_id()
        self._make_room(now)
        self._sessions[session] = Session(way=id, line=line, until=now + MEETING)
        return Met(session=session, share=end.share)

    async def join(self, id: UUID, sealed: bytes) -> bytes:
        """Return, sealed, what the machine joins with."""
        session = self._session(id)
        try:
            asked = msgspec.json.decode(session.line.open(sealed), type=Request)
        except (Mismatch, msgspec.DecodeError):
            del self._sessions[id]
            await self._refused(WRONG)
            raise Forbidden(WRONG) from None
        newcomer = Newcomer(name=asked.name, address=asked.address, attempt=digest(asked.attempt))
        async with self._turn:
            try:
                grant = await self._let_in(session, newcomer, bytes.fromhex(asked.key))
            except (Forbidden, Conflict, ValueError) as error:
                await self._refused(str(error), asked.name)
                raise
        stays = self.desk.clock.now() + STAYING
        self._sessions[id] = Session(
            way=session.way, line=session.line, until=stays, name=asked.name
        )
        return session.line.seal(msgspec.json.encode(grant))

    async def tell(self, id: UUID, sealed: bytes) -> None:
        """Hear how it went with the joining; of one that failed nothing is left here."""
        session = self._session(id)
        try:
            news = msgspec.json.decode(session.line.open(sealed), type=News)
        except (Mismatch, msgspec.DecodeError):
            raise Forbidden("this was not said by the machine that was let in") from None
        if not session.name:
            raise Forbidden("this machine was not let in")
        if news.how == "failed":
            await self.gate.withdraw(session.name)
            await self._note("member.failed", session.name, news.why, Level.WARN)
        else:
            await self.welcomed()
            await self._note("member.joined", session.name, "")

    async def _let_in(self, session: Session, newcomer: Newcomer, key: bytes) -> Grant:
        seats = tuple(await self.gate.seats())
        now = self.desk.clock.now()

        def use(tx: Transaction) -> None:
            way = _way(tx, session.way)
            if not opens(key, way.kept):
                raise Forbidden(WRONG)
            _check(way, now, newcomer.attempt)
            if why := refusal(newcomer, way, seats):
                raise Conflict(why)
            tx.enrolments.put(passed(way, now, newcomer.name, newcomer.attempt))

        await self.desk.store.write(use)
        if _is_left_over(newcomer, seats):
            await self.gate.withdraw(newcomer.name)
        return await self.gate.admit(newcomer.name)

    def _session(self, id: UUID) -> Session:
        session = self._sessions.get(id)
        if session is None or session.until <= self.desk.clock.now():
            raise NotFound("this took too long, or was begun with another server: begin again")
        return session

    def _make_room(self, now: datetime) -> None:
        """Forget who has not come back, and the oldest where there are too many."""
        for id, each in list(self._sessions.items()):
            if each.until <= now:
                del self._sessions[id]
        while len(self._sessions) >= self.room:
            del self._sessions[next(iter(self._sessions))]

    async def _refused(self, why: str, name: str = "") -> None:
        await self._note("member.refused", name, why, Level.WARN)

    async def _note(self, kind: str, name: str, why: str, level: Level = Level.INFO) -> None:
        told = Event(
            id=new_id(),
            at=self.desk.clock.now(),
            kind=kind,
            otype=About.CLOUD,
            oid=self.desk.installation,
            oname=name,
            project="",
            user="",
            level=level,
            reason=why,
        )
        await self.desk.store.write(lambda tx: tx.events.append(told))


def _is_left_over(newcomer: Newcomer, seats: tuple[Seat, ...]) -> bool:
    """Return whether an earlier try of the same machine has left a member that is not well."""
    return any(seat.name == newcomer.name for seat in seats)


def _way(tx: Transaction, id: UUID) -> Enrolment:
    """Return a way in. Whether it was used before is told only to whoever knows its secret."""
    way = tx.enrolments.get(id)
    if way is None and id == PASSWORD_ID:
        raise Forbidden(f"this cluster has no password, only strings; {MAKE_ONE}")
    if way is None:
        raise Forbidden(f"there is no such string, or not any more; {MAKE_ONE}")
    return way


def _check(way: Enrolment, now: datetime, attempt: str) -> None:
    match standing(way, now, attempt):
        case Standing.USED:
            text = f"this string has been used by '{way.used_by}', and is good once; {MAKE_ONE}"
            raise Forbidden(text)
        case Standing.EXPIRED:
            raise Forbidden(f"this string expired at {way.expires_at:%H:%M:%S} UTC; {MAKE_ONE}")
        case Standing.OPEN:
            return
