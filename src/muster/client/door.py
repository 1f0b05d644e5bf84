"""The end of enrolment that joins: finds the door, proves itself, and brings back the grant."""

import json
import os
import socket
import ssl
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from types import TracebackType
from typing import Any
from uuid import UUID

import httpx2

from muster.base.clock import Clock
from muster.base.handshake import End, Line, Mismatch, Terms, kept_of, key_of
from muster.model.enrolment import PASSWORD_ID, VERSION, Grant, JoinString, MemberKey, Newcomer

PATIENCE_S = 60.0  # an Incus that has much to do takes its time over a token
CONNECT_S = 5.0
SKEW = timedelta(seconds=2)


class NotLetIn(Exception):
    """The machine could not join, in words that say what to do."""


class Silent(NotLetIn):
    """Nobody answers there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doorstep:
    """Where to go, with what, and whom to expect there."""

    address: str  # host:port
    secret: str
    way: UUID = PASSWORD_ID
    fingerprint: str = ""  # "": whoever knows the password

    @classmethod
    def of(cls, string: JoinString) -> "Doorstep":
        return cls(
            address=string.address,
            secret=string.secret,
            way=string.id,
            fingerprint=string.fingerprint,
        )


class Visit:
    """One conversation at the door. Closing it closes the connection."""

    def __init__(self, step: Doorstep, clock: Clock) -> None:
        self._step = step
        self._clock = clock
        shown = _shown(step.address)
        self.fingerprint = sha256(shown).hexdigest()
        if step.fingerprint and step.fingerprint != self.fingerprint:
            raise NotLetIn(
                f"{step.address} shows another certificate than the string says: this is not the "
                "control machine that made it, or somebody stands in between. Nothing was told "
                "to it"
            )
        self._http = httpx2.Client(
            base_url=f"https://{step.address}",
            verify=_pinned(shown),
            timeout=httpx2.Timeout(PATIENCE_S, connect=CONNECT_S),
            trust_env=False,
        )
        self._line: Line | None = None
        self._session = ""

    def __enter__(self) -> "Visit":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._http.close()

    def join(self, newcomer: Newcomer) -> Grant:
        """Return what the machine joins with. Raises `NotLetIn`."""
        terms = self._terms()
        try:
            key = key_of(self._step.secret, terms)
            line = self._met(kept_of(key))
            asked = {
                "key": key.hex(),
                "name": newcomer.name,
                "address": newcomer.address,
                "attempt": newcomer.attempt,
            }
            sealed = self._said(line, asked, "join")["sealed"]
            grant = _grant(json.loads(line.open(b64decode(sealed))))
        except Mismatch as error:
            raise NotLetIn(f"{self._step.address} does not know the secret: {error}") from None
        self._line = line
        return grant

    def tell(self, how: str, why: str = "") -> None:
        """Say whether the machine has `joined`, or has `failed` and why."""
        if self._line is not None:
            self._said(self._line, {"how": how, "why": why}, "tell")

    def _terms(self) -> Terms:
        began = self._clock.now()
        said = self._call("hello", {"version": VERSION, "way": str(self._step.way)})
        ended = self._clock.now()
        self._compare(datetime.fromisoformat(said["now"]), began, ended)
        return Terms(salt=said["salt"], cost=said["cost"])

    # Note [Clocks]
    # Tokens and certificates are good from one moment to another, and members tell who is dead
    # by their clocks. A machine whose clock is off joins, and is a riddle afterwards. What time
    # the answer took is given to it.
    def _compare(self, there: datetime, began: datetime, ended: datetime) -> None:
        """See Note [Clocks]."""
        off = max(began - there, there - ended)
        if off > SKEW:
            which = "behind" if there > ended else "ahead of"
            raise NotLetIn(
                f"the clock of this machine is {off.total_seconds():.0f} s {which} that of the "
                "control machine: set it (timedatectl set-ntp true), and run this again"
            )

    def _met(self, kept: str) -> Line:
        end = End(kept, self.fingerprint, joins=True)
        said = self._call("meet", {"way": str(self._step.way), "share": _text(end.share)})
        self._session = said["session"]
        return end.met(b64decode(said["share"]))

    def _said(self, line: Line, what: Mapping[str, str], where: str) -> Mapping[str, Any]:
        sealed = _text(line.seal(json.dumps(what).encode()))
        return self._call(where, {"session": self._session, "sealed": sealed})

    def _call(self, where: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            answer = self._http.post(f"/v1/door/{where}", json=body)
        except httpx2.HTTPError as error:
            text = f"{self._step.address} broke off: {error or type(error).__name__}"
            raise NotLetIn(f"{text}. Run this again") from None
        if answer.is_error:
            raise NotLetIn(_refusal(answer, self._step.address))
        return answer.json() if answer.content else {}


def new_attempt() -> str:
    """Return the word that an attempt is known by. See Note [Used, and begun again]."""
    return os.urandom(32).hex()


def _shown(address: str) -> bytes:
    """Return the certificate that is shown at an address; whose it is shows later."""
    host, _, port = address.rpartition(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((host.strip("[]"), int(port)), CONNECT_S) as plain,
            context.wrap_socket(plain) as wrapped,
        ):
            return wrapped.getpeercert(binary_form=True) or b""
    except OSError as error:
        raise Silent(
            f"no control machine answers at {address} ({error.strerror or error}). Initialise the "
            "control machine first (muster init --control on it), and see that this machine "
            "reaches that address"
        ) from None


def _pinned(certificate: bytes) -> ssl.SSLContext:
    """Return a context that talks to whoever has that very certificate, and to nobody else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=certificate)
    return context


def _text(said: bytes) -> str:
    return b64encode(said).decode()


def _grant(said: Mapping[str, Any]) -> Grant:
    own = tuple(MemberKey(**each) for each in said["own"])
    return Grant(**{**said, "own": own})


def _refusal(answer: httpx2.Response, address: str) -> str:
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"{address} is not the door of a control machine: it answered {answer.status_code}"
