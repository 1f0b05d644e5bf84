"""Opening an OpenStack cloud: one project in one region, by an entry of clouds.yaml."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from muster.base.errors import DriverError, MusterError
from muster.base.log import log
from muster.drivers.openstack import designate
from muster.drivers.openstack.compute import OpenStackCompute
from muster.drivers.openstack.finder import OpenStackFinder
from muster.drivers.openstack.grounds import Grounds
from muster.drivers.openstack.hosts import OpenStackHosts
from muster.drivers.openstack.images import OpenStackImages
from muster.drivers.openstack.listing import Listing, Viewer
from muster.drivers.openstack.making import Maker, Shelf
from muster.drivers.openstack.networks import OpenStackNetworks
from muster.drivers.openstack.octavia import lbaas
from muster.drivers.openstack.octavia import options as octavia
from muster.drivers.openstack.octavia.balancer import open_balancer
from muster.drivers.openstack.operating import Operator
from muster.drivers.openstack.options import Options, parsed
from muster.drivers.openstack.parts import Parts
from muster.drivers.openstack.ports import Ports
from muster.drivers.openstack.quota import Quota
from muster.drivers.openstack.rest import Rest
from muster.drivers.openstack.sweeping import Sweeper
from muster.drivers.openstack.volumes import SERVICE, OpenStackVolumes
from muster.drivers.options import pace
from muster.drivers.prober import HttpProber
from muster.model.cloud import Ability, About
from muster.ports.cloud import Cloud, CloudConfig

CANNOT: Mapping[Ability, str] = {
    Ability.EXEC: "Nova runs no command in a server: log in to it",
    Ability.CPU_USAGE: "Nova tells of use to administrators only, one server at a time",
    Ability.RESIZE: "a server keeps the flavor that it was ordered with; it has to be replaced",
    Ability.EVACUATE: "moving servers off a host is for the administrators of an OpenStack",
}
NO_VOLUMES = "the catalog of this OpenStack has no block storage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Has:
    """What not every OpenStack has, or shows to every role; believed while nobody answers."""

    hosts: bool = False
    volumes: bool = True
    balancers: bool = True
    names: bool = True


async def open_cloud(config: CloudConfig) -> Cloud:
    """Return the cloud, whether or not it answers now; raises `Invalid` for an option at fault.

    Zones and flavors are those that there are now; while nobody answers, none is told of.
    """
    options = parsed(config.options)
    rest = Rest(options)
    try:
        await rest.open()
    except MusterError:
        await rest.close()
        raise
    return await _assembled(rest, options, config)


async def _assembled(rest: Rest, options: Options, config: CloudConfig) -> Cloud:
    grounds, installation = Grounds(rest, options), config.installation
    balancers, names = octavia.parsed(options.octavia), designate.parsed(options.designate)
    about, has = await _looked(rest, grounds, options, config.name)
    listing, viewer = Listing(rest, options, config.clock, installation), Viewer()
    ports, parts = Ports(rest, grounds, options, installation), Parts(rest, installation)
    images = OpenStackImages(rest, listing)
    volumes = OpenStackVolumes(rest, listing, grounds, options)
    sweeper = Sweeper((ports, parts, volumes), options, config.name)
    shelf = Shelf(
        grounds=grounds,
        images=images,
        ports=ports,
        parts=parts,
        quota=Quota(rest),
        volumes=volumes,
    )
    maker = Maker(rest, listing, viewer, shelf, sweeper)
    operator = Operator(rest, listing, images, about.cannot)

    async def close() -> None:
        await sweeper.close()
        await rest.close()

    return Cloud(
        about=about,
        compute=OpenStackCompute(rest, (listing, viewer, ports), maker, operator, sweeper),
        images=images,
        networks=OpenStackNetworks(grounds),
        prober=HttpProber(options.probe_timeout_s),
        finder=OpenStackFinder(rest, grounds),
        volumes=volumes if has.volumes else None,
        hosts=OpenStackHosts(grounds, listing, volumes, options) if has.hosts else None,
        network_balancer=open_balancer(rest, grounds, balancers, config.clock, installation)
        if has.balancers
        else None,
        dns=designate.Designate(rest, names, installation) if has.names else None,
        close=close,
    )


async def _looked(rest: Rest, grounds: Grounds, options: Options, name: str) -> tuple[About, Has]:
    """Return the cloud as it is now, and what else it has."""
    about = About(name=name, kind="openstack", cannot=CANNOT, pace=pace(options))
    try:
        has = Has(
            hosts=bool(options.hosts and await grounds.hosts()),
            volumes=await rest.offers(SERVICE),
            balancers=await rest.offers(lbaas.SERVICE),
            names=await rest.offers(designate.SERVICE),
        )
        zones, flavors = await grounds.zones(), await grounds.flavors()
    except DriverError as error:
        log(cloud=name).warning("cloud.unreachable", reason=error.text)
        return about, Has()
    cannot = CANNOT if has.volumes else {**CANNOT, Ability.VOLUMES: NO_VOLUMES}
    return replace(about, cannot=cannot, zones=zones, own_flavors=flavors), has
