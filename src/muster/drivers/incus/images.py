"""The images port over Incus: the server's own, what was imported, published snapshots."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlencode
from uuid import UUID

from muster.base.clock import Clock
from muster.base.errors import DriverError, Permanent, Transient
from muster.drivers.incus.answers import is_missing, is_taken
from muster.drivers.incus.look import Lookout
from muster.drivers.incus.packing import pack
from muster.drivers.incus.rest import WRITE_S, Call, Rest, path
from muster.drivers.incus.shape import alias
from muster.model.catalog import Image

MARK = "muster."  # of the properties that we give to images
TRANSFER_S = 600.0
KEPT_FOR = timedelta(hours=1)
CHUNK = 1 << 18


# Note [Published or not]
# Muster may be killed while Incus makes an image, and nobody asks for that one again. So Incus is
# told at once what we call it, without which no instance could be made of it, and to delete the
# snapshot that it is made from by itself, should we not come to it.
class IncusImages:
    def __init__(self, rest: Rest, lookout: Lookout, clock: Clock, installation: UUID) -> None:
        self._rest = rest
        self._lookout = lookout
        self._clock = clock
        self._installation = installation

    async def list_images(self) -> Sequence[Image]:
        """Return the images: ours, and those that nobody's installation has made."""
        listed = await self._rest.get("/1.0/images", recursion="1")
        images = [shown(each) for each in listed if self._of(each) in ("", str(self._installation))]
        return sorted(images, key=lambda each: (each.name, each.id))

    async def import_image(self, image_id: UUID, name: str, project: str, source: Path) -> Image:
        there = await self._ours(image_id)
        if there:
            return there
        given = {"id": str(image_id), "project": project}
        given |= {"installation": str(self._installation)} | ({"name": name} if name else {})
        with tempfile.TemporaryFile() as packed:
            said = await asyncio.to_thread(pack, source, packed, _marked(given))
            packed.seek(0)
            headers = {
                "Content-Type": "application/octet-stream",
                "X-Incus-filename": f"{alias(image_id)}.tar.gz",
                "X-Incus-aliases": urlencode({"alias": alias(image_id)}),
                "X-Incus-properties": urlencode(_marked(given) | said),
                "X-Incus-public": "false",
            }
            await self._made(image_id, _upload(_chunks(packed), headers))
        return await self._must(image_id)

    async def snapshot(self, image_id: UUID, name: str, project: str, ref: str) -> Image:
        """Publish the instance as it is; it runs on, so what it is writing may be half there.

        See Note [Published or not].
        """
        kept = f"muster-{image_id.hex[:10]}"
        where = path("instances", ref, "snapshots")
        gone = Call(method="DELETE", path=f"{where}/{kept}", deadline_s=WRITE_S)
        there = await self._ours(image_id)
        if there:  # and the snapshot may be, where we were killed before it went
            await self._tried(gone)
            return there
        instance = await self._lookout.ours(ref)
        if instance is None:
            raise Permanent(f"there is no server {ref}", ref=ref)
        until = (self._clock.now() + KEPT_FOR).isoformat()
        wish = {"name": kept, "expires_at": until}
        await self._tried(Call(method="POST", path=where, body=wish, deadline_s=WRITE_S))
        given = _inherited(instance["config"], image_id) | {
            "id": str(image_id),
            "installation": str(self._installation),
            "name": name,
            "project": project,
            "snapshot_of": ref,
        }
        body = {
            "source": {"type": "snapshot", "name": f"{ref}/{kept}"},
            "properties": _marked(given) | {"name": name, "description": f"{name}, of {ref}"},
            "compression_algorithm": "gzip",
            "aliases": [{"name": alias(image_id)}],
        }
        call = Call(method="POST", path="/1.0/images", body=body, deadline_s=TRANSFER_S)
        try:
            await self._made(image_id, call)
        finally:
            await self._tried(gone)
        return await self._must(image_id)

    async def delete_image(self, image_id: str) -> None:
        listed = await self._rest.get("/1.0/images", recursion="1")
        for each in listed:
            if _id(each) == image_id and self._of(each) in ("", str(self._installation)):
                where = path("images", each["fingerprint"])
                await self._tried(Call(method="DELETE", path=where, deadline_s=WRITE_S))

    async def _made(self, image_id: UUID, call: Call) -> None:
        """Make the image and give it our name, by which instances are made from it."""
        try:
            said = await self._rest.put_into_effect(call)
        except DriverError as error:
            if not is_taken(error):
                raise
            said = {}
        fingerprint = said.get("fingerprint") or await self._fingerprint(image_id)
        name = {"name": alias(image_id), "target": fingerprint}
        where = "/1.0/images/aliases"
        await self._tried(Call(method="POST", path=where, body=name, deadline_s=WRITE_S))

    async def _tried(self, call: Call) -> None:
        """Put the call into effect, whether or not it was done before."""
        try:
            await self._rest.put_into_effect(call)
        except DriverError as error:
            if not (is_taken(error) or is_missing(error)):
                raise

    async def _ours(self, image_id: UUID) -> Image | None:
        """Return the image if it is complete: there, and called as we call it."""
        known = await self._rest.find(path("images", "aliases", alias(image_id)))
        if known is None:
            return None
        said = await self._rest.find(path("images", known["target"]))
        return shown(said) if said else None

    async def _must(self, image_id: UUID) -> Image:
        made = await self._ours(image_id)
        if made is None:
            raise Transient(f"image {image_id} was made and cannot be seen yet")
        return made

    async def _fingerprint(self, image_id: UUID) -> str:
        for each in await self._rest.get("/1.0/images", recursion="1"):
            if _id(each) == str(image_id):
                return str(each["fingerprint"])
        raise Transient(f"image {image_id} was made and cannot be seen yet")

    def _of(self, said: Mapping[str, Any]) -> str:
        return str(said["properties"].get(f"{MARK}installation", ""))


def _upload(content: AsyncIterator[bytes], headers: Mapping[str, str]) -> Call:
    return Call(
        method="POST",
        path="/1.0/images",
        content=content,
        headers=headers,
        deadline_s=TRANSFER_S,
    )


async def _chunks(file: IO[bytes]) -> AsyncIterator[bytes]:
    while chunk := await asyncio.to_thread(file.read, CHUNK):
        yield chunk


def _marked(given: Mapping[str, str]) -> dict[str, str]:
    return {f"{MARK}{name}": value for name, value in given.items()}


def _inherited(config: Mapping[str, str], image_id: UUID) -> dict[str, str]:
    """Return what a snapshot has from the image that its instance was made of."""
    start = f"image.{MARK}"
    told = {k.removeprefix(start): v for k, v in config.items() if k.startswith(start)}
    base = told.get("version", config.get("image.release", "")).partition("+")[0]
    return told | {"version": f"{base}+{image_id.hex[:8]}"}


def _id(said: Mapping[str, Any]) -> str:
    """Return our id of an image of ours, the fingerprint of any other."""
    return str(said["properties"].get(f"{MARK}id") or said["fingerprint"])


def shown(said: Mapping[str, Any]) -> Image:
    """Return an image of Incus's as we show it."""
    told: Mapping[str, str] = said["properties"]
    port = told.get(f"{MARK}port", "")
    names = [each["name"] for each in said.get("aliases") or ()]
    usual = told.get("name") or told.get("description") or said["fingerprint"][:12]
    return Image(
        id=_id(said),
        name=told.get(f"{MARK}name") or next(iter(names), usual),
        project=told.get(f"{MARK}project", ""),
        created_at=datetime.fromisoformat(said["uploaded_at"]),
        size=said["size"],
        version=told.get(f"{MARK}version") or told.get("release", ""),
        snapshot_of=told.get(f"{MARK}snapshot_of", ""),
        port=int(port) if port.isdigit() else None,
        health_path=told.get(f"{MARK}health_path"),
        machine=said["type"],
    )
