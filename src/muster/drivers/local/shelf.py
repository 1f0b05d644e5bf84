"""Which images there are, kept in folders of the cloud's home; some came with Muster."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid5

import msgspec

from muster.base.errors import Conflict, Permanent
from muster.drivers.local import manifest as manifests
from muster.drivers.local.folders import discard, locked, write
from muster.drivers.local.manifest import Manifest
from muster.drivers.local.site import Site
from muster.model.catalog import Image

SHIPPED = Path(__file__).with_name("images")
SPACE = UUID("3d1c5b0a-7f0e-4d0c-9a43-5c2f5d3f7a10")
RECORD = "image.json"

# The files of each image that came with Muster; later folders lie over earlier ones.
BUILT_IN: Mapping[str, tuple[str, ...]] = {
    str(uuid5(SPACE, "demo-web")): ("demo-web",),
    str(uuid5(SPACE, "demo-web-v2")): ("demo-web", "demo-web-v2"),
}


def everything(site: Site) -> list[Image]:
    kept = (_kept(folder) for folder in sorted(site.folders.images.iterdir()))
    return [*map(_built_in, BUILT_IN), *(image for image in kept if image)]


def find(site: Site, image_id: str) -> Image:
    """Return the image; raises `Permanent` if there is none."""
    image = present(site, image_id)
    if not image:
        raise Permanent(f"there is no image {image_id}", image=image_id)
    return image


def present(site: Site, image_id: str) -> Image | None:
    if image_id in BUILT_IN:
        return _built_in(image_id)
    return _kept(site.folders.images / _plain(image_id))


def manifest(site: Site, image_id: str) -> Manifest:
    return manifests.read(_layers(site, image_id)[-1])


def copy(site: Site, image_id: str, target: Path) -> None:
    """Put the image's files into the folder `target`, which is made."""
    find(site, image_id)
    for layer in _layers(site, image_id):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(layer, target, symlinks=True, dirs_exist_ok=True, ignore=ignored)


def put(site: Site, image: Image, new: Path) -> Image:
    """Take the files in the folder `new` in as the image, in one go."""
    size = sum(path.lstat().st_size for path in new.rglob("*") if path.is_file())
    whole = replace(image, size=size, created_at=site.clock.now())
    write(new / RECORD, msgspec.json.encode(whole))
    new.rename(site.folders.images / image.id)
    return whole


def remove(site: Site, image_id: str) -> None:
    if image_id in BUILT_IN:
        name = _built_in(image_id).name
        raise Conflict(f"image {name} came with Muster and cannot be deleted", image=image_id)
    if present(site, image_id):
        with locked(site.folders, image_id):
            discard(site.folders.images / _plain(image_id))


def _layers(site: Site, image_id: str) -> list[Path]:
    if image_id in BUILT_IN:
        return [SHIPPED / folder for folder in BUILT_IN[image_id]]
    return [site.folders.images / _plain(image_id) / "root"]


def _plain(image_id: str) -> str:
    """Return the id as a file name that leads nowhere else."""
    try:
        return str(UUID(image_id))
    except ValueError:
        return "none"


def _built_in(image_id: str) -> Image:
    layers = [SHIPPED / folder for folder in BUILT_IN[image_id]]
    said = manifests.read(layers[-1])
    return Image(
        id=image_id,
        name=said.name,
        version=said.version,
        size=sum(path.stat().st_size for layer in layers for path in layer.iterdir()),
        port=said.port,
        health_path=said.health_path,
    )


def _kept(folder: Path) -> Image | None:
    if folder.name.startswith("."):
        return None
    try:
        return msgspec.json.decode((folder / RECORD).read_bytes(), type=Image)
    except (FileNotFoundError, NotADirectoryError, msgspec.DecodeError):
        return None
