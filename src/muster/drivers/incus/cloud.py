"""Opening an Incus cloud: one server or a cluster of them, by socket or by HTTPS."""

from collections.abc import Mapping
from dataclasses import replace

from muster.base.errors import DriverError
from muster.base.log import log
from muster.drivers.incus.commands import IncusCommands
from muster.drivers.incus.compute import IncusCompute
from muster.drivers.incus.finder import IncusFinder
from muster.drivers.incus.images import IncusImages
from muster.drivers.incus.lines import Lines
from muster.drivers.incus.look import Lookout
from muster.drivers.incus.machines import Machines
from muster.drivers.incus.making import Maker
from muster.drivers.incus.members import Members
from muster.drivers.incus.networks import IncusNetworks, Whose
from muster.drivers.incus.news import News
from muster.drivers.incus.operating import Operator
from muster.drivers.incus.options import Options, parsed
from muster.drivers.incus.ovn.balancer import OvnBalancer
from muster.drivers.incus.ovn.doors import Doors
from muster.drivers.incus.ovn.grounds import Grounds
from muster.drivers.incus.ovn.listeners import Listeners
from muster.drivers.incus.ovn.northbound import Northbound
from muster.drivers.incus.ovn.prober import IncusProber
from muster.drivers.incus.pulls import IncusPuller
from muster.drivers.incus.rest import Rest
from muster.drivers.incus.room import IncusHosts
from muster.drivers.incus.rooms import IncusRooms
from muster.drivers.incus.stock import IncusStock
from muster.drivers.incus.tasks import IncusTasks
from muster.drivers.incus.usage import Meter
from muster.drivers.incus.volumes import IncusVolumes
from muster.model.cloud import Ability, About
from muster.ports.cloud import Cloud, CloudConfig

CANNOT: Mapping[Ability, str] = {
    Ability.SUSPEND: "Incus suspends a container only with CRIU, which is not relied on here",
    Ability.RESIZE: "the limits of an instance stay as they were ordered; it has to be replaced",
    Ability.LOCK: "an instance here is locked to nobody",
    Ability.RESCUE: "a container has no boot disk to be rescued; rebuild it instead",
    Ability.CHANGE_PASSWORD: "nobody logs in by password here: give the cluster a key pair",
}
ONE_HOST = "there is one server only, no cluster of them"
ALONE: Mapping[Ability, str] = {
    Ability.ZONES: ONE_HOST,
    Ability.ANTI_AFFINITY: ONE_HOST,
    Ability.EVACUATE: ONE_HOST,
}


async def open_cloud(config: CloudConfig) -> Cloud:
    """Return the cloud, whether or not it answers now; raises `Invalid` for an option at fault.

    Zones are those of the members that there are now; while nobody answers, any is believed.
    """
    options = parsed(config.options)
    rest = Rest(options)
    members = Members(rest)
    machines = Machines(rest)
    about = await _about(members, machines, options, config.name)

    lookout = Lookout(rest, members, config.clock, config.installation)
    volumes = IncusVolumes(rest, lookout, members, options)
    grounds = Grounds(rest, options)
    northbound = Northbound(rest, options, config.installation)
    listeners = Listeners(rest, grounds, members, northbound)
    doors = Doors(listeners, grounds, config.installation)
    maker = Maker(rest, lookout, (volumes, doors, machines), options)
    lines = Lines(rest)
    news = News(lines, lambda ref: lookout.knows(ref) and not maker.works_on(ref))
    tasks = IncusTasks(rest, lines, lambda ref: maker.node_of(ref) or lookout.node_of(ref))
    rest.listen_by(tasks)
    stock = IncusStock(rest)
    hands = (
        maker,
        Operator(rest, lookout, members),
        Meter(rest, lookout, config.clock, config.installation),
    )

    installation = config.installation
    networks = IncusNetworks(rest, members, grounds, Whose(options, installation))
    images = IncusImages(rest, lookout, config.clock, installation)
    commands = IncusCommands(rest, lookout)

    async def close() -> None:
        await lines.close()
        await stock.close()
        await rest.close()

    return Cloud(
        about=about,
        compute=IncusCompute(rest, lookout, hands, config.installation),
        images=images,
        networks=networks,
        network_maker=networks,
        puller=IncusPuller(rest),
        network_balancer=OvnBalancer(listeners, grounds, config.installation),
        rooms=IncusRooms(rest, members, (images, commands, grounds), Whose(options, installation)),
        prober=IncusProber(doors, lookout.network_of, options.probe_timeout_s),
        finder=IncusFinder(rest, members),
        volumes=volumes,
        hosts=IncusHosts(rest, members, options, installation),
        commands=commands,
        ways=doors,
        stirs=news,
        tasks=tasks,
        stock=stock,
        close=close,
    )


async def _about(members: Members, machines: Machines, options: Options, name: str) -> About:
    about = About(name=name, kind="incus", cannot=CANNOT, pace=options.pace)
    try:
        roster = await members.roster()
        why = await machines.refusal(roster)
    except DriverError as error:
        log(cloud=name).warning("cloud.unreachable", reason=error.text)
        return about
    zones = sorted(set().union(*(each.zones for each in roster.members.values())))
    alone = {} if len(roster.members) > 1 else ALONE
    cannot = {**CANNOT, **alone} | ({Ability.VIRTUAL_MACHINES: why} if why else {})
    return replace(about, cannot=cannot, zones=tuple(zones))
