"""What every cloud promises about volumes."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.clouds import Bed
from muster.base.errors import Permanent
from muster.model.command import Command
from muster.model.observed import Server
from muster.model.volume import Disk, Volume, VolumeOrder, disk_id
from muster.ports.volumes import Volumes


@pytest.fixture
async def volumes(bed: Bed) -> AsyncIterator[Volumes]:
    """The volumes of the bed; what a test leaves does not outlive it."""
    assert bed.cloud.volumes
    yield bed.cloud.volumes
    await bed.emptied()
    await bed.until(partial(_deleted, bed.cloud.volumes))


async def _deleted(volumes: Volumes) -> bool:
    for volume in await volumes.list_volumes():
        await volumes.detach_volume(volume.id)
        await volumes.delete_volume(volume.id)
    return True


def an_order(**but: Any) -> VolumeOrder:
    plain = {"volume_id": uuid4(), "name": "data", "project": "demo", "size_gib": 1}
    return VolumeOrder(**plain | but)


async def _server(bed: Bed, index: int = 0, **but: Any) -> Server:
    return await bed.running(bed.order(uuid4(), index, **but))


async def _shown(volumes: Volumes, volume_id: UUID) -> Volume:
    [found] = [each for each in await volumes.list_volumes() if each.id == volume_id]
    return found


async def test_creating_twice_creates_once(volumes: Volumes) -> None:
    order = an_order()
    first = await volumes.create_volume(order)
    again = await volumes.create_volume(order)
    assert first == again
    assert [each.id for each in await volumes.list_volumes()] == [order.volume_id]


async def test_a_volume_is_as_it_was_ordered_and_nobodys(volumes: Volumes) -> None:
    order = an_order(name="my-data", size_gib=2)
    volume = await volumes.create_volume(order)
    assert (volume.id, volume.name, volume.project, volume.size_gib) == (
        order.volume_id,
        "my-data",
        "demo",
        2,
    )
    assert (volume.server_ref, volume.path, volume.keeper) == ("", "", None)
    assert volume.host
    assert await _shown(volumes, volume.id) == volume


async def test_a_host_or_zone_that_is_not_there_is_refused_by_name(volumes: Volumes) -> None:
    for wrong in ({"host": "nowhere"}, {"zone": "nowhere"}):
        with pytest.raises(Permanent, match="nowhere"):
            await volumes.create_volume(an_order(**wrong))
    assert not await volumes.list_volumes()


async def test_a_volume_lies_in_the_zone_it_was_ordered_for(bed: Bed, volumes: Volumes) -> None:
    for zone in bed.cloud.about.zones:
        volume = await volumes.create_volume(an_order(zone=zone))
        assert volume.zone == zone


async def test_an_attached_volume_is_where_its_server_is(bed: Bed, volumes: Volumes) -> None:
    server = await _server(bed)
    volume = await volumes.create_volume(an_order())
    for _ in range(2):
        attached = await volumes.attach_volume(volume.id, server.ref)
        assert attached.server_ref == server.ref
        assert attached.path
        assert (attached.host, attached.zone) == (server.host, server.zone)
        assert await _shown(volumes, volume.id) == attached


async def test_attaching_brings_it_from_every_zone(bed: Bed, volumes: Volumes) -> None:
    server = await _server(bed)
    for place, zone in enumerate(bed.cloud.about.zones):
        volume = await volumes.create_volume(an_order(name=f"data-{place}", zone=zone))
        attached = await volumes.attach_volume(volume.id, server.ref)
        assert (attached.host, attached.server_ref) == (server.host, server.ref)


async def test_one_server_has_it_and_no_other(bed: Bed, volumes: Volumes) -> None:
    one, other = [await _server(bed, index) for index in range(2)]
    volume = await volumes.create_volume(an_order())
    await volumes.attach_volume(volume.id, one.ref)
    with pytest.raises(Permanent, match=one.ref):
        await volumes.attach_volume(volume.id, other.ref)
    assert (await _shown(volumes, volume.id)).server_ref == one.ref


async def test_a_server_has_several(bed: Bed, volumes: Volumes) -> None:
    server = await _server(bed)
    made = [await volumes.create_volume(an_order(name=f"data-{i}")) for i in range(2)]
    attached = [await volumes.attach_volume(each.id, server.ref) for each in made]
    assert len({each.path for each in attached}) == 2


async def test_detached_it_is_nobodys_and_goes_to_another(bed: Bed, volumes: Volumes) -> None:
    one, other = [await _server(bed, index) for index in range(2)]
    volume = await volumes.create_volume(an_order())
    await volumes.attach_volume(volume.id, one.ref)
    for _ in range(2):
        free = await volumes.detach_volume(volume.id)
        assert (free.server_ref, free.path) == ("", "")
    moved = await volumes.attach_volume(volume.id, other.ref)
    assert (moved.server_ref, moved.host) == (other.ref, other.host)


async def test_what_is_attached_cannot_be_deleted(bed: Bed, volumes: Volumes) -> None:
    server = await _server(bed)
    volume = await volumes.create_volume(an_order())
    await volumes.attach_volume(volume.id, server.ref)
    with pytest.raises(Permanent, match=server.ref):
        await volumes.delete_volume(volume.id)
    assert (await _shown(volumes, volume.id)).server_ref == server.ref


async def test_deleted_it_is_gone_and_deleting_it_again_is_no_error(volumes: Volumes) -> None:
    volume = await volumes.create_volume(an_order())
    for _ in range(2):
        await volumes.delete_volume(volume.id)
    await volumes.delete_volume(uuid4())
    assert not await volumes.list_volumes()


async def test_a_volume_outlives_its_server_as_nobodys(bed: Bed, volumes: Volumes) -> None:
    order = bed.order(uuid4())
    server = await bed.running(order)
    volume = await volumes.create_volume(an_order())
    await volumes.attach_volume(volume.id, server.ref)
    await bed.cloud.compute.delete_server(server.ref)
    await bed.gone(order)
    left = await _shown(volumes, volume.id)
    assert (left.server_ref, left.path) == ("", "")


async def test_whose_node_had_it_is_known_until_it_is_taken_away(
    bed: Bed, volumes: Volumes
) -> None:
    order = bed.order(uuid4())
    server = await bed.running(order)
    volume = await volumes.create_volume(an_order())
    assert volume.node_id is None
    assert (await volumes.attach_volume(volume.id, server.ref)).node_id == order.node_id
    await bed.cloud.compute.delete_server(server.ref)
    await bed.gone(order)
    assert (await _shown(volumes, volume.id)).node_id == order.node_id
    assert (await volumes.detach_volume(volume.id)).node_id is None


async def test_what_is_not_there_cannot_be_had(bed: Bed, volumes: Volumes) -> None:
    volume = await volumes.create_volume(an_order())
    with pytest.raises(Permanent):
        await volumes.attach_volume(volume.id, "never-there")
    for call in (
        volumes.attach_volume(uuid4(), "never-there"),
        volumes.detach_volume(uuid4()),
        volumes.move_volume(uuid4(), volume.host),
        volumes.resize_volume(uuid4(), 2),
    ):
        with pytest.raises(Permanent):
            await call


async def test_a_volume_moves_to_where_it_is_and_not_to_nowhere(volumes: Volumes) -> None:
    volume = await volumes.create_volume(an_order())
    assert await volumes.move_volume(volume.id, volume.host) == volume
    with pytest.raises(Permanent, match="nowhere"):
        await volumes.move_volume(volume.id, "nowhere")


async def test_a_volume_moves_to_every_host(bed: Bed, volumes: Volumes) -> None:
    hosts = {
        (await volumes.create_volume(an_order(zone=zone))).host for zone in bed.cloud.about.zones
    }
    volume = await volumes.create_volume(an_order())
    for host in sorted(hosts):
        assert (await volumes.move_volume(volume.id, host)).host == host


async def test_a_volume_grows_and_does_not_shrink(volumes: Volumes) -> None:
    volume = await volumes.create_volume(an_order())
    for _ in range(2):
        assert (await volumes.resize_volume(volume.id, 2)).size_gib == 2
    with pytest.raises(Permanent, match="2 GiB"):
        await volumes.resize_volume(volume.id, 1)
    assert (await _shown(volumes, volume.id)).size_gib == 2


async def test_nothing_of_another_installation_is_listed_or_touched(
    bed: Bed, volumes: Volumes
) -> None:
    theirs = bed.stranger.volumes
    assert theirs
    volume = await volumes.create_volume(an_order())
    assert not await theirs.list_volumes()
    with pytest.raises(Permanent):
        await theirs.resize_volume(volume.id, 3)
    await theirs.delete_volume(volume.id)
    assert await _shown(volumes, volume.id) == volume


async def test_a_server_is_made_with_disks_that_go_with_it(bed: Bed, volumes: Volumes) -> None:
    order = bed.order(uuid4(), disks=(Disk(size_gib=1), Disk(size_gib=2)))
    server = await bed.running(order)
    await bed.cloud.compute.create_server(order)
    had = sorted(await volumes.list_volumes(), key=lambda each: each.size_gib)
    assert [(each.id, each.size_gib, each.server_ref, each.keeper) for each in had] == [
        (disk_id(order.server_id, place), place + 1, server.ref, order.server_id)
        for place in range(2)
    ]
    assert len({each.path for each in had}) == 2
    assert {each.node_id for each in had} == {None}
    await bed.cloud.compute.delete_server(server.ref)
    await bed.gone(order)
    assert not await volumes.list_volumes()


async def test_what_was_written_is_found_by_the_next_wherever_it_runs(
    bed: Bed, volumes: Volumes
) -> None:
    commands, cluster = bed.cloud.commands, uuid4()
    if commands is None:
        pytest.skip("nothing is written where nothing runs")
    one, other = [await bed.running(bed.order(cluster, index)) for index in range(2)]
    volume = await volumes.create_volume(an_order())
    there = (await volumes.attach_volume(volume.id, one.ref)).path
    write = Command(words=("sh", "-c", 'echo kept > "$0/note"', there))
    assert (await commands.run_command(one.ref, write)).code == 0
    await volumes.detach_volume(volume.id)
    again = (await volumes.attach_volume(volume.id, other.ref)).path
    read = Command(words=("cat", f"{again}/note"))
    assert (await commands.run_command(other.ref, read)).output == b"kept\n"
