"""Ports and floating addresses of servers: made before them, and gone after them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from muster.drivers.openstack.grounds import Grounds
from muster.drivers.openstack.options import Options
from muster.drivers.openstack.rest import Rest
from muster.drivers.openstack.sharing import Shared
from muster.drivers.openstack.tags import installation_tag
from muster.model.step import ServerOrder

MARK = "muster-"  # of a port's name; what follows is its server's id
Said = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Held:
    """Every port of ours by its server, and the floating addresses by their port."""

    ports: Mapping[UUID, Sequence[Said]]
    floating: Mapping[str, Sequence[Said]]
    loose: Sequence[Said]  # floating addresses of ours whose port has gone


# Note [Ports first]
# A server that Nova finds no host for leaves the port that Nova made for it, or not, by the
# release and by how far it came. So the port is ours, made before and found again by its name,
# which is the server's id. It is one more thing in favour: a server asked for twice asks for the
# same port, and the second does not get it.
# Neutron takes tags only in a second call, and finds by a description exactly: so whose it is
# stands in the description, the same for all of one installation.
class Ports:
    """See Note [Ports first]."""

    def __init__(self, rest: Rest, grounds: Grounds, options: Options, installation: UUID) -> None:
        self._rest = rest
        self._grounds = grounds
        self._options = options
        self._mark = installation_tag(installation)
        self._shared: Shared[Held] = Shared(self._look)

    async def held(self) -> Held:
        return await self._shared.get()

    async def make(self, order: ServerOrder) -> str:
        """Return the id of the port of an order's server, made unless it was before."""
        there = (await self.held()).ports.get(order.server_id, ())
        port = there[0] if there else await self._make(order)
        if self._options.floating_network:
            await self._lift(port["id"])
        return str(port["id"])

    async def drop(self, server_id: UUID, held: Held | None = None) -> None:
        """Delete what a server had, that is gone or never was."""
        held = held or await self.held()
        for port in held.ports.get(server_id, ()):
            for each in held.floating.get(port["id"], ()):
                await self._rest.delete("network", f"/floatingips/{each['id']}")
            await self._rest.delete("network", f"/ports/{port['id']}")

    async def drop_loose(self, held: Held) -> None:
        for each in held.loose:
            await self._rest.delete("network", f"/floatingips/{each['id']}")

    async def floating(self) -> Mapping[UUID, str]:
        """Return the floating address of each server that has one."""
        if not self._options.floating_network:
            return {}
        held = await self.held()
        return {
            server_id: str(held.floating[port["id"]][0]["floating_ip_address"])
            for server_id, ports in held.ports.items()
            for port in ports
            if port["id"] in held.floating
        }

    async def _make(self, order: ServerOrder) -> Said:
        body: dict[str, Any] = {
            "name": f"{MARK}{order.server_id}",
            "description": self._mark,
            "network_id": await self._grounds.network(order.spec.network),
        }
        if groups := await self._grounds.security_groups():
            body["security_groups"] = groups
        said: Said = (await self._rest.post("network", "/ports", {"port": body}))["port"]
        return said

    async def _lift(self, port_id: str) -> None:
        """Give a port a floating address, unless it has one."""
        if port_id in (await self.held()).floating:
            return
        network = await self._grounds.floating_network()
        body = {"floating_network_id": network, "port_id": port_id, "description": self._mark}
        await self._rest.post("network", "/floatingips", {"floatingip": body})

    async def _look(self) -> Held:
        listed = await self._rest.listed("network", "/ports", "ports", description=self._mark)
        ports: dict[UUID, list[Said]] = {}
        for each in sorted(listed, key=lambda each: str(each["id"])):
            if server_id := server_of(each):
                ports.setdefault(server_id, []).append(each)
        floating: dict[str, list[Said]] = {}
        if self._options.floating_network:
            where = "/floatingips"
            for each in await self._rest.listed(
                "network", where, "floatingips", description=self._mark
            ):
                floating.setdefault(each["port_id"] or "", []).append(each)
        return Held(ports, floating, floating.pop("", ()))


def server_of(port: Said) -> UUID | None:
    """Return whose port it is; None where its name says nothing."""
    try:
        return UUID(str(port["name"]).removeprefix(MARK))
    except ValueError:
        return None
