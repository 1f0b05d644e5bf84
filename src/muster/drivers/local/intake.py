"""Taking images in: from a folder, a tarball, or an instance as it is now."""

import os
import shutil
import stat
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from muster.base.errors import Invalid
from muster.drivers.local import manifest as manifests
from muster.drivers.local import shelf
from muster.drivers.local.folders import discard, locked
from muster.drivers.local.manifest import Manifest
from muster.drivers.local.operate import must_find
from muster.drivers.local.site import Site
from muster.model.catalog import Image


class LocalImages:
    def __init__(self, site: Site) -> None:
        self._site = site

    async def list_images(self) -> Sequence[Image]:
        return await self._site.call(shelf.everything, self._site)

    async def import_image(self, image_id: UUID, name: str, project: str, source: Path) -> Image:
        plain = Image(id=str(image_id), name=name, project=project)
        return await self._site.call(_import, self._site, plain, source)

    async def snapshot(self, image_id: UUID, name: str, project: str, ref: str) -> Image:
        plain = Image(id=str(image_id), name=name, project=project)
        return await self._site.call(_snapshot, self._site, plain, ref)

    async def delete_image(self, image_id: str) -> None:
        await self._site.call(shelf.remove, self._site, image_id)


def _import(site: Site, plain: Image, source: Path) -> Image:
    with locked(site.folders, plain.id):
        there = shelf.present(site, plain.id)
        if there:
            return there
        with _new(site, plain.id) as new:
            _unpacked(source, new / "root", site.options.image_bytes)
            said = manifests.read(new / "root")
            return shelf.put(site, _described(plain, said, said.version), new)


def _snapshot(site: Site, plain: Image, ref: str) -> Image:
    """Copy the instance's files while it runs on; what it is just writing may be half there."""
    there = shelf.present(site, plain.id)
    if there:
        return there
    server_id = must_find(site, ref).server_id
    locks = locked(site.folders, plain.id), locked(site.folders, server_id)
    with locks[0], locks[1], _new(site, plain.id) as new:
        instance = must_find(site, ref)
        # What an instance holds beyond its image is its own affair: size is not limited here.
        shutil.copytree(site.folders.work(server_id), new / "root", symlinks=True)
        base = instance.image_version.partition("+")[0]
        version = f"{base}+{plain.id[:8]}"
        image = _described(plain, manifests.read(new / "root"), version, snapshot_of=ref)
        return shelf.put(site, image, new)


def _described(plain: Image, said: Manifest, version: str, snapshot_of: str = "") -> Image:
    return Image(
        id=plain.id,
        name=plain.name or said.name,
        project=plain.project,
        version=version,
        snapshot_of=snapshot_of,
        port=said.port,
        health_path=said.health_path,
    )


@contextmanager
def _new(site: Site, image_id: str) -> Iterator[Path]:
    """Give an empty folder to fill; nothing of it is left unless it was moved away."""
    new = site.folders.images / f".new-{image_id}"
    discard(new)
    new.mkdir(mode=0o700)
    try:
        yield new
    finally:
        discard(new)


def _unpacked(source: Path, target: Path, most: int) -> None:
    """Copy or unpack `source`; raises `Invalid` for what is no image or too large."""
    if source.is_dir():
        _check_folder(source, source, most)
        shutil.copytree(source, target, symlinks=True)
    elif source.is_file():
        _untar(source, target, most)
        _lift(target)
        _check_folder(target, source, most)
    else:
        raise Invalid(f"there is no file or folder {source}", field="source")
    for folder, _, _ in os.walk(target):  # or it could not be removed again
        os.chmod(folder, stat.S_IMODE(os.stat(folder).st_mode) | stat.S_IRWXU)


def _untar(source: Path, target: Path, most: int) -> None:
    if not hasattr(tarfile, "data_filter"):
        raise Invalid(
            "this Python cannot unpack safely (3.11.4 can): give a folder", field="source"
        )
    try:
        with tarfile.open(source) as tar:
            _check_size(sum(member.size for member in tar), source, most)
            tar.extractall(target, filter="data")
    except tarfile.FilterError as error:
        raise Invalid(f"{source.name} reaches outside of itself: {error}", field="source") from None
    except (tarfile.TarError, EOFError, ValueError) as error:
        why = str(error).partition("\n")[0].rstrip(":")  # tarfile tells of every way it tried
        raise Invalid(f"the image is no readable tarball: {why}", field="source") from None


def _lift(target: Path) -> None:
    """Let a tarball of one folder be a tarball of what is in the folder."""
    inside = list(target.iterdir()) if target.is_dir() else []
    if len(inside) == 1 and inside[0].is_dir() and not inside[0].is_symlink():
        aside = target.with_name("lifted")
        inside[0].rename(aside)
        target.rmdir()
        aside.rename(target)


def _check_folder(folder: Path, source: Path, most: int) -> None:
    """Raise `Invalid` for too much, for pipes and devices, and for links that lead outside."""
    root, size = folder.resolve(), 0
    for path in folder.rglob("*"):
        status = path.lstat()
        kind = stat.S_IFMT(status.st_mode)
        name = path.relative_to(folder)
        if kind == stat.S_IFLNK and not path.resolve().is_relative_to(root):
            raise Invalid(f"{name} in {source.name} leads outside of the image", field="source")
        if kind not in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
            raise Invalid(f"{name} in {source.name} is no file, folder or link", field="source")
        size += status.st_size if kind == stat.S_IFREG else 0
    _check_size(size, source, most)


def _check_size(size: int, source: Path, most: int) -> None:
    if size > most:
        text = f"{source.name} unpacks to {size} bytes; at most {most} are taken in"
        raise Invalid(text, field="source")
