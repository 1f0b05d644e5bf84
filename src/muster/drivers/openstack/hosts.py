"""The hosts port over Nova, for a role that may see hypervisors."""

import asyncio
from collections.abc import Mapping
from typing import Any

from muster.drivers.openstack.grounds import Grounds
from muster.drivers.openstack.listing import Listing
from muster.drivers.openstack.options import Options
from muster.drivers.openstack.tags import read
from muster.drivers.openstack.volumes import OpenStackVolumes
from muster.model.placing import Host
from muster.model.reservation import Room


# Note [Not asked of Placement]
# What is free is as the hypervisors say, in one answer for all of them; the share by which
# processors are promised more than once is an option, for Nova's own stands in Placement, two
# questions a host. Nova has the last word in any case: it is told the host, and may refuse.
class OpenStackHosts:
    """See Note [Not asked of Placement]."""

    def __init__(
        self, grounds: Grounds, listing: Listing, volumes: OpenStackVolumes, options: Options
    ) -> None:
        self._grounds = grounds
        self._listing = listing
        self._volumes = volumes
        self._options = options

    async def room(self) -> Room:
        hypervisors, zones, records, volumes = await asyncio.gather(
            self._grounds.hypervisors(),
            self._grounds.host_zones(),
            self._listing.records(),
            self._volumes.list_volumes(),
        )
        ours = {tags.server for each in records.values() if (tags := read(each["metadata"]))}
        found = (self._host(each, zones) for each in hypervisors)
        return Room(
            hosts=tuple(sorted(found, key=lambda each: each.id)),
            counted=frozenset(ours | {each.id for each in volumes}),
        )

    def _host(self, said: Mapping[str, Any], zones: Mapping[str, str]) -> Host:
        name = said["service"]["host"]
        promised = said["vcpus"] * self._options.vcpus_per_core - said["vcpus_used"]
        return Host(
            id=name,
            zone=zones.get(name, ""),
            vcpus=max(int(promised), 0),
            ram_mib=max(int(said["free_ram_mb"]), 0),
            disk_gib={"": max(int(said["free_disk_gb"]), 0)},
            open=said["state"] == "up" and said["status"] == "enabled",
        )
