"""The hosts port over this machine."""

from muster.drivers.local.site import Site
from muster.model.placing import Host
from muster.model.reservation import Room


class LocalHosts:
    """One host, which lends its processors, memory and disk to as many as like to share them."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def room(self) -> Room:
        return Room(hosts=(Host(id=self._site.host, zone="local", disk_gib={"": None}),))
