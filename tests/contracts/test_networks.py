"""What every cloud promises about networks."""

from uuid import uuid4

from contracts.clouds import Bed


async def test_there_is_a_network_to_be_on(bed: Bed) -> None:
    networks = await bed.cloud.networks.list_networks()
    assert networks
    assert len({network.id for network in networks}) == len(networks)


async def test_a_server_can_be_on_each_of_them(bed: Bed) -> None:
    for network in await bed.cloud.networks.list_networks():
        order = bed.order(uuid4(), network=network.id, network_name=network.name)
        server = await bed.running(order)
        assert server.address
        await bed.cloud.compute.delete_server(server.ref)
