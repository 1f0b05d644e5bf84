"""Identity `basic`: HTTP Basic against a users file that is read again when it changes."""

import asyncio
import binascii
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from secrets import token_bytes
from weakref import WeakValueDictionary

from muster.base.clock import Clock
from muster.base.errors import Forbidden, Unknown
from muster.drivers.identity.users import User, hashed, load, verified
from muster.model.who import Who

FAILURES = 5  # in a row, then every further try waits
REST = timedelta(seconds=30)
KEPT = 1000  # names whose failures are remembered


@dataclass(frozen=True, slots=True)
class _Failures:
    count: int
    since: datetime


# Note [Slow on purpose, once]
# A scrypt hash costs tens of milliseconds so that a stolen file is of little use. Paying that
# on every request would make the service slow too, so a password that was right is remembered
# as a keyed digest, with a key that lives in this process only, until the file changes.
#
# Note [One guess after the other]
# Guesses that come at once would all be looked at before the first is counted. So a name's
# are looked at one by one: the sixth finds five failures, however many came together. A
# password that is remembered is no guess, so nobody's guesses lock out who is signed in.
class Basic:
    """Users of a file. `X-Project` chooses one of his projects; else his first one counts."""

    challenge = 'Basic realm="Muster", charset="UTF-8"'

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._read: tuple[int, int, int] | None = None
        self._users: Mapping[str, User] = {}
        self._failures: dict[str, _Failures] = {}
        self._right: dict[str, bytes] = {}
        self._guessing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._key = token_bytes(32)
        self._nobody = hashed("nobody")  # so that an unknown name takes as long as a known one

    async def who(self, headers: Mapping[str, str]) -> Who:
        name, password = _credentials(headers)
        known = blake2b(f"{name}\0{password}".encode(), key=self._key).digest()
        user = self._remembered(name, known) or await self._proven(name, password, known)
        return _in_project(user, headers.get("x-project", ""))

    def _remembered(self, name: str, known: bytes) -> User | None:
        """Return whose password was found right before. See Note [Slow on purpose, once]."""
        user = self._present().get(name)
        return user if self._right.get(name) == known else None

    async def _proven(self, name: str, password: str, known: bytes) -> User:
        """Return whose password that is. See Note [One guess after the other]."""
        async with self._guessing.setdefault(name, asyncio.Lock()):
            if waited := self._remembered(name, known):
                return waited
            self._refuse_hammering(name)
            user = self._present().get(name)
            kept = user.password if user else self._nobody
            if not await asyncio.to_thread(verified, password, kept) or user is None:
                self._count_failure(name)
                raise Unknown("user or password is wrong")
            self._failures.pop(name, None)
            if self._present().get(name) == user:
                self._right[name] = known
            return user

    def projects(self, user: str) -> Mapping[str, tuple[str, ...]]:
        there = self._present().get(user)
        return there.projects if there else {}

    def _present(self) -> Mapping[str, User]:
        """Return the users of the file as it is now."""
        try:
            stat = self._path.stat()
            seen = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        except FileNotFoundError:
            seen = (0, 0, 0)
        if seen != self._read:
            self._users = load(self._path)
            self._read = seen
            self._right.clear()
        return self._users

    def _refuse_hammering(self, name: str) -> None:
        failures = self._failures.get(name)
        if failures is None or failures.count < FAILURES:
            return
        left = failures.since + REST - self._clock.now()
        if left > timedelta():
            text = f"too many failures; try again in {left.total_seconds():.0f} s"
            raise Unknown(text, retry_after_s=left.total_seconds())

    def _count_failure(self, name: str) -> None:
        if len(self._failures) >= KEPT:
            self._failures.pop(next(iter(self._failures)))
        before = self._failures.get(name)
        count = before.count + 1 if before else 1
        self._failures[name] = _Failures(count, self._clock.now())


def _credentials(headers: Mapping[str, str]) -> tuple[str, str]:
    kind, _, said = headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        raise Unknown("say who you are: user and password by HTTP Basic, or a token")
    try:
        name, colon, password = b64decode(said, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise Unknown("the Authorization header is not readable") from None
    if not colon:
        raise Unknown("the Authorization header is not readable")
    return name, password


def _in_project(user: User, wanted: str) -> Who:
    project = wanted or next(iter(user.projects), "")
    if project not in user.projects:
        known = ", ".join(user.projects) or "none"
        raise Forbidden(f"{user.name} is not in project {project!r}; his projects: {known}")
    return Who(user=user.name, project=project, roles=user.projects[project])
