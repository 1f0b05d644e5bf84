"""Opening the local cloud: instances are processes of this machine and outlive the server."""

import os
import platform
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from muster.drivers.dns.hosts import HostsFile
from muster.drivers.local import cgroups, options
from muster.drivers.local.commands import LocalCommands
from muster.drivers.local.compute import LocalCompute
from muster.drivers.local.folders import Folders
from muster.drivers.local.intake import LocalImages
from muster.drivers.local.networks import LocalNetworks
from muster.drivers.local.operate import UNABLE
from muster.drivers.local.resume import resume
from muster.drivers.local.room import LocalHosts
from muster.drivers.local.site import Site
from muster.drivers.local.volumes import LocalVolumes
from muster.drivers.options import pace
from muster.drivers.prober import HttpProber
from muster.model.cloud import NEEDS, Ability, About
from muster.ports.cloud import Cloud, CloudConfig

THREADS = 8  # a deletion may hold one for as long as an instance takes to end

CANNOT: Mapping[Ability, str] = {
    Ability.BASTION: "the local cloud has no bastion: its instances are processes of this machine, "
    "which you can reach without one",
    Ability.NETWORKS: "the local cloud has one network only, loopback",
    Ability.ZONES: "the local cloud is one machine and so one zone, local",
    Ability.ANTI_AFFINITY: "the local cloud is one host, this machine",
    **{NEEDS[operation]: why for operation, why in UNABLE.items()},
    Ability.VOLUME_SIZE: "a volume here is a folder: it is not held to its size, and only not "
    "attached any more once it has outgrown it",
    Ability.VIRTUAL_MACHINES: "an instance here is a process of this machine",
    Ability.RESIZE: "the limits of a running process stay; the instance has to be replaced",
}


async def open_cloud(config: CloudConfig) -> Cloud:
    """Return the cloud with every instance it had before, whatever became of the last server.

    A key pair has no effect beyond a file: no SSH server runs in an instance. User data
    is a file for the program to read; it is not run, whatever it begins with.
    """
    said = options.parsed(config.options)
    site = Site(
        installation=config.installation,
        clock=config.clock,
        folders=Folders(config.home.absolute()),
        options=said,
        cgroups=cgroups.found(said.cgroup, config.installation),
        host=platform.node() or "localhost",
        threads=ThreadPoolExecutor(THREADS, thread_name_prefix=f"cloud-{config.name}"),
    )
    await site.call(site.folders.make)
    await site.call(resume, site)

    async def close() -> None:
        site.threads.shutdown(wait=False, cancel_futures=True)
        cgroups.close(site.cgroups)

    return Cloud(
        about=About(
            name=config.name, kind="local", cannot=CANNOT, pace=pace(said), zones=("local",)
        ),
        compute=LocalCompute(site),
        images=LocalImages(site),
        networks=LocalNetworks(said),
        volumes=LocalVolumes(site),
        hosts=LocalHosts(site),
        commands=LocalCommands(site),
        prober=HttpProber(said.probe_timeout_s),
        dns=HostsFile(_hosts(config, said), config.installation),
        close=close,
    )


def _hosts(config: CloudConfig, said: options.Options) -> Path:
    return Path(os.path.expanduser(said.hosts_file)) if said.hosts_file else config.home / "hosts"
