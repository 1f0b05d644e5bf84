"""A pool's folder: what is written down about it."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import msgspec

from muster.drivers.balancers.files import is_pool, read, write
from muster.drivers.balancers.haproxy.kept import Kept


# Note [Which run is in force]
# A run's number and port name the file whose lock says that it lives. In force is the
# newest one that lives and listens where the pool is to be had; the others are on their
# way out, or were started by somebody who was killed before the pool came to be so.
@dataclass(frozen=True, slots=True)
class Run:
    """One HAProxy of a pool, from its start to its end, through all its reloads."""

    number: int
    port: int

    @property
    def alive(self) -> str:
        return f"alive-{self.number}-{self.port}"

    @property
    def stats(self) -> str:
        """The socket on which the worker is asked."""
        return f"stats-{self.number}.sock"

    @property
    def master(self) -> str:
        """The socket on which the master is asked about its workers."""
        return f"master-{self.number}.sock"

    @property
    def peers(self) -> str:
        return f"peers-{self.number}.sock"

    @property
    def config(self) -> str:
        return f"haproxy-{self.number}.cfg"

    @property
    def pid(self) -> str:
        return f"haproxy-{self.number}.pid"


@dataclass(frozen=True, slots=True)
class Folder:
    path: Path

    @property
    def cluster_id(self) -> UUID:
        return UUID(self.path.name)

    @property
    def in_force(self) -> bool:
        return self._pool.exists()

    @property
    def _pool(self) -> Path:
        return self.path / "pool.json"

    @property
    def _gone(self) -> Path:
        return self.path / "gone.json"

    def kept(self) -> Kept | None:
        """Return the pool as it was last put, or None if there is none."""
        return read(self._pool, Kept)

    def keep(self, kept: Kept) -> None:
        write(self._pool, msgspec.json.encode(kept), lasting=True)

    def runs(self) -> list[Run]:
        """Return every run that may still live, oldest first."""
        said = (path.name.split("-") for path in self.path.glob("alive-*-*"))
        return sorted((Run(int(w[1]), int(w[2])) for w in said), key=lambda run: run.number)

    def next_run(self, port: int) -> Run:
        return Run(max((run.number for run in self.runs()), default=0) + 1, port)

    def text(self, name: str) -> str:
        try:
            return (self.path / name).read_text()
        except FileNotFoundError:
            return ""

    def forget(self) -> None:
        """Let the pool be in force no longer; what is left is swept when its HAProxy is gone."""
        if self.in_force:
            self._pool.replace(self._gone)

    def gone_since(self) -> float:
        """Return when it was forgotten; 0 if that is not known."""
        return self._gone.stat().st_mtime if self._gone.exists() else 0.0

    def clear(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


def folders(pools: Path) -> list[Folder]:
    """Return the folders of all pools, those that were removed and linger too."""
    return [
        Folder(path) for path in sorted(pools.glob("*")) if path.is_dir() and is_pool(path.name)
    ]
