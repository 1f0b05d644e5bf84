"""Where load balancers are: the network that clients connect to, and floating addresses."""

from ipaddress import ip_address, ip_network
from typing import Any
from uuid import UUID

from muster.base.errors import DriverError, Permanent
from muster.drivers.openstack.answers import TAKEN, status_of
from muster.drivers.openstack.grounds import Grounds
from muster.drivers.openstack.octavia.options import Options
from muster.drivers.openstack.octavia.shape import Part, id_of
from muster.drivers.openstack.rest import Call, Rest

NETWORK = "network"  # the service
FLOATING = "/floatingips"


class Ground:
    """Networks by name or id, as they are now; what is found stays known, for it does not move."""

    def __init__(self, rest: Rest, grounds: Grounds, options: Options, installation: UUID) -> None:
        self._rest = rest
        self._grounds = grounds
        self._options = options
        self._installation = installation
        self._ids: dict[tuple[str, str], str] = {}

    @property
    def floats(self) -> bool:
        return bool(self._options.floating_network)

    async def order(self, network: str) -> dict[str, str]:
        """Return what a new load balancer is told of where it is to be."""
        options = self._options
        named = {
            "provider": options.provider,
            "flavor_id": options.flavor,
            "availability_zone": options.availability_zone,
        }
        place = {"vip_network_id": await self._vip(network)}
        if options.subnet:
            place = {"vip_subnet_id": await self._known("subnets", options.subnet)}
        return place | {key: value for key, value in named.items() if value}

    async def subnet_of(self, address: str, network: str) -> str:
        """Return the subnet of a member, "" where the load balancer is on its network itself."""
        there = await self._grounds.network(network)
        if there == await self._vip(network):
            return ""
        for each in await self._grounds.subnets():
            if each["network_id"] == there and ip_address(address) in ip_network(each["cidr"]):
                return str(each["id"])
        return ""

    async def refusal(self, network: str) -> str | None:
        """Return why no load balancer can be there."""
        try:
            await self.order(network)
            if self.floats:
                await self._known("networks", self._options.floating_network)
        except Permanent as error:
            return error.text
        return None

    async def floating(self) -> dict[UUID, Part]:
        """Return the floating addresses of this installation's load balancers, by cluster."""
        if not self.floats:
            return {}
        every = await self._rest.listed(NETWORK, FLOATING, "floatingips")
        prefix = self._mark("")
        said = [(each, each["description"] or "") for each in every]
        ours = [(each, text.removeprefix(prefix)) for each, text in said if text.startswith(prefix)]
        return {found: each for each, text in ours if (found := id_of(text))}

    # Note [No address is left behind]
    # A floating address is made after its load balancer and given back before it. What was made
    # for a load balancer that somebody else has deleted is listed as a pool, and so swept.
    async def published(self, balancer: Part, cluster_id: UUID) -> str:
        """Return where clients connect. See Note [No address is left behind]."""
        if not self.floats:
            return str(balancer["vip_address"])
        port, mark = balancer["vip_port_id"], self._mark(str(cluster_id))
        ours = await self._rest.listed(NETWORK, FLOATING, "floatingips", description=mark)
        body: dict[str, Any] = {"port_id": port}
        if ours and ours[0]["port_id"] == port:
            return str(ours[0]["floating_ip_address"])
        if ours:
            path = f"{FLOATING}/{ours[0]['id']}"
            said = await self._rest.answer(
                Call(service=NETWORK, method="PUT", path=path, body={"floatingip": body})
            )
            return str(said["floatingip"]["floating_ip_address"])
        outside = await self._known("networks", self._options.floating_network)
        body |= {"floating_network_id": outside, "description": mark}
        try:
            said = await self._rest.post(NETWORK, FLOATING, {"floatingip": body})
        except DriverError as error:
            if status_of(error) == TAKEN:  # by an address that somebody gave it by hand
                return await self._given(port, error)
            raise
        return str(said["floatingip"]["floating_ip_address"])

    async def release(self, cluster_id: UUID) -> None:
        if not self.floats:
            return
        mark = self._mark(str(cluster_id))
        for each in await self._rest.listed(NETWORK, FLOATING, "floatingips", description=mark):
            await self._rest.delete(NETWORK, f"{FLOATING}/{each['id']}")

    async def _given(self, port: str, error: DriverError) -> str:
        found = await self._rest.listed(NETWORK, FLOATING, "floatingips", port_id=port)
        if not found:
            raise error
        return str(found[0]["floating_ip_address"])

    def _mark(self, cluster_id: str) -> str:
        return f"muster {self._installation} {cluster_id}"

    async def _vip(self, network: str) -> str:
        chosen = self._options.network
        if chosen:
            return await self._known("networks", chosen)
        return await self._grounds.network(network)

    async def _known(self, kind: str, name: str) -> str:
        """Return the id of a network or subnet that is told by name or id."""
        if (kind, name) not in self._ids:
            found = await self._rest.listed(NETWORK, f"/{kind}", kind, name=name)
            found = found or await self._rest.listed(NETWORK, f"/{kind}", kind, id=name)
            if len(found) != 1:
                why = "several" if found else "none"
                raise Permanent(f"of the {kind} of this cloud {why} is called {name!r}")
            self._ids[kind, name] = str(found[0]["id"])
        return self._ids[kind, name]
