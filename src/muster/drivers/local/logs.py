"""What instances print: the newest lines of it, and no more than fits."""

import os
from pathlib import Path

LINE = 400  # bytes; a guess at a long line, to know how far to look back


def newest(path: Path, lines: int) -> str:
    """Return the newest lines, "" if nothing was printed."""
    if lines <= 0:
        return ""
    try:
        with open(path, "rb") as file:
            back, size = lines * LINE, os.fstat(file.fileno()).st_size
            while True:
                file.seek(max(0, size - back))
                text = file.read()
                if back >= size or text.count(b"\n") > lines:
                    break
                back *= 4
    except FileNotFoundError:
        return ""
    return "\n".join(text.decode(errors="replace").splitlines()[-lines:])


def trim(path: Path, most: int) -> None:
    """Drop the older half of a log that has outgrown `most` bytes.

    The writer goes on writing to the same file; what it prints in this very moment
    may be lost.
    """
    try:
        if os.stat(path).st_size <= most:
            return
        with open(path, "r+b") as file:
            file.seek(-(most // 2), os.SEEK_END)
            file.readline()
            kept = file.read()
            file.seek(0)
            file.write(kept)
            file.truncate()
    except FileNotFoundError:
        return
