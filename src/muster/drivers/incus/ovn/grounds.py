"""Which OVN networks there are, and which addresses of their uplinks are free."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

from muster.base.errors import DriverError, Permanent
from muster.drivers.incus.options import Options
from muster.drivers.incus.rest import Rest, path
from muster.drivers.incus.tags import PREFIX

OVN = "ovn"
CHOICE = f"{PREFIX}balancer"  # what balances on a network, where somebody has said that
RANGES = "ipv4.ovn.ranges"
OF_DEFAULT = {"project": "default"}  # where uplinks are, whatever project we are in
FRESH_S = 30.0  # what is named and not known is looked for at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """One OVN network."""

    name: str
    uplink: str
    router: str = ""  # its own address on the uplink
    hides: bool = False  # its instances behind that
    balancer: str = OVN

    @property
    def reaches_out(self) -> bool:
        """Whether it leads anywhere."""
        return self.uplink not in ("", "none")

    def path(self, *names: str) -> str:
        return path("networks", self.name, *names)


class Grounds:
    def __init__(self, rest: Rest, options: Options) -> None:
        self._rest = rest
        self._profile = options.profile
        self._known: Mapping[str, Ground] = {}
        self._others: frozenset[str] = frozenset()  # networks of other types
        self._choices: Mapping[str, str] = {}  # of networks, what balances there if that is said
        self._usual = ""
        self._until = 0.0

    async def all(self) -> Mapping[str, Ground]:
        """Return them by name, as they were at most half a minute ago, if anybody answers."""
        now = asyncio.get_running_loop().time()
        if now > self._until:
            try:
                await self._learn()
            except DriverError:
                if not self._until:
                    raise
            self._until = now + FRESH_S
        return self._known

    async def of(self, network: str) -> Ground | None:
        """Return the OVN network of that name, that of the profile for "", or None."""
        known = await self.all()
        name = network or self._usual
        if name and name not in known and name not in self._others:  # made a moment ago
            self.forget()
            known = await self.all()
        return known.get(name)

    async def choice(self, network: str) -> str:
        """Return what somebody has said that balances on that network, "" for nobody."""
        await self.of(network)
        return self._choices.get(network or self._usual, "")

    async def choices(self) -> frozenset[str]:
        """Return all that somebody has said that balances on some network."""
        await self.all()
        return frozenset(self._choices.values())

    def forget(self) -> None:
        """Have the next question be answered by Incus."""
        self._until = min(self._until, 1e-9)

    async def free(self, ground: Ground) -> list[str]:
        """Return the addresses that the network's uplink has for it and nobody uses."""
        uplink = await self._rest.find(path("networks", ground.uplink), **OF_DEFAULT)
        ranges = (uplink or {}).get("config", {}).get(RANGES, "")
        if not ranges:
            text = f"the uplink {ground.uplink!r} has no {RANGES}, where addresses come from"
            raise Permanent(text, network=ground.name)
        taken = {ground.router} | {each.router for each in (await self.all()).values()}
        taken |= await self._allocated()
        return [each for each in _last_first(ranges) if each not in taken]

    async def _allocated(self) -> set[str]:
        listed = await self._rest.find("/1.0/network-allocations", **{"all-projects": "true"})
        return {str(each["addresses"]).partition("/")[0] for each in listed or ()}

    async def _learn(self) -> None:
        profile = await self._rest.get(path("profiles", self._profile))
        nics = (each for each in profile["devices"].values() if each["type"] == "nic")
        self._usual = next((each.get("network", "") for each in nics), "")
        listed = await self._rest.get("/1.0/networks", recursion="1")
        self._known = {each["name"]: ground(each) for each in listed if each["type"] == OVN}
        said = {each["name"]: (each.get("config") or {}).get(CHOICE, "") for each in listed}
        self._choices = {name: choice for name, choice in said.items() if choice}
        self._others = frozenset(each["name"] for each in listed) - self._known.keys()


def ground(said: Mapping[str, Any]) -> Ground:
    """Return an OVN network as Incus shows it."""
    config = said.get("config") or {}
    return Ground(
        name=said["name"],
        uplink=config.get("network", ""),
        router=config.get("volatile.network.ipv4.address", ""),
        hides=config.get("ipv4.nat") == "true",
        balancer=config.get(CHOICE) or OVN,
    )


# Note [From the end]
# Incus gives each OVN network an address of its uplink, the first that is free, and does not
# look whether a balancer or a forward listens there. So those are taken from the other end.
def _last_first(ranges: str) -> Iterator[str]:
    """Yield the addresses of the ranges. See Note [From the end]."""
    for part in reversed(ranges.split(",")):
        first, _, last = part.strip().partition("-")
        low, high = IPv4Address(first.strip()), IPv4Address((last or first).strip())
        for number in range(int(high), int(low) - 1, -1):
            yield str(IPv4Address(number))
