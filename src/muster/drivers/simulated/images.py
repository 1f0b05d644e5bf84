"""The images port over a simulated world."""

import tarfile
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from muster.base.errors import Invalid, Permanent
from muster.drivers.simulated.builtin import EVERYBODY
from muster.drivers.simulated.entries import Imaged, Unimaged
from muster.drivers.simulated.world import World
from muster.model.catalog import Image

MANIFEST = "muster-image.toml"


class SimulatedImages:
    def __init__(self, world: World, installation: UUID) -> None:
        self._world = world
        self._installation = installation

    async def list_images(self) -> Sequence[Image]:
        with self._world.call("list_images"):
            now = self._world.look()
            return [
                _shown(image, now)
                for image in self._world.state.images.values()
                if image.installation in (EVERYBODY, self._installation)
            ]

    async def import_image(self, image_id: UUID, name: str, project: str, source: Path) -> Image:
        world = self._world
        with world.call("import_image", name):
            manifest, size = _opened(source)
            with world.still() as now:
                if str(image_id) not in world.state.images:
                    image = Imaged(
                        at=now,
                        id=str(image_id),
                        installation=self._installation,
                        name=name or manifest["name"],
                        project=project,
                        active_at=now,
                        size=size,
                        version=manifest["version"],
                        port=manifest["port"],
                        health_path=manifest["health_path"],
                    )
                    world.write(image)
                return _shown(world.state.images[str(image_id)], now)

    async def snapshot(self, image_id: UUID, name: str, project: str, ref: str) -> Image:
        world = self._world
        with world.call("snapshot", ref), world.still() as now:
            if str(image_id) not in world.state.images:
                world.write(self._snapshot(image_id, name, project, ref))
            return _shown(world.state.images[str(image_id)], now)

    async def delete_image(self, image_id: str) -> None:
        world = self._world
        with world.call("delete_image", image_id), world.still() as now:
            image = world.state.images.get(image_id)
            if image and image.installation == EVERYBODY:
                raise Permanent(f"image {image.name} is built in and cannot be deleted")
            if image and image.installation == self._installation:
                world.write(Unimaged(now, image_id))

    def _snapshot(self, image_id: UUID, name: str, project: str, ref: str) -> Imaged:
        now = self._world.clock.now().timestamp()
        machine = self._world.state.machines.get(ref)
        if not machine or machine.installation != self._installation:
            raise Permanent(f"there is no server {ref}", ref=ref)
        origin = self._world.state.images.get(machine.make.image)
        return Imaged(
            at=now,
            id=str(image_id),
            installation=self._installation,
            name=name,
            project=project,
            active_at=now + self._world.options.snapshot_s,
            size=origin.size if origin else 0,
            version=origin.version if origin else "",
            snapshot_of=ref,
            port=machine.make.port or (origin.port if origin else 0),
            health_path=origin.health_path if origin else "",
            fault=origin.fault if origin else "",
        )


def _shown(image: Imaged, now: float) -> Image:
    return Image(
        id=image.id,
        name=image.name,
        project=image.project,
        status="active" if image.active_at <= now else "saving",
        created_at=datetime.fromtimestamp(image.at, UTC) if image.at else None,
        size=image.size,
        version=image.version,
        snapshot_of=image.snapshot_of,
        port=image.port or None,
        health_path=image.health_path or None,
    )


def _opened(source: Path) -> tuple[dict[str, Any], int]:
    """Return the manifest of a folder or tarball, checked, and how large the source is."""
    try:
        if source.is_dir():
            text = (source / MANIFEST).read_text()
            size = sum(file.stat().st_size for file in source.rglob("*") if file.is_file())
        else:
            text, size = _from_tarball(source), source.stat().st_size
        manifest = tomllib.loads(text)
    except (OSError, tarfile.TarError, KeyError) as error:
        raise Invalid(
            f"no {MANIFEST} can be read in {source.name}: {error}", field="source"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"{MANIFEST}: {error}", field=MANIFEST) from None
    return _checked(manifest), size


def _from_tarball(source: Path) -> str:
    with tarfile.open(source) as tar:
        for member in tar:
            file = tar.extractfile(member) if Path(member.name).name == MANIFEST else None
            if file:
                return file.read().decode()
    raise KeyError(MANIFEST)


def _checked(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return what a simulation needs of the manifest; raises `Invalid` naming the field."""
    kept: dict[str, Any] = {}
    for name, kind, default in (
        ("name", str, ""),
        ("version", str, ""),
        ("port", int, 0),
        ("health_path", str, ""),
    ):
        value = manifest.get(name, default)
        if not isinstance(value, kind) or (name == "name" and not value):
            raise Invalid(f"{MANIFEST}: {name} must be {kind.__name__}, not {value!r}", field=name)
        kept[name] = value
    if not 0 <= kept["port"] <= 65535:
        raise Invalid(f"{MANIFEST}: port must be 1 to 65535, not {kept['port']}", field="port")
    return kept
