"""Volumes as folders: what a cut leaves, and what happens to one that has outgrown itself."""

import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from contracts.clouds import Bed, config, local
from muster.base.clock import SystemClock
from muster.base.errors import Permanent, Transient
from muster.drivers.local.cloud import open_cloud
from muster.model.step import Operation
from muster.model.volume import Disk, VolumeOrder

ORDER = VolumeOrder(volume_id=uuid4(), name="data", project="demo", size_gib=1)


@pytest.fixture
async def bed(tmp_path: Path) -> AsyncIterator[Bed]:
    async with local(tmp_path) as made:
        yield made


async def test_what_is_written_is_there_for_the_next(bed: Bed, tmp_path: Path) -> None:
    volumes = bed.cloud.volumes
    assert volumes
    await volumes.create_volume(ORDER)
    for number in range(2):
        server = await bed.running(bed.order(uuid4(), number))
        attached = await volumes.attach_volume(ORDER.volume_id, server.ref)
        note = Path(attached.path) / "note"
        assert note.exists() == bool(number)
        note.write_text("kept")
        await bed.cloud.compute.delete_server(server.ref)
    assert (tmp_path / "volumes" / str(ORDER.volume_id) / "data" / "note").exists()


async def test_a_rebuilt_instance_keeps_its_volumes(bed: Bed) -> None:
    volumes = bed.cloud.volumes
    assert volumes
    server = await bed.running(bed.order(uuid4(), disks=(Disk(size_gib=1),)))
    [disk] = await volumes.list_volumes()
    (Path(disk.path) / "note").write_text("kept")
    await bed.cloud.compute.operate_server(server.ref, Operation.REBUILD)
    assert (Path(disk.path) / "note").exists()


async def test_a_hole_takes_no_room(bed: Bed) -> None:
    volumes = bed.cloud.volumes
    assert volumes
    await volumes.create_volume(ORDER)
    server = await bed.running(bed.order(uuid4()))
    attached = await volumes.attach_volume(ORDER.volume_id, server.ref)
    with open(Path(attached.path) / "big", "wb") as file:  # noqa: ASYNC230
        file.truncate(3 << 30)  # a hole takes no room, and so does not count
    await volumes.detach_volume(ORDER.volume_id)
    assert (await volumes.attach_volume(ORDER.volume_id, server.ref)).server_ref == server.ref


async def test_one_that_holds_more_than_it_may_goes_to_nobody(bed: Bed) -> None:
    volumes = bed.cloud.volumes
    assert volumes
    await volumes.create_volume(ORDER)
    server = await bed.running(bed.order(uuid4()))
    attached = await volumes.attach_volume(ORDER.volume_id, server.ref)
    file = os.open(Path(attached.path) / "big", os.O_CREAT | os.O_WRONLY)
    try:
        os.posix_fallocate(file, 0, (1 << 30) + (1 << 20))
    except OSError as error:
        pytest.skip(f"no room for a large file: {error}")
    finally:
        os.close(file)
    await volumes.detach_volume(ORDER.volume_id)
    with pytest.raises(Permanent, match="make it larger first"):
        await volumes.attach_volume(ORDER.volume_id, server.ref)
    await volumes.resize_volume(ORDER.volume_id, 2)
    assert (await volumes.attach_volume(ORDER.volume_id, server.ref)).server_ref == server.ref


async def test_more_than_the_disk_has_free_is_not_promised(bed: Bed) -> None:
    volumes = bed.cloud.volumes
    assert volumes
    with pytest.raises(Transient, match="free"):
        await volumes.create_volume(replace(ORDER, size_gib=1 << 20))
    assert not await volumes.list_volumes()


async def test_a_path_of_ones_own_cannot_be_had(bed: Bed) -> None:
    volumes = bed.cloud.volumes
    assert volumes
    await volumes.create_volume(ORDER)
    server = await bed.running(bed.order(uuid4()))
    with pytest.raises(Permanent, match="name no path"):
        await volumes.attach_volume(ORDER.volume_id, server.ref, "/srv")


async def test_disks_of_an_instance_that_never_was_go_at_the_next_start(tmp_path: Path) -> None:
    said = config(tmp_path, SystemClock())
    cloud = await open_cloud(said)
    assert cloud.volumes
    await cloud.volumes.create_volume(ORDER)
    await cloud.volumes.create_volume(
        replace(ORDER, volume_id=uuid4(), name="disk0", keeper=uuid4())
    )
    await cloud.close()
    again = await open_cloud(said)
    assert again.volumes
    assert [each.id for each in await again.volumes.list_volumes()] == [ORDER.volume_id]
    await again.close()
