"""Servers of a simulated world that others made: any that somebody names."""

from muster.drivers.simulated.builtin import BUILT_IN
from muster.drivers.simulated.networks import NETWORKS
from muster.drivers.simulated.world import World
from muster.model.observed import Foreign

_FLAVOR = "tiny"  # what a machine is taken for whose flavor nobody knows


class SimulatedFinder:
    """The finder port over a simulated world: whatever is asked for is there, and runs."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def find_server(self, ref: str) -> Foreign:
        world = self._world
        with world.call("find_server", ref):
            world.look()
            machine = world.state.machines.get(ref)
            if machine is None:
                image, network = BUILT_IN[0].name, next(iter(NETWORKS))
                return Foreign(
                    ref=ref,
                    name=ref,
                    image=image,
                    flavor=_FLAVOR,
                    network=network,
                    project=None,
                )
            shown, make = machine.shown, machine.make
            return Foreign(
                ref=ref,
                name=shown.name,
                image=make.image,
                flavor=_FLAVOR,
                network=make.network,
                zone=shown.zone,
                project=None,
            )
