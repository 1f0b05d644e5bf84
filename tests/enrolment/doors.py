"""A door with a gate that remembers, and machines that come to it."""

import json
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from muster.base.handshake import End, Line, kept_of, key_of, new_terms
from muster.model.enrolment import (
    PASSWORD_ID,
    Doorway,
    Grant,
    JoinString,
    MemberKey,
    Seat,
)
from muster.service.desk import Desk
from muster.service.enrolment import ways
from muster.service.enrolment.door import Door

FINGERPRINT = "ab" * 32
DOORWAY = Doorway(address="10.0.0.1:8779", fingerprint=FINGERPRINT)
TOKEN = "the token of the servers"
QUICK = 1 << 4


@dataclass
class Servers:
    """The members there are, and what was done about others."""

    there: list[Seat] = field(
        default_factory=lambda: [Seat(name="m1", address="10.0.0.1:8443", well=True)]
    )
    admitted: list[str] = field(default_factory=list)
    withdrawn: list[str] = field(default_factory=list)
    welcomed: int = 0

    async def seats(self) -> list[Seat]:
        return self.there

    async def admit(self, name: str) -> Grant:
        self.admitted.append(name)
        own = (MemberKey(entity="storage-pool", name="local", key="source", value=""),)
        return Grant(name=name, address="10.0.0.1:8443", certificate="CERT", token=TOKEN, own=own)

    async def withdraw(self, name: str) -> None:
        self.withdrawn.append(name)

    async def welcome(self) -> None:
        self.welcomed += 1


@dataclass
class Machine:
    """One that comes to the door, and keeps all that goes to and fro."""

    door: Door
    way: UUID
    secret: str
    name: str = "m2"
    address: str = "10.0.0.2:8443"
    attempt: str = "a word of its own"
    sees: str = FINGERPRINT
    session: UUID | None = None
    line: Line | None = None
    traffic: list[bytes] = field(default_factory=list)

    async def meet(self) -> None:
        terms, _ = await self.door.terms(self.way)
        self.key = key_of(self.secret, terms)
        end = End(kept_of(self.key), self.sees, joins=True)
        met = await self.door.meet(self.way, end.share)
        self.session, self.line = met.session, end.met(met.share)
        self.traffic += [str(terms).encode(), end.share, met.share]

    def request(self) -> bytes:
        said = {
            "key": self.key.hex(),
            "name": self.name,
            "address": self.address,
            "attempt": self.attempt,
        }
        return self.line.seal(json.dumps(said).encode())

    async def join(self) -> dict:
        await self.meet()
        sealed = self.request()
        answer = await self.door.join(self.session, sealed)
        self.traffic += [sealed, answer]
        return json.loads(self.line.open(answer))

    async def tell(self, how: str, why: str = "") -> None:
        said = json.dumps({"how": how, "why": why}).encode()
        await self.door.tell(self.session, self.line.seal(said))


async def password_of(desk: Desk, secret: str) -> UUID:
    terms = new_terms(QUICK)
    await ways.password(desk, terms, kept_of(key_of(secret, terms))).do()
    return PASSWORD_ID


async def string_of(desk: Desk, name: str = "", minutes: int = 20) -> JoinString:
    made = await ways.creation(desk, name, timedelta(minutes=minutes)).do()
    return made.string
