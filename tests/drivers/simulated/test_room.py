"""What a simulated world says of its hosts: what is free, and who of ours is counted."""

from pathlib import Path
from uuid import UUID, uuid4

import builders
from muster.base.clock import ManualClock
from muster.drivers.simulated.cloud import cloud_over, open_cloud, world_of
from muster.model.placing import Host
from muster.model.reservation import Room
from muster.model.step import ServerOrder
from muster.model.volume import VolumeOrder
from muster.ports.cloud import Cloud, CloudConfig

SIZES = {"hosts": 1, "zones": ["z1"], "host_vcpus": 4, "host_memory_mib": 4096, "host_disk_gib": 50}


def config(tmp_path: Path) -> CloudConfig:
    return CloudConfig(
        name="c", home=tmp_path, installation=uuid4(), clock=ManualClock(), options=SIZES
    )


async def room(cloud: Cloud) -> Room:
    assert cloud.hosts
    return await cloud.hosts.room()


def only(found: Room) -> Host:
    [host] = found.hosts
    return host


async def test_what_runs_is_taken_off_and_counted(tmp_path: Path) -> None:
    mine = config(tmp_path)
    cloud = await open_cloud(mine)
    stranger = cloud_over(world_of(cloud), config(tmp_path))
    assert cloud.volumes
    empty = await room(cloud)
    assert only(empty) == Host(id="z1-h1", zone="z1", vcpus=4, ram_mib=4096, disk_gib={"": 50})
    server, volume = uuid4(), uuid4()
    flavor = builders.a_flavor(vcpus=1.5, memory_mib=1024, disk_gib=5)
    spec = builders.a_spec(image="demo-web", flavor=flavor)
    ids = {"node_id": uuid4(), "cluster_id": UUID(int=1)}
    order = ServerOrder(server_id=server, project="p", name="s", index=1, spec=spec, **ids)
    made = await cloud.compute.create_server(order)
    await cloud.volumes.create_volume(
        VolumeOrder(volume_id=volume, name="v", project="p", size_gib=10)
    )
    used = await room(cloud)
    host = only(used)
    assert (host.vcpus, host.ram_mib, host.disk_gib) == (2, 3072, {"": 35})
    assert used.counted == {server, volume}
    others = await room(stranger)
    assert (others.hosts, others.counted) == (used.hosts, frozenset())
    await cloud.compute.delete_server(made.ref)
    await cloud.volumes.delete_volume(volume)
    assert await room(cloud) == empty


async def test_a_host_that_is_out_of_order_takes_nothing(tmp_path: Path) -> None:
    cloud = await open_cloud(config(tmp_path))
    world_of(cloud).cut_off("z1-h1")
    assert not only(await room(cloud)).open


async def test_a_world_without_sizes_has_room_for_everything(tmp_path: Path) -> None:
    cloud = await open_cloud(
        CloudConfig(name="c", home=tmp_path, installation=uuid4(), clock=ManualClock())
    )
    found = await room(cloud)
    assert len(found.hosts) == 12
    assert {host.vcpus for host in found.hosts} == {None}
    assert found.hosts[0].disk_gib == {"": None}
