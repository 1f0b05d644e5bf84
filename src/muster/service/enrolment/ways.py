"""Ways in, as whoever runs the cluster makes them, sees them, and takes them back."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from muster.base.errors import Invalid, NotFound, Unsupported
from muster.base.handshake import COSTS, Terms, kept_of, key_of, new_terms
from muster.base.ids import new_id
from muster.base.secret import new_secret
from muster.model.enrolment import (
    NAME,
    NAME_MUST,
    PASSWORD_ID,
    Doorway,
    Enrolment,
    JoinString,
    Standing,
    standing,
)
from muster.ports.store import Query, Transaction
from muster.service.desk import Desk
from muster.service.intent import Intent, plain
from muster.service.lookup import as_id

# Of a secret made by chance there is nothing to guess: its key need not be slow to make.
QUICK = 1 << 4


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWay:
    way: Enrolment
    string: JoinString  # here and never again


async def listing(desk: Desk) -> list[Enrolment]:
    """Return the ways there are, used ones too until they would have expired; oldest first."""
    now = desk.clock.now()
    found = await desk.store.read(
        lambda tx: tx.enrolments.find(Query(sort=(("created_at", False),)))
    )
    return [each for each in found if not _over(each, now)]


def creation(desk: Desk, name: str, lasts: timedelta) -> Intent[NewWay]:
    """Return the intent to make a string that lets one machine in; "": whichever."""
    doorway = doorway_of(desk)
    if name and not NAME.fullmatch(name):
        raise Invalid(f"must be {NAME_MUST}", field="name")
    now, id, secret, terms = desk.clock.now(), new_id(), new_secret(), new_terms(QUICK)
    way = Enrolment(
        id=id,
        created_at=now,
        salt=terms.salt,
        cost=terms.cost,
        kept=kept_of(key_of(secret, terms)),
        name=name,
        expires_at=now + lasts,
    )
    said = JoinString(
        address=doorway.address, fingerprint=doorway.fingerprint, id=id, secret=secret
    )

    def keep(tx: Transaction) -> None:
        tx.enrolments.drop(*(each.id for each in tx.enrolments.find(Query()) if _over(each, now)))
        tx.enrolments.put(way)

    async def create() -> NewWay:
        await desk.store.write(keep)
        return NewWay(way=way, string=said)

    whom = f"machine {name}" if name else "one machine"
    return plain(create, f"make a string that lets {whom} in, for {lasts}")


def _over(way: Enrolment, now: datetime) -> bool:
    return standing(way, now) is Standing.EXPIRED


def password(desk: Desk, terms: Terms, kept: str) -> Intent[Enrolment]:
    """Return the intent to let in whoever knows a password, of which only this much is told."""
    doorway_of(desk)
    if terms.cost not in COSTS or not re.fullmatch("[0-9a-f]{32,128}", terms.salt):
        raise Invalid("is not what a password is kept as", field="salt")
    if not re.fullmatch("[0-9a-f]{64}", kept):
        raise Invalid("is not what a password is kept as", field="kept")
    way = Enrolment(
        id=PASSWORD_ID,
        created_at=desk.clock.now(),
        salt=terms.salt,
        cost=terms.cost,
        kept=kept,
    )

    async def put() -> Enrolment:
        await desk.store.write(lambda tx: tx.enrolments.put(way))
        return way

    return plain(put, "let machines in that know the password, instead of an earlier one")


async def removal(desk: Desk, said: str) -> Intent[None]:
    """Return the intent to close a way: a string by its id, or the password by that word."""
    id = PASSWORD_ID if said == "password" else as_id(said)
    known = await desk.store.read(lambda tx: tx.enrolments.get(id) if id else None)
    if known is None:
        raise NotFound(f"there is no way in called '{said}'")

    async def remove() -> None:
        await desk.store.write(lambda tx: tx.enrolments.drop(known.id))

    return plain(remove, f"let nobody in by {said} any more", reversible=False)


def doorway_of(desk: Desk) -> Doorway:
    if desk.doorway is None:
        text = "no machine is let in by this server: muster init --control on it opens the door"
        raise Unsupported(text)
    return desk.doorway
