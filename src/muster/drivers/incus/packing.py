"""From a folder or a tarball to the tarball that Incus takes for an image."""

import gzip
import io
import json
import platform
import tarfile
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

import yaml

from muster.base.errors import Invalid

MANIFEST = "muster-image.toml"
METADATA = "metadata.yaml"
LARGEST = 1 << 20  # of a text that describes an image
FEW_BYTES, RATIO = 1 << 30, 50

# What each field of the manifest may be, and how to say so.
FIELDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "name": (lambda v: isinstance(v, str) and bool(v), "a text"),
    "version": (lambda v: isinstance(v, str) and bool(v), "a text"),
    "port": (lambda v: type(v) is int and 0 < v < 65536, "a number from 1 to 65535"),
    "health_path": (lambda v: isinstance(v, str) and v.startswith("/"), "a path beginning with /"),
}
LEFT_OUT = ("command", "env", "stop_seconds")  # for clouds whose instances are processes


# Note [Images of one content]
# Incus knows an image by the digest of its tarball, and refuses the same one twice. Muster knows
# it by the id it chose. So the tarball is packed anew with the id among its properties: two
# imports of one file are two images, and asking twice for one import makes the same.
def pack(source: Path, target: IO[bytes], marks: Mapping[str, str]) -> dict[str, str]:
    """Write the image to `target` and return its properties. See Note [Images of one content].

    `source` has `rootfs/`, and `muster-image.toml` or `metadata.yaml` or both. Raises `Invalid`
    naming what is wrong.
    """
    with _opened(source) as (texts, members):
        manifest = _manifest(texts[MANIFEST]) if MANIFEST in texts else {}
        metadata = _metadata(texts.get(METADATA, b""))
        if not texts.keys() & {MANIFEST, METADATA}:
            text = f"there is neither {MANIFEST} nor {METADATA} in the image"
            raise Invalid(text, field=MANIFEST)
        properties = {**_properties(metadata, manifest), **marks}
        whole = {**metadata, "properties": properties}
        with (
            gzip.GzipFile("", "wb", compresslevel=4, fileobj=target, mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            _add_text(archive, METADATA, json.dumps(whole).encode())
            found = [_add(archive, entry, content) for entry, content in members]
    if not any(found):
        raise Invalid("there is no folder rootfs in the image", field="rootfs")
    return properties


Members = Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]


@contextmanager
def _opened(source: Path) -> Iterator[tuple[Mapping[str, bytes], Members]]:
    """Yield the texts that describe the image, and everything that is packed with it."""
    if source.is_dir():
        texts = {name: source / name for name in (MANIFEST, METADATA)}
        yield {n: p.read_bytes() for n, p in texts.items() if p.is_file()}, _of_folder(source)
    elif source.is_file():
        try:
            with tarfile.open(source) as archive:
                yield _texts(archive, _most(source)), _of_tarball(archive)
        except (tarfile.TarError, EOFError, OSError) as error:
            text = f"{source.name} is no readable tarball: {error}"
            raise Invalid(text, field="source") from None
    else:
        raise Invalid(f"there is no file or folder {source}", field="source")


def _of_folder(source: Path) -> Members:
    """Yield what is in the folder; what its owner has in it belongs to root in the image."""
    owner = source.stat().st_uid
    with tarfile.TarFile(fileobj=io.BytesIO(), mode="w") as archive:
        for part in ("templates", "rootfs"):
            for path in sorted([source / part, *(source / part).rglob("*")]):
                if not path.is_symlink() and not path.exists():
                    continue
                entry = archive.gettarinfo(path, str(path.relative_to(source)))
                if entry.uid == owner:
                    entry.uid, entry.gid = 0, 0
                if entry.isreg():
                    with path.open("rb") as content:
                        yield entry, content
                else:
                    yield entry, None


def _of_tarball(archive: tarfile.TarFile) -> Members:
    for entry in archive:
        entry.name = _plain(entry.name)
        if PurePosixPath(entry.name).parts[:1] in (("templates",), ("rootfs",)):
            if entry.islnk():
                entry.linkname = _plain(entry.linkname)
            yield entry, archive.extractfile(entry) if entry.isreg() else None


def _plain(name: str) -> str:
    return name.removeprefix("./")


# Note [What an image unpacks to]
# A few kilobytes can unpack to terabytes, and whoever may upload an image could keep every
# processor here busy for hours. Each header says how large what follows is, so that is found
# before it is unpacked. Files of systems pack to a fifth, rarely to a twentieth.
def _most(source: Path) -> int:
    """Return to how many bytes a tarball may unpack. See Note [What an image unpacks to]."""
    return FEW_BYTES + source.stat().st_size * RATIO


def _texts(archive: tarfile.TarFile, most: int) -> Mapping[str, bytes]:
    found: dict[str, bytes] = {}
    total = 0
    for entry in archive:
        total += tarfile.BLOCKSIZE + entry.size
        if total > most:
            text = f"the image unpacks to more than {most} bytes, {RATIO} times its size"
            raise Invalid(text, field="source")
        name = _plain(entry.name)
        if name in (MANIFEST, METADATA) and entry.isreg() and entry.size <= LARGEST:
            file = archive.extractfile(entry)
            found[name] = file.read() if file else b""
    return found


def _add(archive: tarfile.TarFile, entry: tarfile.TarInfo, content: IO[bytes] | None) -> bool:
    """Add the entry, and return whether it is a part of the instance's files."""
    if ".." in PurePosixPath(entry.name).parts:
        raise Invalid(f"{entry.name} leads outside of the image", field="source")
    archive.addfile(entry, content)
    return entry.name.partition("/")[0] == "rootfs"


def _add_text(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), 0o644
    archive.addfile(entry, io.BytesIO(content))


def _manifest(text: bytes) -> Mapping[str, Any]:
    """Return the manifest, checked."""
    try:
        said = tomllib.loads(text.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"{MANIFEST} cannot be read: {error}", field=MANIFEST) from None
    for name, value in said.items():
        if name in LEFT_OUT:
            continue
        if name not in FIELDS:
            raise Invalid(f"{MANIFEST}: no field is called {name!r}", field=name)
        allowed, words = FIELDS[name]
        if not allowed(value):
            raise Invalid(f"{MANIFEST}: {name} must be {words}, not {value!r}", field=name)
    if "name" not in said:
        raise Invalid(f"{MANIFEST}: name is missing", field="name")
    return said


def _metadata(text: bytes) -> Mapping[str, Any]:
    """Return what Incus is told of the image, made up where the image brings nothing."""
    try:
        said = yaml.safe_load(text) if text else {}
    except yaml.YAMLError as error:
        raise Invalid(f"{METADATA} cannot be read: {error}", field=METADATA) from None
    if not isinstance(said, dict) or not isinstance(said.get("properties") or {}, dict):
        raise Invalid(f"{METADATA} must be a table with a table of properties", field=METADATA)
    return {"architecture": platform.machine(), "creation_date": 1, **said}


def _properties(metadata: Mapping[str, Any], manifest: Mapping[str, Any]) -> dict[str, str]:
    own = {str(k): str(v) for k, v in (metadata.get("properties") or {}).items()}
    told = {f"muster.{n}": str(v) for n, v in manifest.items() if n not in LEFT_OUT}
    return own | told
