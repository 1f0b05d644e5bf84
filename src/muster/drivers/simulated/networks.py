"""The networks port over a simulated world."""

from collections.abc import Sequence

from muster.drivers.simulated.world import World
from muster.model.catalog import Network

NETWORKS = {
    "private": Network(
        id="private", name="private", cidr="10.0.0.0/10", description="simulated, the default"
    ),
    "private-2": Network(
        id="private-2", name="private-2", cidr="10.128.0.0/10", description="simulated, apart"
    ),
}


class SimulatedNetworks:
    def __init__(self, world: World) -> None:
        self._world = world

    async def list_networks(self) -> Sequence[Network]:
        with self._world.call("list_networks"):
            return tuple(NETWORKS.values())
