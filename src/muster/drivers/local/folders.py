"""Where the local cloud keeps its things, and how they are written so that a cut does no harm."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count, takewhile
from pathlib import Path
from uuid import UUID

import msgspec

from muster.drivers.local.instance import Instance
from muster.model.volume import disk_id

RECORD = "meta.json"


@dataclass(frozen=True, slots=True)
class Folders:
    home: Path

    @property
    def instances(self) -> Path:
        return self.home / "instances"

    @property
    def images(self) -> Path:
        return self.home / "images"

    @property
    def addresses(self) -> Path:
        """One symbolic link per address in use, named by it and pointing to the instance's id."""
        return self.home / "addresses"

    @property
    def volumes(self) -> Path:
        return self.home / "volumes"

    @property
    def locks(self) -> Path:
        return self.home / "locks"

    def instance(self, ref: UUID | str) -> Path:
        return self.instances / str(ref)

    def volume(self, volume_id: UUID) -> Path:
        return self.volumes / str(volume_id)

    def work(self, ref: UUID | str) -> Path:
        """The instance's copy of its image, and the folder it is started in."""
        return self.instance(ref) / "work"

    def log(self, ref: UUID | str) -> Path:
        return self.instance(ref) / "log"

    def make(self) -> None:
        own = (self.instances, self.images, self.volumes, self.addresses, self.locks)
        for folder in (self.home, *own):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)


@contextmanager
def locked(folders: Folders, name: UUID | str, *, wait: bool = True) -> Iterator[bool]:
    """Keep every other process and thread from working on `name`; gives False if one does."""
    path = folders.locks / str(name)
    handle = _lock(path, wait)
    if handle is None:
        yield False
        return
    try:
        yield True
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


def _lock(path: Path, wait: bool) -> int | None:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            os.close(handle)
            return None
        # Whoever held it before has removed the file: a lock on it keeps nobody out.
        with suppress(FileNotFoundError):
            if os.fstat(handle).st_ino == path.stat().st_ino:
                return handle
        os.close(handle)


def write(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Put the file there whole or not at all."""
    new = path.with_name(f".{path.name}.new")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    with open(handle, "wb") as file:
        file.write(content)
    new.replace(path)


def save(folder: Path, instance: Instance) -> Instance:
    write(folder / RECORD, msgspec.json.encode(instance))
    return instance


def read(folder: Path) -> Instance | None:
    """Return the instance recorded there, None if there is none or a power cut has torn it."""
    try:
        return msgspec.json.decode((folder / RECORD).read_bytes(), type=Instance)
    except (FileNotFoundError, NotADirectoryError, msgspec.DecodeError):
        return None


def discard_kept(folders: Folders, owner: UUID) -> None:
    """Remove the disks that an instance was made with, the last first: a cut leaves no gap."""
    volumes = (folders.volume(disk_id(owner, number)) for number in count())
    for volume in reversed(list(takewhile(Path.exists, volumes))):
        discard(volume)


def discard(path: Path) -> None:
    """Remove a folder so that nobody ever finds half of it under its name."""
    dying = path if path.name.startswith(".") else path.with_name(f".gone-{path.name}")
    if path != dying:
        with suppress(FileNotFoundError):
            path.replace(dying)
    with suppress(FileNotFoundError):
        shutil.rmtree(dying)
