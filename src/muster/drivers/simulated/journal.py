"""A world's memory in a file: one line per entry, appended, shared by processes."""

import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from time import sleep

import msgspec

from muster.base.errors import Permanent, Transient
from muster.drivers.simulated.entries import Entry, Happening

ROUGH = 4 << 20  # bytes: a smaller file is never worth compacting
GROWTH = 4  # compact when it is so many times as large as after the last time
CHUNK = 1 << 20
NEW_FILE = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
NAP_S = 0.001
PATIENCE = 5000  # naps; a change takes some microseconds, compaction a second at worst


# Note [Torn line]
# An entry is on record once its line ends. A process that is killed in the middle of a
# write leaves a line without an end; readers stop before it, and the next writer, who
# holds the lock and so knows that nobody is writing, writes over it. What may stick out
# behind has no end either. Whoever asked for that change got no answer, and asks again.
#
# Note [Another file]
# Compaction writes the world to a new file and renames it over the old one. Whoever has
# the old one open sees by its number that the path leads elsewhere, and starts from
# nothing. The lock is a file of its own, since the other one changes.
class Journal:
    """Nothing is flushed to the disk: the world outlives its processes, not its machine.

    See Note [Torn line]. See Note [Another file].
    """

    def __init__(self, path: Path, rough: int = ROUGH) -> None:
        self._path = path
        self._rough = rough
        self._encoder = msgspec.json.Encoder()
        self._decoder = msgspec.json.Decoder(Happening)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._guard = os.open(
            path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        self._file = -1
        self._read = 0  # bytes of the open file that were taken in
        self._whole = 0  # bytes that the file had when it was written whole
        self._locked = False
        self._anew = False  # another file was opened, and nobody has been told yet

    def lock(self) -> None:
        """Wait until nobody else writes; `Transient` if that takes far too long."""
        for _ in range(PATIENCE):
            try:
                fcntl.flock(self._guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                sleep(NAP_S)
            else:
                self._locked = True
                return
        raise Transient(f"{self._path} is being written by a process that does not let go")

    def unlock(self) -> None:
        self._locked = False
        fcntl.flock(self._guard, fcntl.LOCK_UN)

    def close(self) -> None:
        for file in (self._file, self._guard):
            if file >= 0:
                os.close(file)
        self._file = self._guard = -1

    def news(self) -> tuple[bool, list[Happening]]:
        """Return what was appended since the last time; True if it starts from nothing.

        What makes no sense is read again under the lock, for without it somebody may just
        be writing over a torn line. If it still makes none it is `Permanent`.
        """
        try:
            return self._news()
        except msgspec.MsgspecError as error:
            if self._locked:
                raise Permanent(f"{self._path} is no world of ours: {error}") from error
        self.lock()
        try:
            return self.news()
        finally:
            self.unlock()

    def append(self, entry: Entry) -> None:
        """Put an entry on record; only while locked, and with all news taken in."""
        line = self._encoder.encode(entry) + b"\n"
        try:
            _write(self._file, line, self._read)
        except OSError as error:  # what was written of it is a torn line
            raise Transient(f"{self._path} cannot be written: {error.strerror}") from error
        self._read += len(line)

    def compact(self, entries: Callable[[], Iterator[Entry]]) -> None:
        """Write the world anew from these if the file has grown well beyond them."""
        if self._read < max(self._rough, GROWTH * self._whole):
            return
        fresh = self._path.with_suffix(".new")
        try:
            file, size = os.open(fresh, NEW_FILE | os.O_TRUNC, 0o600), 0
        except OSError:
            return
        try:
            for entry in entries():
                line = self._encoder.encode(entry) + b"\n"
                _write(file, line, size)
                size += len(line)
            fresh.replace(self._path)
        except OSError:  # no room for a second copy: the long one goes on serving
            os.close(file)
            fresh.unlink(missing_ok=True)
            self._whole = self._read
            return
        os.close(self._file)
        self._file, self._read, self._whole = file, size, size

    def _news(self) -> tuple[bool, list[Happening]]:
        try:
            self._open()
            text = self._unread()
        except OSError as error:
            raise Transient(f"{self._path} cannot be read: {error.strerror}") from error
        news = self._decoder.decode_lines(text)
        self._read += len(text)
        anew, self._anew = self._anew, False
        if anew:
            self._whole = self._read
        return anew, news

    def _open(self) -> None:
        """Open the file that the path leads to now, if that is another than before."""
        if self._file >= 0 and _same(self._path, self._file):
            return
        file = os.open(self._path, NEW_FILE, 0o600)
        if self._file >= 0:
            os.close(self._file)
        self._file, self._read, self._anew = file, 0, True

    def _unread(self) -> bytes:
        """Return what is new in the file, up to the end of its last whole line."""
        size = os.fstat(self._file).st_size
        if size <= self._read:
            return b""
        text = _bytes(self._file, self._read, size)
        return text[: text.rfind(b"\n") + 1]


def _same(path: Path, file: int) -> bool:
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return False
    mine = os.fstat(file)
    return (there.st_ino, there.st_dev) == (mine.st_ino, mine.st_dev)


def _bytes(file: int, start: int, end: int) -> bytes:
    parts = []
    while start < end and (part := os.pread(file, min(CHUNK, end - start), start)):
        parts.append(part)
        start += len(part)
    return b"".join(parts)


def _write(file: int, line: bytes, at: int) -> None:
    done = 0
    while done < len(line):
        done += os.pwrite(file, line[done:], at + done)
