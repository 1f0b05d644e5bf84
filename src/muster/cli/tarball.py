"""What the builders of images have in common: a tarball being written, and other programs."""

import io
import subprocess
import tarfile
from pathlib import Path


class Lacking(Exception):
    """Something that an image is made of cannot be had here."""


def put_entry(archive: tarfile.TarFile, name: str, kind: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = kind, mode
    archive.addfile(entry)


def put_text(archive: tarfile.TarFile, name: str, said: str | bytes, mode: int = 0o644) -> None:
    content = said.encode() if isinstance(said, str) else said
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, io.BytesIO(content))


def put_link(archive: tarfile.TarFile, name: str, target: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, target
    archive.addfile(entry)


def printed(*command: str, where: Path | None = None) -> str:
    """Return what the command printed. Raises `Lacking` with its words where it failed."""
    try:
        done = subprocess.run(command, cwd=where, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise Lacking(f"{command[0]} is not on this machine: an image needs Debian") from None
    if done.returncode:
        said = done.stderr.strip() or done.stdout.strip()
        raise Lacking(f"{command[0]}: {said.splitlines()[-1] if said else done.returncode}")
    return done.stdout
