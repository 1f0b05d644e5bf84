"""Files that several processes share: written whole, changed by one at a time."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import msgspec

from muster.base.errors import Transient
from muster.base.log import log

T = TypeVar("T")

_PATIENCE_S = 20.0


def write(path: Path, content: bytes, *, lasting: bool = False) -> None:
    """Have the file say this, whole, whoever reads it meanwhile. Only we may read it.

    What is `lasting` is on the disk when this returns, and outlives a power cut.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        if lasting:
            os.fsync(file.fileno())
    fresh.replace(path)


def read(path: Path, kind: type[T]) -> T | None:
    """Return what the file says, or None if there is none, or a power cut left it torn."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        log(path=str(path)).warning("balancer.file_torn", reason=str(error))
        return None


def is_pool(name: str) -> bool:
    """Return whether a folder is of a cluster, and not lost+found or somebody's copy."""
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False


@asynccontextmanager
async def alone(lock: Path) -> AsyncIterator[None]:
    """Hold `lock` against every other process; raises `Transient` after a long wait."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("ab") as file:
        if not await within(_PATIENCE_S, lambda: locked(file.fileno())):
            raise Transient(f"another process has held {lock} for too long")
        yield


async def within(patience_s: float, claim: Callable[[], bool]) -> bool:
    """Return True as soon as the claim holds, False if it has not until then."""
    end = asyncio.get_running_loop().time() + patience_s
    while not claim():
        if asyncio.get_running_loop().time() > end:
            return False
        await asyncio.sleep(0.02)
    return True


def locked(fd: int) -> bool:
    """Take the lock of an open file and return True, or False if somebody has it."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
