"""The networks of a project that instances can be on."""

from collections.abc import Mapping, Sequence
from typing import Any

from muster.drivers.incus.options import Options
from muster.drivers.incus.rest import Rest, path
from muster.model.catalog import Network

USABLE = ("bridge", "ovn", "macvlan", "sriov", "physical")


class IncusNetworks:
    def __init__(self, rest: Rest, options: Options) -> None:
        self._rest = rest
        self._options = options

    async def list_networks(self) -> Sequence[Network]:
        """Return the managed networks, the profile's first.

        One that the profile takes from outside of Incus's care is not among them; an instance
        is on it where no network is named.
        """
        profile = await self._rest.get(path("profiles", self._options.profile))
        nics = [each for each in profile["devices"].values() if each["type"] == "nic"]
        usual = next((each.get("network", "") for each in nics), "")
        listed = await self._rest.get("/1.0/networks", recursion="1")
        managed = [
            each
            for each in listed
            if each["managed"] and each["type"] in USABLE and each["status"] == "Created"
        ]
        networks = [_network(each) for each in managed]
        if nics and not usual:
            parent = str(nics[0].get("parent", ""))
            networks.append(Network(id="", name=parent, description="of the profile, unmanaged"))
            usual = ""
        return sorted(networks, key=lambda each: (each.id != usual, each.name))


def _network(said: Mapping[str, Any]) -> Network:
    config = said.get("config") or {}
    cidr = config.get("ipv4.address") or config.get("ipv6.address") or ""
    return Network(
        id=said["name"],
        name=said["name"],
        cidr="" if cidr in ("none", "auto") else cidr,
        description=said.get("description") or said["type"],
    )
