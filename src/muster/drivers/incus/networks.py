"""The networks of a project that instances can be on, and those that we make."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from muster.base.errors import DriverError, Permanent
from muster.drivers.incus.answers import is_missing
from muster.drivers.incus.members import Members
from muster.drivers.incus.options import Options
from muster.drivers.incus.ovn.grounds import CHOICE, OF_DEFAULT, OVN, RANGES, Grounds, ground
from muster.drivers.incus.ovn.shape import INSTALLATION
from muster.drivers.incus.rest import WRITE_S, Call, Rest, path
from muster.model.catalog import Network, NetworkOrder

USABLE = ("bridge", OVN, "macvlan", "sriov", "physical")
BRIDGE = "bridge"
UPLINKS = ("physical", BRIDGE)  # what an OVN network reaches others by
INSIDE = "instance"  # in instances of the network itself
BALANCERS: Mapping[str, tuple[str, ...]] = {
    OVN: (OVN, "haproxy", INSIDE),
    BRIDGE: ("haproxy", INSIDE),
}
MADE_S = 30.0  # on every member
NO_OVN = ("connect to ovn", "connect to ovs", "ovn southbound")  # words of Incus's


@dataclass(frozen=True, slots=True)
class Whose:
    options: Options
    installation: UUID


class IncusNetworks:
    def __init__(self, rest: Rest, members: Members, grounds: Grounds, whose: Whose) -> None:
        self._rest = rest
        self._members = members
        self._grounds = grounds
        self._options = whose.options
        self._ours = str(whose.installation)

    async def list_networks(self) -> Sequence[Network]:
        """Return the managed networks, the profile's first.

        One that the profile takes from outside of Incus's care is not among them; an instance
        is on it where no network is named.
        """
        profile = await self._rest.get(path("profiles", self._options.profile))
        nics = [each for each in profile["devices"].values() if each["type"] == "nic"]
        usual = next((each.get("network", "") for each in nics), "")
        networks = [self._network(each) for each in await self._listed() if _usable(each)]
        if nics and not usual:
            parent = str(nics[0].get("parent", ""))
            networks.append(Network(id="", name=parent, description="of the profile, unmanaged"))
            usual = ""
        return sorted(networks, key=lambda each: (each.id != usual, each.name))

    async def create_network(self, order: NetworkOrder) -> Network:
        where = path("networks", order.name)
        there = await self._rest.find(where)
        if there is not None and not _is(there, order, self._ours):
            raise Permanent(f"there is a network {order.name} already", field="name")
        if order.balancer and order.balancer not in BALANCERS.get(order.type, ()):
            text = f"a network of type {order.type} has no choice of balancers"
            raise Permanent(text, field="balancer")
        if there is None:
            make = {OVN: self._make_ovn, BRIDGE: self._make_bridge}.get(order.type)
            if make is None:
                text = f"networks of type {OVN} and {BRIDGE} are made here, not of {order.type!r}"
                raise Permanent(text, field="type")
            await make(order)
            self._grounds.forget()
        return self._network(await self._rest.get(where))

    async def delete_network(self, id: str) -> None:
        there = await self._rest.find(path("networks", id))
        if there is None:
            return
        if there["config"].get(INSTALLATION) != self._ours:
            raise Permanent(f"network {id} was not made here, and is not deleted here")
        if there["used_by"]:
            users = ", ".join(sorted(each.rpartition("/")[2] for each in there["used_by"]))
            raise Permanent(f"network {id} is in use by {users}")
        await self._drop(id)
        self._grounds.forget()

    async def _drop(self, name: str) -> None:
        call = Call(method="DELETE", path=path("networks", name), deadline_s=MADE_S)
        try:
            await self._rest.put_into_effect(call)
        except DriverError as error:
            if not is_missing(error):
                raise

    async def _make_ovn(self, order: NetworkOrder) -> None:
        uplink = await self._uplink(order.uplink)
        config = {
            "network": uplink,
            "ipv4.address": order.cidr or "auto",
            "ipv4.nat": str(order.nat).lower(),
            "ipv6.address": "none",
        }
        try:
            await self._post(self._body(order, config))
        except DriverError as error:
            if "status" in error.details:  # half a network would stand in the way of the next
                await self._drop(order.name)
            if any(words in error.text.lower() for words in NO_OVN):
                raise Permanent(f"this cloud has no OVN that works: {error.text}") from None
            raise

    async def _uplink(self, wanted: str) -> str:
        """Return the name of the network to be the uplink; without a name, of the only one."""
        listed = await self._rest.get("/1.0/networks", recursion="1", **OF_DEFAULT)
        fit = sorted(
            each["name"]
            for each in listed
            if each["managed"] and each["type"] in UPLINKS and (each["config"] or {}).get(RANGES)
        )
        if wanted in fit or (not wanted and len(fit) == 1):
            return wanted or fit[0]
        there = f"it has {', '.join(fit)}" if fit else "it has none"
        text = (
            f"the uplink of an OVN network is a network of type {' or '.join(UPLINKS)} "
            f"with {RANGES}: {there}, and no {wanted!r}"
            if wanted or not fit
            else f"which uplink is not said: {there}"
        )
        raise Permanent(text, field="uplink")

    # Note [One bridge over all members]
    # A bridge of Incus is each member's own. It is one network for instances of all members only
    # where each has an interface in it that leads to the others; and then whoever is out there
    # gives the addresses. A server on its own needs none of that.
    async def _make_bridge(self, order: NetworkOrder) -> None:
        """See Note [One bridge over all members]."""
        roster = await self._members.roster()
        out = {"bridge.external_interfaces": order.uplink} if order.uplink else {}
        if roster.clustered and not out:
            text = "a bridge over several members needs an interface that leads to the others"
            raise Permanent(text, field="uplink")
        inside = {"ipv4.address": order.cidr or "auto", "ipv4.nat": str(order.nat).lower()}
        config = {"ipv6.address": "none", **({"ipv4.address": "none"} if out else inside)}
        if not roster.clustered:
            await self._post(self._body(order, config | out))
            return
        try:
            for name in roster.members:
                part = {"name": order.name, "type": order.type, "config": out}
                await self._post(part, target=name)
            await self._post(self._body(order, config))
        except DriverError:  # half a network would stand in the way of the next attempt
            await self._drop(order.name)
            raise

    def _body(self, order: NetworkOrder, config: Mapping[str, str]) -> dict[str, Any]:
        chosen = {CHOICE: order.balancer} if order.balancer else {}
        return {
            "name": order.name,
            "type": order.type,
            "description": order.description,
            "config": {**config, **chosen, INSTALLATION: self._ours},
        }

    async def _post(self, body: Mapping[str, Any], **params: str) -> None:
        call = Call(
            method="POST",
            path="/1.0/networks",
            params=params,
            body=dict(body),
            deadline_s=WRITE_S if params else MADE_S,
        )
        await self._rest.put_into_effect(call)

    async def _listed(self) -> Sequence[Mapping[str, Any]]:
        listed: Sequence[Mapping[str, Any]] = await self._rest.get("/1.0/networks", recursion="1")
        return listed

    def _network(self, said: Mapping[str, Any]) -> Network:
        config = said.get("config") or {}
        cidr = config.get("ipv4.address") or config.get("ipv6.address") or ""
        plain = Network(
            id=said["name"],
            name=said["name"],
            cidr="" if cidr in ("none", "auto") else cidr,
            description=said.get("description") or said["type"],
            type=said["type"],
            ours=config.get(INSTALLATION) == self._ours,
            balancer=config.get(CHOICE, ""),
        )
        return _with_ground(plain, said) if said["type"] == OVN else plain


def _with_ground(plain: Network, said: Mapping[str, Any]) -> Network:
    own = ground(said)
    return replace(plain, uplink=own.uplink, hidden=own.hides, balancer=own.balancer)


def _usable(said: Mapping[str, Any]) -> bool:
    return bool(said["managed"] and said["type"] in USABLE and said["status"] == "Created")


def _is(said: Mapping[str, Any], order: NetworkOrder, installation: str) -> bool:
    """Return whether a network is what the order made, and whole."""
    ours = said["config"].get(INSTALLATION) == installation
    return bool(ours and said["type"] == order.type and said["status"] == "Created")
