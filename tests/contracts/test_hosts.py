"""What every cloud promises that tells of its hosts."""

from uuid import uuid4

import msgspec
import pytest

from contracts.clouds import Bed
from muster.base.errors import DriverError
from muster.model.volume import VolumeOrder


@pytest.fixture(autouse=True)
def _tells(bed: Bed) -> None:
    if bed.cloud.hosts is None:
        pytest.skip("it does not tell of its hosts")


async def test_what_is_made_is_where_it_was_asked_for(bed: Bed) -> None:
    assert bed.cloud.hosts
    assert bed.cloud.volumes
    host = (await bed.cloud.hosts.room()).hosts[-1]
    order = msgspec.structs.replace(bed.order(uuid4()), host=host.id, zone=host.zone)
    server = await bed.running(order)
    assert (server.host, server.zone) == (host.id, host.zone)
    wanted = VolumeOrder(volume_id=uuid4(), name="v", project="p", size_gib=1, host=host.id)
    volume = await bed.cloud.volumes.create_volume(wanted)
    assert volume.host == host.id
    await bed.cloud.volumes.delete_volume(volume.id)


async def test_a_host_that_is_not_there_is_refused(bed: Bed) -> None:
    order = msgspec.structs.replace(bed.order(uuid4()), host="nowhere")
    with pytest.raises(DriverError, match="nowhere"):
        await bed.cloud.compute.create_server(order)
    assert not await bed.cloud.compute.list_servers(order.cluster_id)
