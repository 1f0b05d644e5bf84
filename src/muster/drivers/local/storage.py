"""Volumes as folders: a record and what is in them, linked into the instance that has them."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from uuid import UUID

import msgspec

from muster.base.errors import Permanent, Transient
from muster.drivers.local.folders import discard, locked, read, write
from muster.drivers.local.instance import Wanted
from muster.drivers.local.operate import must_find
from muster.drivers.local.site import Site
from muster.model.step import ServerOrder
from muster.model.volume import Volume, VolumeOrder, disk_id

RECORD = "volume.json"
GIB = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """`server_id` is whom it was given to last: see Note [Links tell]."""

    id: UUID
    installation: UUID
    name: str
    project: str
    size_gib: int
    created: datetime
    keeper: UUID | None = None
    server_id: UUID | None = None
    node_id: UUID | None = None


# Note [Links tell]
# A volume is attached where the link to it is in the instance's folder, which goes with the
# instance. The record says only where to look for the link, and is written before there is one:
# so a cut in between, or an instance that went meanwhile, leaves nothing to be repaired.
def everything(site: Site) -> list[Volume]:
    return [shown(site, record) for record in _records(site)]


def create(site: Site, order: VolumeOrder) -> Volume:
    """Return the ordered volume, made unless it was before."""
    _refuse_elsewhere(site, order.host, order.zone)
    with locked(site.folders, order.volume_id):
        there = _find(site, order.volume_id)
        return shown(site, there or _made(site, order))


def _refuse_elsewhere(site: Site, host: str, zone: str = "") -> None:
    if host not in ("", site.host):
        raise Permanent(f"there is no host {host} here, only {site.host}")
    if zone not in ("", "local"):
        raise Permanent(f"there is no zone {zone} here, only local")


def _made(site: Site, order: VolumeOrder) -> Record:
    free = shutil.disk_usage(site.folders.volumes).free
    if free < order.size_gib * GIB:
        text = f"has {free / GIB:.1f} GiB free, and volume {order.name} is to have"
        raise Transient(f"the disk under {site.folders.home} {text} {order.size_gib}")
    folder = site.folders.volume(order.volume_id)
    new = folder.with_name(f".new-{order.volume_id}")
    discard(new)
    (new / "data").mkdir(mode=0o700, parents=True)
    record = Record(
        id=order.volume_id,
        installation=site.installation,
        name=order.name,
        project=order.project,
        size_gib=order.size_gib,
        created=site.clock.now(),
        keeper=order.keeper,
    )
    write(new / RECORD, msgspec.json.encode(record))
    new.rename(folder)
    return record


def attach(site: Site, volume_id: UUID, ref: str, path: str) -> Volume:
    with locked(site.folders, volume_id):
        record, instance = _must(site, volume_id), must_find(site, ref)
        holder = _holder(site, record)
        if holder and holder != instance.server_id:
            raise Permanent(f"volume {record.name} is attached to {holder}")
        if holder:
            return shown(site, record)
        link = _link(site, instance.server_id, record.name)
        if path not in ("", str(link)):
            text = f"an instance here finds it at {link}, and not at {path}: name no path"
            raise Permanent(f"volume {record.name}: {text}")
        if link.is_symlink():
            raise Permanent(f"{instance.name} has another volume called {record.name}")
        _refuse_outgrown(site, record)
        whom = None if record.keeper else instance.node_id
        given = _save(site, replace(record, server_id=instance.server_id, node_id=whom))
        link.parent.mkdir(mode=0o700, exist_ok=True)
        link.symlink_to(site.folders.volume(record.id) / "data")
        return shown(site, given)


def _refuse_outgrown(site: Site, record: Record) -> None:
    """Nothing keeps a folder to its size; one that is too large goes to nobody until it may be."""
    used = 0
    for folder, _, files in os.walk(site.folders.volume(record.id) / "data"):
        used += sum(os.lstat(os.path.join(folder, name)).st_blocks for name in files) * 512
    if used > record.size_gib * GIB:
        text = f"holds {used / GIB:.1f} GiB and is to have {record.size_gib}: make it larger first"
        raise Permanent(f"volume {record.name} {text}")


def detach(site: Site, volume_id: UUID) -> Volume:
    with locked(site.folders, volume_id):
        record = _save(site, replace(_must(site, volume_id), node_id=None))
        if record.server_id:
            _link(site, record.server_id, record.name).unlink(missing_ok=True)
        return shown(site, record)


def move(site: Site, volume_id: UUID, host: str) -> Volume:
    _refuse_elsewhere(site, host)
    return shown(site, _must(site, volume_id))


def resize(site: Site, volume_id: UUID, size_gib: int) -> Volume:
    with locked(site.folders, volume_id):
        record = _must(site, volume_id)
        if size_gib < record.size_gib:
            raise Permanent(f"volume {record.name} has {record.size_gib} GiB and stays so")
        return shown(site, _save(site, replace(record, size_gib=size_gib)))


def delete(site: Site, volume_id: UUID) -> None:
    with locked(site.folders, volume_id):
        record = _find(site, volume_id)
        if record is None:
            return
        if holder := _holder(site, record):
            raise Permanent(f"volume {record.name} is attached to {holder}")
        discard(site.folders.volume(volume_id))


def furnish(site: Site, order: ServerOrder, folder: Path) -> None:
    """Make the disks of a new instance, and link them into what is to be its folder."""
    for number, disk in enumerate(order.spec.disks):
        if disk.path:
            text = f"an instance here finds its disks in {folder.name}/volumes"
            raise Permanent(f"{text}, and not at {disk.path}: name no path")
        wanted = VolumeOrder(
            volume_id=disk_id(order.server_id, number),
            name=f"disk{number}",
            project=order.project,
            size_gib=disk.size_gib,
            keeper=order.server_id,
        )
        create(site, wanted)
        _save(site, replace(_must(site, wanted.volume_id), server_id=order.server_id))
        (folder / "volumes").mkdir(mode=0o700, exist_ok=True)
        (folder / "volumes" / wanted.name).symlink_to(
            site.folders.volume(wanted.volume_id) / "data"
        )


def sweep(site: Site) -> None:
    """Remove the disks of instances whose making was cut short before they were there."""
    for record in list(_records(site)):
        owner = record.keeper
        if owner is None or site.folders.instance(owner).exists():
            continue
        with locked(site.folders, owner, wait=False) as free:
            if free and not site.folders.instance(owner).exists():
                discard(site.folders.volume(record.id))


def shown(site: Site, record: Record) -> Volume:
    holder = _holder(site, record)
    return Volume(
        id=record.id,
        ref=str(record.id),
        name=record.name,
        project=record.project,
        size_gib=record.size_gib,
        host=site.host,
        zone="local",
        server_ref=str(holder or ""),
        path=str(_link(site, holder, record.name)) if holder else "",
        keeper=record.keeper,
        node_id=record.node_id,
        limited=False,
        created=record.created,
    )


def _holder(site: Site, record: Record) -> UUID | None:
    """Return whose the volume is now. See Note [Links tell]."""
    if record.server_id is None:
        return None
    link = _link(site, record.server_id, record.name)
    instance = read(site.folders.instance(record.server_id))
    there = instance and instance.wanted is not Wanted.GONE and link.is_symlink()
    mine = there and os.readlink(link) == str(site.folders.volume(record.id) / "data")
    return record.server_id if mine else None


def _link(site: Site, server_id: UUID, name: str) -> Path:
    return site.folders.instance(server_id) / "volumes" / name


def _records(site: Site) -> Iterator[Record]:
    for folder in sorted(site.folders.volumes.iterdir()):
        record = _read(folder)
        if record and record.installation == site.installation:
            yield record


def _read(folder: Path) -> Record | None:
    if folder.name.startswith("."):
        return None
    try:
        return msgspec.json.decode((folder / RECORD).read_bytes(), type=Record)
    except (FileNotFoundError, NotADirectoryError, msgspec.DecodeError):
        return None


def _find(site: Site, volume_id: UUID) -> Record | None:
    record = _read(site.folders.volume(volume_id))
    return record if record and record.installation == site.installation else None


def _must(site: Site, volume_id: UUID) -> Record:
    record = _find(site, volume_id)
    if record is None:
        raise Permanent(f"there is no volume {volume_id}")
    return record


def _save(site: Site, record: Record) -> Record:
    write(site.folders.volume(record.id) / RECORD, msgspec.json.encode(record))
    return record
