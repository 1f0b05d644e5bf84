"""The networks that servers can be on, as Neutron lists them."""

from collections.abc import Sequence

from muster.drivers.openstack.grounds import Grounds
from muster.model.catalog import Network


class OpenStackNetworks:
    def __init__(self, grounds: Grounds) -> None:
        self._grounds = grounds

    async def list_networks(self) -> Sequence[Network]:
        """Return those with a subnet that are not external, the usual one first."""
        subnets = await self._grounds.subnets()
        first = sorted(subnets, key=lambda each: (each["ip_version"], each["id"]), reverse=True)
        ranges = {each["network_id"]: str(each["cidr"]) for each in first}
        return [
            Network(
                id=each["id"],
                name=each["name"] or each["id"],
                cidr=ranges.get(each["id"], ""),
                description=each.get("description") or "",
                type="shared" if each.get("shared") else "project",
            )
            for each in await self._grounds.networks()
        ]
