"""The images port over Glance: ours are told by their properties."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from muster.base.errors import DriverError, Permanent
from muster.drivers.openstack.listing import Listing
from muster.drivers.openstack.packed import Packed, opened
from muster.drivers.openstack.rest import Call, Rest
from muster.model.catalog import VIRTUAL, Image

MARK = "muster_"  # of the properties that we give to images
TRANSFER_S = 600.0
PAGE = 500
ACTIVE = "active"
STATUSES: Mapping[str, str] = {
    "queued": "saving",
    "saving": "saving",
    "uploading": "saving",
    "importing": "saving",
    ACTIVE: ACTIVE,
    "deactivated": "error",
    "killed": "error",
    "deleted": "error",
    "pending_delete": "error",
}
Said = Mapping[str, Any]


# Note [Ids of images]
# Glance would take an id of ours, but never the same again, not even when an upload was cut and
# has to be begun anew; and Nova lets nobody choose the id of a snapshot. So our id is a property,
# and whoever wants an image by it is told Glance's.
class OpenStackImages:
    """See Note [Ids of images]."""

    def __init__(self, rest: Rest, listing: Listing) -> None:
        self._rest = rest
        self._listing = listing
        self._installation = str(listing.installation)
        self._ids: dict[str, str] = {}  # of Glance, by what we call them
        self._turns: defaultdict[UUID, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def list_images(self) -> Sequence[Image]:
        """Return the images that servers can be made of: ours, and those of no installation."""
        return sorted(map(shown, await self._all()), key=lambda each: (each.name, each.id))

    async def resolve(self, image: str) -> str:
        """Return Glance's id of an image; raises `Permanent` where there is none."""
        if image not in self._ids:
            await self._all()
        if image not in self._ids:
            raise Permanent(f"there is no image {image}", image=image)
        return self._ids[image]

    async def import_image(self, image_id: UUID, name: str, project: str, source: Path) -> Image:
        async with self._turns[image_id]:
            there = await self._whole(image_id)
            if there:
                return shown(there)
            given = {"id": str(image_id), "project": project}
            with opened(source) as packed:
                made = await self._begin(name or packed.manifest["name"], given, packed)
                where = f"/images/{made['id']}"
                try:
                    await self._upload(f"{where}/file", packed)
                except DriverError:
                    await self._rest.delete("image", where)
                    raise
            return shown(await self._rest.get("image", where))

    async def snapshot(self, image_id: UUID, name: str, project: str, ref: str) -> Image:
        async with self._turns[image_id]:
            there = await self._found(image_id)
            if there:
                return shown(there[0])
            server = await self._listing.record(ref)
            if server is None:
                raise Permanent(f"there is no server {ref}", ref=ref)
            given = await self._inherited(server, image_id) | {
                "id": str(image_id),
                "project": project,
                "snapshot_of": ref,
            }
            body = {"createImage": {"name": name, "metadata": self._marked(given)}}
            said = await self._rest.post("compute", f"/servers/{ref}/action", body)
            self._listing.forget()
            return shown(await self._rest.get("image", f"/images/{said['image_id']}"))

    async def delete_image(self, image_id: str) -> None:
        for each in await self._all():
            if image_id in (each["id"], each.get(f"{MARK}id")):
                await self._rest.delete("image", f"/images/{each['id']}")
        self._ids.pop(image_id, None)

    async def _all(self) -> list[Said]:
        listed = await self._rest.listed("image", "/images", "images", limit=PAGE)
        ours = ("", self._installation)
        found = [each for each in listed if each.get(f"{MARK}installation", "") in ours]
        self._ids = {each["id"]: each["id"] for each in found}
        self._ids |= {each[f"{MARK}id"]: each["id"] for each in found if f"{MARK}id" in each}
        return found

    async def _found(self, image_id: UUID) -> list[Said]:
        """Return what is there under our id; a snapshot of Nova's that failed is not."""
        wanted = {f"{MARK}id": str(image_id)}
        listed = await self._rest.listed("image", "/images", "images", **wanted)
        return [
            each
            for each in listed
            if each[f"{MARK}installation"] == self._installation
            and STATUSES.get(each["status"]) != "error"
        ]

    async def _whole(self, image_id: UUID) -> Said | None:
        """Return the image if it is complete; what a cut has left of it is deleted."""
        whole = None
        for each in await self._found(image_id):
            if each["status"] == ACTIVE:
                whole = each
            else:
                await self._rest.delete("image", f"/images/{each['id']}")
        return whole

    async def _begin(self, name: str, given: Mapping[str, str], packed: Packed) -> Said:
        told = {k: str(v) for k, v in packed.manifest.items() if k != "name"}
        body = {
            "name": name,
            "disk_format": packed.format,
            "container_format": "bare",
            "visibility": "private",
        }
        said: Said = await self._rest.post(
            "image", "/images", body | self._marked({**told, **given})
        )
        return said

    async def _upload(self, where: str, packed: Packed) -> None:
        call = Call(
            service="image",
            method="PUT",
            path=where,
            content=packed.disk,
            headers={"Content-Type": "application/octet-stream"},
            deadline_s=TRANSFER_S,
        )
        await self._rest.answer(call)

    async def _inherited(self, server: Said, image_id: UUID) -> dict[str, str]:
        """Return what a snapshot has from the image that its server was made of."""
        base = server["metadata"].get("muster.image", "")
        of = next((e for e in await self._all() if base in (e["id"], e.get(f"{MARK}id"))), {})
        told = {k: str(of[f"{MARK}{k}"]) for k in ("port", "health_path") if f"{MARK}{k}" in of}
        version = str(of.get(f"{MARK}version", "")).partition("+")[0]
        return told | {"version": f"{version}+{image_id.hex[:8]}"}

    def _marked(self, given: Mapping[str, str]) -> dict[str, str]:
        whose = {"installation": self._installation}
        return {f"{MARK}{name}": value for name, value in {**given, **whose}.items() if value}


def shown(said: Said) -> Image:
    """Return an image of Glance's as we show it."""
    port = str(said.get(f"{MARK}port", ""))
    return Image(
        id=said.get(f"{MARK}id") or said["id"],
        name=said.get("name") or said["id"],
        project=said.get(f"{MARK}project", ""),
        status=STATUSES.get(said["status"], "error"),
        created_at=datetime.fromisoformat(said["created_at"]),
        size=said.get("size") or 0,
        version=said.get(f"{MARK}version") or said.get("os_version") or _content(said),
        snapshot_of=said.get(f"{MARK}snapshot_of", ""),
        port=int(port) if port.isdigit() else None,
        health_path=said.get(f"{MARK}health_path"),
        machine=VIRTUAL,
    )


def _content(said: Said) -> str:
    """Return what tells an image's content from another's, where nobody has said a version."""
    return str(said.get("os_hash_value") or "")[:8]
