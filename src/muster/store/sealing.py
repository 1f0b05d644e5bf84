"""Seal rows that hold what is secret, by keys of a file that is no part of the database."""

import asyncio
import fcntl
import os
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, text

from muster.base.errors import Invalid, Unavailable
from muster.base.ids import new_id
from muster.base.secret import new_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_SEAL = "seal"
_MARK = "sealed:1:"  # then which key, then what was sealed: see Note [What a seal is]
_KEY_B, _NONCE_B = 32, 12

# Note [What a seal is]
# A body is sealed as a whole by AES-256-GCM, bound to the table that it is in, and what is searched
# by stays in its columns. Before it stands by which key, so that rows sealed by several can be read
# while a key is changed for another. A file of keys has one in each line, its name and itself; the
# last one seals. It is read anew whenever it is another file, so a service that runs seals by a new
# key at once. A row that is not sealed is one from before there were seals: it is read as it is,
# and sealed the next time that a server starts or a key is changed.


@dataclass(frozen=True, slots=True)
class _Keys:
    newest: str
    known: "Mapping[str, AESGCM]"
    stamp: tuple[int, int]  # which file it was


@dataclass
class Seal:
    """See Note [What a seal is]. Without a file nothing is sealed, and nothing sealed is read."""

    path: Path | None = None
    _lock: Lock = field(default_factory=Lock)
    _keys: _Keys | None = None

    def lent(self, _: object, record: Any) -> None:
        """Have a connection know it."""
        record.info[_SEAL] = self

    def closed(self, table: str, text: str) -> str:
        """Return a text as the database is to hold it."""
        keys = self._now()
        if keys is None:
            return text
        nonce = new_key(_NONCE_B)
        hidden = keys.known[keys.newest].encrypt(nonce, text.encode(), table.encode())
        return f"{_MARK}{keys.newest}:{b64encode(nonce + hidden).decode()}"

    def opened(self, table: str, text: str) -> str:
        """Return what was sealed, or what never was, as it is.

        Raises `Unavailable` where its key is lacking, or it is not what was sealed.
        """
        from cryptography.exceptions import InvalidTag

        if not text.startswith(_MARK):
            return text
        name, _, said = text.removeprefix(_MARK).partition(":")
        keys = self._now()
        if keys is None or name not in keys.known:
            where = f"{self.path} does not have it" if self.path else "there is no file of keys"
            raise Unavailable(f"{table} is sealed by the key {name}, and {where}", key=name)
        raw = b64decode(said)
        try:
            clear = keys.known[name].decrypt(raw[:_NONCE_B], raw[_NONCE_B:], table.encode())
        except InvalidTag as error:
            text = f"a row of {table} is not what was sealed by the key {name}"
            raise Unavailable(text) from error
        return clear.decode()

    def check(self) -> None:
        """Raise `Invalid` where others may read the file of keys, or it has none."""
        self._now()

    @property
    def newest(self) -> str:
        """How everything begins that is sealed by the newest key; empty where nothing is."""
        keys = self._now()
        return f"{_MARK}{keys.newest}:" if keys else ""

    def _now(self) -> _Keys | None:
        if self.path is None:
            return None
        try:
            there = self.path.stat()
        except OSError as error:
            raise Unavailable(f"{self.path}: {error.strerror}") from error
        stamp = (there.st_ino, there.st_mtime_ns)
        with self._lock:
            if self._keys is None or self._keys.stamp != stamp:
                self._keys = _read(self.path, stamp)
            return self._keys


def seal_of(conn: Connection) -> Seal:
    found: Seal = conn.info.get(_SEAL) or _NONE
    return found


_NONE = Seal()

# Note [While keys are changed]
# A row may be sealed by the newest key, and come to be there when that key was forgotten. So who
# changes the keys is alone: on PostgreSQL, whoever seals shares a lock until his transaction ends,
# and who changes the keys has it to himself, from before there is another key until the old ones
# are forgotten. What locks a row that is sealed takes that lock first, so that neither waits for
# the other. SQLite has one writer anyway. Two who change keys take turns by the folder of the
# file as well, which is the same on every host. Whoever reads may have a view from before, and a
# key that is forgotten since: he reads once more.
ALONE = text("SELECT pg_advisory_lock(5059, 3)")  # until the connection ends
_SHARED = text("SELECT pg_advisory_xact_lock_shared(5059, 3)")


def sealing(conn: Connection) -> Seal:
    """Return the seal for a change of what is sealed. See Note [While keys are changed]."""
    seal = seal_of(conn)
    if seal.path is not None and conn.dialect.name == "postgresql":
        conn.execute(_SHARED)
    return seal


@asynccontextmanager
async def in_turn(path: Path) -> AsyncIterator[None]:
    """Wait until nobody else changes the keys. See Note [While keys are changed]."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        await asyncio.to_thread(fcntl.flock, folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def kept(path: Path) -> Seal:
    """Return the seal by a file of keys, which is made with one where there is none.

    Raises `Invalid` where others may read it, or it has no keys.
    """
    if not path.exists():
        _begin(path)
    seal = Seal(path)
    seal.check()
    return seal


def rotated(path: Path) -> None:
    """Have a new key seal from now on; rows sealed before are read by the old ones."""
    _replace(path, [*_lines(path), _line()])


def forgotten(path: Path) -> int:
    """Forget all keys but the one that seals; return how many."""
    lines = _lines(path)
    _replace(path, lines[-1:])
    return len(lines) - 1


def _line() -> str:
    return f"{new_id().hex[:12]} {b64encode(new_key(_KEY_B)).decode()}"


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if line.strip()]


def _begin(path: Path) -> None:
    """Make a file with one key, unless somebody else does so first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _written(path, [_line()], _linked)


def _linked(beside: Path, path: Path) -> None:
    try:
        os.link(beside, path)
    except FileExistsError:
        pass
    finally:
        beside.unlink()


def _replace(path: Path, lines: list[str]) -> None:
    _written(path, lines, os.replace)


def _written(path: Path, lines: list[str], put: Callable[[Path, Path], None]) -> None:
    """Have a file be so whole or not at all, also after a power cut."""
    beside = path.with_name(f".{path.name}.{new_id().hex[:8]}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write("".join(f"{line}\n" for line in lines))
        file.flush()
        os.fsync(file.fileno())
    put(beside, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read(path: Path, stamp: tuple[int, int]) -> _Keys:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if path.stat().st_mode & 0o077:
        raise Invalid(f"{path} can be read by others than its owner: chmod 600 {path}")
    known = {}
    for n, line in enumerate(_lines(path), 1):
        name, _, said = line.partition(" ")
        try:
            known[name] = AESGCM(b64decode(said, validate=True))
        except ValueError as error:
            raise Invalid(f"{path}, line {n}: is no name and key") from error
    if not known:
        raise Invalid(f"{path} has no key")
    return _Keys(list(known)[-1], known, stamp)
