"""Ways into the cluster for machines: a password, strings that are good once, and what they bring.

A way is kept as what was made of its secret, never as the secret itself.
"""

import binascii
import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID, uuid5

from muster.base.errors import Invalid

PASSWORD_ID = uuid5(UUID(int=0), "the password of the cluster")  # there is one at most
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
NAME_MUST = "small letters, digits and '-', at most 63"
VERSION = 1
FREE_TRIES = 3
WAITS_S = (15.0, 30.0, 60.0)  # after that many wrong tries more: five a minute at the most
FORGIVEN = timedelta(minutes=15)


class Standing(StrEnum):
    OPEN = "OPEN"
    USED = "USED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """One way in."""

    id: UUID
    created_at: datetime
    salt: str
    cost: int
    kept: str  # of the key: see Note [What is kept of a secret]
    name: str = ""  # the only machine that it is for; "": whichever
    expires_at: datetime | None = None  # None: until it is replaced, and for any number
    used_at: datetime | None = None
    used_by: str = ""
    attempt: str = ""  # digest of what the machine that used it can say again
    tries: int = 0  # that came to nothing, or are not over
    tried_at: datetime | None = None


# Note [Used, and begun again]
# A string is good once. But a machine whose joining broke off, its answer lost on the way or its
# power gone, has to be able to finish with the string that it has. It thought up a word of its
# own for its attempt; whoever says that word again is the same machine, and for him the string
# is open until it expires.
def standing(way: Enrolment, now: datetime, attempt: str = "") -> Standing:
    """Return how a way stands for the attempt of that digest. See Note [Used, and begun again]."""
    if way.expires_at is None:
        return Standing.OPEN
    if now >= way.expires_at:
        return Standing.EXPIRED
    used = way.used_at is not None and (not attempt or attempt != way.attempt)
    return Standing.USED if used else Standing.OPEN


def wait_s(way: Enrolment, now: datetime) -> float:
    """Return how long until the next try; 0: now."""
    if way.tried_at is None or way.tries < FREE_TRIES:
        return 0.0
    rest = WAITS_S[min(way.tries - FREE_TRIES, len(WAITS_S) - 1)]
    return max(0.0, rest - (now - way.tried_at).total_seconds())


def tried(way: Enrolment, now: datetime) -> Enrolment:
    """Return the way with one more try, which counts as wrong until it proves right."""
    quiet = way.tried_at is None or now - way.tried_at >= FORGIVEN
    return replace(way, tries=1 if quiet else way.tries + 1, tried_at=now)


def passed(way: Enrolment, now: datetime, name: str, attempt: str) -> Enrolment:
    """Return the way once somebody proved that he knows its secret, and may use it."""
    way = replace(way, tries=0, tried_at=None)
    if way.expires_at is None:
        return way
    return replace(way, used_at=now, used_by=name, attempt=attempt)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doorway:
    """Where machines come in."""

    address: str  # host:port
    fingerprint: str  # of the certificate that is shown there


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinString:
    """All that a machine needs to find the cluster, to know it, and to be let in."""

    address: str  # host:port
    fingerprint: str  # of the certificate that is shown there
    id: UUID
    secret: str

    def __str__(self) -> str:
        said = {
            "v": VERSION,
            "at": self.address,
            "is": self.fingerprint,
            "id": self.id.hex,
            "secret": self.secret,
        }
        return urlsafe_b64encode(json.dumps(said, separators=(",", ":")).encode()).decode()


MAKE_ONE = "make one on the control machine with: muster add-compute"


def read_string(said: str) -> JoinString:
    """Return what the string says. Raises `Invalid` for anything else, never showing it."""
    text = "".join(said.split())
    try:
        told = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if told["v"] != VERSION:
            text = f"this string is of version {told['v']}, which this Muster does not read"
            raise Invalid(text, field="join")
        host, _, port = str(told["at"]).rpartition(":")
        if not host or not port.isdecimal() or not re.fullmatch("[0-9a-f]{64}", told["is"]):
            raise ValueError
        return JoinString(
            address=str(told["at"]),
            fingerprint=told["is"],
            id=UUID(told["id"]),
            secret=str(told["secret"]),
        )
    except (binascii.Error, ValueError, KeyError, TypeError, AttributeError):
        text = f"this is no join string, or not all of it; {MAKE_ONE}"
        raise Invalid(text, field="join") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """A member of the cluster as the others see it."""

    name: str
    address: str  # host:port
    well: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomer:
    """A machine that asks to be let in, as it describes itself."""

    name: str
    address: str
    attempt: str  # what it says again where it begins again


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberKey:
    """A setting that every member has for itself, with the value of those that are there."""

    entity: str
    name: str
    key: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a machine needs to join, and no more."""

    name: str
    address: str  # of a member, host:port
    certificate: str  # PEM: what the members show
    token: str
    own: tuple[MemberKey, ...] = ()


def refusal(newcomer: Newcomer, way: Enrolment, seats: tuple[Seat, ...]) -> str:
    """Return why a machine cannot be let in as it describes itself, "" if it can."""
    if not NAME.fullmatch(newcomer.name):
        return f"a machine is called by {NAME_MUST}, not '{newcomer.name}'"
    if way.name and newcomer.name != way.name:
        return f"this string is for machine '{way.name}', and this one is '{newcomer.name}'"
    for seat in seats:
        if seat.address == newcomer.address and seat.name != newcomer.name:
            return f"address {seat.address} is that of member '{seat.name}': give another"
        if seat.name == newcomer.name and seat.address != newcomer.address:
            return f"there is a member '{seat.name}' at {seat.address}: call this machine otherwise"
        if seat.name == newcomer.name and seat.well:
            return f"'{seat.name}' at {seat.address} is a member already, and well"
    return ""
