"""A simulated cloud, opened: its parts over one world."""

from dataclasses import replace
from pathlib import Path

from muster.base.errors import Permanent
from muster.drivers.options import pace
from muster.drivers.simulated.balancer import SimulatedBalancer
from muster.drivers.simulated.compute import SimulatedCompute
from muster.drivers.simulated.dns import SimulatedDns
from muster.drivers.simulated.finder import SimulatedFinder
from muster.drivers.simulated.images import SimulatedImages
from muster.drivers.simulated.journal import Journal
from muster.drivers.simulated.networks import SimulatedNetworks
from muster.drivers.simulated.options import Options, parsed
from muster.drivers.simulated.prober import SimulatedProber
from muster.drivers.simulated.room import SimulatedHosts
from muster.drivers.simulated.volumes import SimulatedVolumes
from muster.drivers.simulated.world import World
from muster.model.cloud import Ability, About
from muster.ports.cloud import Cloud, CloudConfig

CANNOT = {
    Ability.BASTION: "A simulated cloud builds no bastion: nobody can log in to what is simulated.",
    Ability.EXEC: "nothing runs in an instance that is simulated",
}


async def open_cloud(config: CloudConfig) -> Cloud:
    """Return a cloud over a world of its own; raises `Invalid` naming an option at fault."""
    options = parsed(config.options)
    if options.world == "memory":
        return cloud_over(World(config.clock, options), config)
    journal = Journal(_file(options, config))

    async def close() -> None:
        journal.close()

    return replace(cloud_over(World(config.clock, options, journal), config), close=close)


def cloud_over(world: World, config: CloudConfig) -> Cloud:
    """Return one installation's view of a world, which others may look into as well."""
    return Cloud(
        about=About(
            name=config.name,
            kind="simulated",
            cannot=CANNOT,
            pace=pace(world.options),
            zones=world.options.zones,
            open_catalog=True,
        ),
        compute=SimulatedCompute(world, config.installation),
        images=SimulatedImages(world, config.installation),
        networks=SimulatedNetworks(world),
        prober=SimulatedProber(world),
        balancer=SimulatedBalancer(world, config.installation),
        dns=SimulatedDns(world, config.installation),
        finder=SimulatedFinder(world),
        volumes=SimulatedVolumes(world, config.installation),
        hosts=SimulatedHosts(world, config.installation),
    )


def world_of(cloud: Cloud) -> World:
    """Return the world behind a simulated cloud, for whoever wants to play fate in it."""
    if not isinstance(cloud.compute, SimulatedCompute):
        raise Permanent(f"{cloud.about.name} is no simulated cloud")
    return cloud.compute.world


def _file(options: Options, config: CloudConfig) -> Path:
    return Path(options.file).expanduser() if options.file else config.home / "world.journal"
