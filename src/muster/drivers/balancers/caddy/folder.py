"""A pool's folder: what is written down about it."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import msgspec

from muster.drivers.balancers.caddy.slots import Kept
from muster.drivers.balancers.files import is_pool, read, write


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
        return read(self.path / "pool.json", Kept)

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
        return read(self.path / "run.json", Run)

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
    try:
        with os.scandir(pools) as found:
            names = sorted(each.name for each in found if each.is_dir())
    except FileNotFoundError:
        return []
    return [Folder(pools / name) for name in names if is_pool(name)]
