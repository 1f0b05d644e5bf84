"""Names published in a file of the form of /etc/hosts."""

import asyncio
import fcntl
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from muster.base.errors import Permanent, Transient
from muster.model.observed import Record

NOBODY = UUID(int=0)
OURS = re.compile(r"#\s*muster\s+(?P<installation>[0-9a-f-]{36})\s+(?P<owner>[0-9a-f-]{36})\s*$")


@dataclass(frozen=True, slots=True)
class Line:
    text: str  # as it stands in the file
    names: tuple[str, ...] = ()
    address: str = ""
    installation: UUID = NOBODY
    owner: UUID = NOBODY


class HostsFile:
    """Only lines that end with our mark are ever changed; the others stay as they are."""

    def __init__(self, path: Path, installation: UUID) -> None:
        self._path = path
        self._installation = installation

    async def list_records(self) -> Sequence[Record]:
        lines = await asyncio.to_thread(self._lines)
        return [self._record(line) for line in lines if self._ours(line)]

    async def record(self, name: str) -> Record | None:
        wanted = _plain(name)
        for line in await asyncio.to_thread(self._lines):
            if wanted in line.names:
                return self._record(line)
        return None

    async def put_record(self, name: str, address: str, owner: UUID) -> None:
        mark = f"# muster {self._installation} {owner}"
        new = parsed(f"{address}\t{_plain(name)}\t{mark}")

        def change(lines: list[Line]) -> list[Line]:
            held = [line for line in lines if _plain(name) in line.names]
            for line in held:
                if not self._ours(line) or line.owner != owner:
                    raise Permanent(f"the name {name} is taken: {line.text.strip()}", name=name)
            return [line for line in lines if line not in held] + [new]

        await asyncio.to_thread(self._change, change)

    async def drop_record(self, name: str, owner: UUID) -> None:
        def change(lines: list[Line]) -> list[Line]:
            return [line for line in lines if not self._holds(line, name, owner)]

        await asyncio.to_thread(self._change, change)

    def _holds(self, line: Line, name: str, owner: UUID) -> bool:
        return self._ours(line) and line.owner == owner and _plain(name) in line.names

    def _ours(self, line: Line) -> bool:
        return line.installation == self._installation

    def _record(self, line: Line) -> Record:
        owner = line.owner if self._ours(line) else NOBODY
        return Record(name=line.names[0], address=line.address, owner=owner)

    def _lines(self) -> list[Line]:
        try:
            return [parsed(text) for text in self._path.read_text().splitlines()]
        except FileNotFoundError:
            return []
        except (OSError, UnicodeError) as error:
            raise Transient(f"{self._path} cannot be read: {error}") from error

    def _change(self, change: Callable[[list[Line]], list[Line]]) -> None:
        try:
            with _locked(self._path.with_name(f".{self._path.name}.lock")):
                before = self._lines()
                after = change(before)
                if after != before:
                    self._write("".join(f"{line.text}\n" for line in after))
        except OSError as error:
            raise Transient(f"{self._path} cannot be written: {error}") from error

    def _write(self, text: str) -> None:
        new = self._path.with_name(f".{self._path.name}.new")
        mode = self._path.stat().st_mode & 0o777 if self._path.exists() else 0o644
        new.write_text(text)
        new.chmod(mode)
        new.replace(self._path)


def parsed(text: str) -> Line:
    """Return what a line says; one that says nothing has no names."""
    plain, _, _ = text.partition("#")
    words = plain.split()
    if len(words) < 2:
        return Line(text)
    names = tuple(map(_plain, words[1:]))
    mark = OURS.search(text)
    if not mark:
        return Line(text, names, words[0])
    return Line(text, names, words[0], UUID(mark["installation"]), UUID(mark["owner"]))


def _plain(name: str) -> str:
    return name.rstrip(".").lower()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
