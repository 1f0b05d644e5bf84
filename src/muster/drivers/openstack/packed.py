"""An image as people hand it over: a folder or a tarball with a manifest and a disk."""

import tarfile
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from muster.base.errors import Invalid

MANIFEST = "muster-image.toml"
LARGEST = 1 << 20  # of a manifest
# Files that a disk may be in, and what Glance calls what is in them.
DISKS: Mapping[str, str] = {
    "disk.raw": "raw",
    "disk.img": "raw",
    "disk.qcow2": "qcow2",
    "disk.vmdk": "vmdk",
    "disk.vhd": "vhd",
    "disk.iso": "iso",
}
# What each field may be, and how to say so.
FIELDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "name": (lambda v: isinstance(v, str) and bool(v), "a text"),
    "version": (lambda v: isinstance(v, str) and bool(v), "a text"),
    "port": (lambda v: type(v) is int and 0 < v < 65536, "a number from 1 to 65535"),
    "health_path": (
        lambda v: isinstance(v, str) and v.startswith("/"),
        "a path that begins with /",
    ),
}
LEFT_OUT = ("command", "env", "stop_seconds")  # for clouds whose instances are processes


@dataclass(frozen=True, slots=True)
class Packed:
    manifest: Mapping[str, Any]
    format: str
    disk: IO[bytes]


@contextmanager
def opened(source: Path) -> Iterator[Packed]:
    """Yield what the image is; raises `Invalid` naming file or field at fault."""
    if source.is_dir():
        text = (source / MANIFEST).read_bytes() if (source / MANIFEST).is_file() else None
        manifest = checked(text)
        name = _disk_of(each.name for each in source.iterdir())
        with (source / name).open("rb") as disk:
            yield Packed(manifest, DISKS[name], disk)
    elif source.is_file():
        with _archive(source) as archive:
            members = {str(PurePosixPath(each.name)): each for each in archive if each.isreg()}
            found = members.get(MANIFEST)
            file = archive.extractfile(found) if found and found.size <= LARGEST else None
            manifest = checked(file.read() if file else None)
            name = _disk_of(members)
            disk_file = archive.extractfile(members[name])
            assert disk_file
            yield Packed(manifest, DISKS[name], disk_file)
    else:
        raise Invalid(f"there is no file or folder {source}", field="source")


def checked(text: bytes | None) -> Mapping[str, Any]:
    """Return the fields of a manifest that say something here."""
    if text is None:
        raise Invalid(f"there is no {MANIFEST} in the image", field=MANIFEST)
    try:
        said = tomllib.loads(text.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"{MANIFEST} cannot be read: {error}", field=MANIFEST) from None
    told = {name: value for name, value in said.items() if name not in LEFT_OUT}
    for name, value in told.items():
        if name not in FIELDS:
            raise Invalid(f"{MANIFEST}: no field is called {name!r}", field=name)
        allowed, words = FIELDS[name]
        if not allowed(value):
            raise Invalid(f"{MANIFEST}: {name} must be {words}, not {value!r}", field=name)
    if "name" not in told:
        raise Invalid(f"{MANIFEST}: name is missing", field="name")
    return told


def _archive(source: Path) -> tarfile.TarFile:
    try:
        return tarfile.open(source)
    except (tarfile.TarError, EOFError, OSError) as error:
        text = f"{source.name} is no readable tarball: {error}"
        raise Invalid(text, field="source") from None


def _disk_of(names: Iterable[str]) -> str:
    found = sorted(DISKS.keys() & set(names))
    if not found:
        text = f"there is no disk in the image: one of {', '.join(DISKS)}"
        raise Invalid(text, field="disk")
    return found[0]
