"""A pool's folder: what is written down about it, and who may change it."""

import asyncio
import fcntl
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import msgspec

from muster.base.errors import Permanent, Transient
from muster.drivers.balancers.caddy.slots import Kept

T = TypeVar("T")

_PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class Run:
    """The Caddy that serves a pool: its number names its files. Written before it starts."""

    number: int

    @property
    def admin(self) -> str:
        return f"admin-{self.number}.sock"

    @property
    def alive(self) -> str:
        return f"alive-{self.number}"

    @property
    def manners(self) -> str:
        """The file that says what becomes of connections: `keep-alive` or `close`."""
        return f"manners-{self.number}"


@dataclass(frozen=True, slots=True)
class Folder:
    path: Path

    @property
    def cluster_id(self) -> UUID:
        return UUID(self.path.name)

    @property
    def in_force(self) -> bool:
        return self.path.joinpath("pool.json").exists()

    def kept(self) -> Kept | None:
        """Return the pool as it was last put, or None if there is none."""
        return _read(self.path / "pool.json", Kept)

    def keep(self, kept: Kept) -> None:
        """Write the pool down, then have its slots follow."""
        write(self.path / "pool.json", msgspec.json.encode(kept))
        self.fill(kept)

    def fill(self, kept: Kept) -> None:
        """Have every slot say what it must. See Note [Slots]."""
        for slot, dial in enumerate(kept.dials()):
            path = self.path / "slots" / str(slot)
            if not path.exists() or path.read_text() != dial:
                write(path, dial.encode())

    def run(self) -> Run | None:
        return _read(self.path / "run.json", Run)

    def next_run(self) -> Run:
        before = self.run()
        run = Run(before.number + 1 if before else 1)
        self.put_run(run)
        return run

    def put_run(self, run: Run) -> None:
        write(self.path / "run.json", msgspec.json.encode(run))

    def manners(self, run: Run) -> bytes:
        """Return what this run's Caddy tells clients to do with their connections."""
        try:
            return (self.path / run.manners).read_bytes()
        except FileNotFoundError:
            return b""

    def forget(self) -> None:
        """Let the pool be in force no longer; what is left is swept when its Caddy is gone."""
        self.path.joinpath("pool.json").unlink(missing_ok=True)

    def clear(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


def folders(pools: Path) -> list[Folder]:
    """Return the folders of all pools, those that were removed and linger too."""
    return [Folder(path) for path in sorted(pools.glob("*")) if path.is_dir()]


def write(path: Path, content: bytes) -> None:
    """Have the file say this, whole, whoever reads it meanwhile. Only we may read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    fresh.replace(path)


def _read(path: Path, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise Permanent(f"{path} cannot be read: {error}") from None


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
