"""Ways from outside to instances that their network hides: ports of a forward of that network."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from muster.base.errors import DriverError, Transient
from muster.drivers.incus.answers import is_missing
from muster.drivers.incus.ovn.grounds import Ground, Grounds
from muster.drivers.incus.ovn.listeners import FORWARDS, Listener, Listeners
from muster.drivers.incus.ovn.shape import INSTALLATION

FIRST, LAST = 20000, 60000
FRESH_S = 5.0  # until what does not lead anywhere is looked at again
SHUT_S = 600.0  # longer than anybody goes by what he has read before
STALE = 412


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """One port of one instance."""

    server_id: UUID
    address: str
    port: int


@dataclass(slots=True)
class _Forward:
    """The doors of one network, as they were when we looked or changed them last."""

    address: str = ""  # "": there is none
    ports: dict[Door, int] = field(default_factory=dict)  # where each is on that address
    listener: Listener | None = None  # that we looked at
    past: bool = False  # Incus does not know all of them. See Note [Past Incus]
    until: float = 0.0


# Note [Doors]
# An OVN network that translates addresses hides its instances: who is outside reaches what a
# balancer or a forward of the network has on its uplink, and no instance by itself. Muster asks
# each instance how it is, before the balancer gets it. So each network that hides instances of
# ours gets one forward, with a port for each port that is asked, closed when its instance is
# deleted; the forward goes with the last. That of an instance that others deleted is found by the
# sweep. An instance that is to be deleted gets no door again,
# whoever asks for it in that moment by what he has read before. Incus 6.0 does not hold a change to
# what it was made upon: a door that another engine's change took away leads nowhere, is doubted,
# and opened again.
class Doors:
    """See Note [Doors]."""

    def __init__(self, listeners: Listeners, grounds: Grounds, installation: UUID) -> None:
        self._listeners = listeners
        self._grounds = grounds
        self._installation = installation
        self._forwards: defaultdict[str, _Forward] = defaultdict(_Forward)
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._shut: dict[UUID, float] = {}  # by server: until when that matters

    async def hides(self, network: str) -> bool:
        ground = await self._grounds.of(network)
        return ground is not None and ground.hides

    async def open(self, network: str, doors: Sequence[Door]) -> Mapping[Door, tuple[str, int]]:
        """Return where each of them is reached from outside, making what is not there yet."""
        ground = await self._grounds.of(network)
        wanted = [each for each in doors if each.server_id not in self._shut]
        if ground is None:
            return {}
        async with self._turns[ground.name]:
            known = self._forwards[ground.name]
            if any(each not in known.ports for each in wanted) or await self._owes(known):
                known = await self._opened(ground, wanted)
        return {each: (known.address, known.ports[each]) for each in wanted}

    def there(self, network: str) -> Mapping[Door, tuple[str, int]]:
        """Return the ways that were there last, for while Incus makes no new ones."""
        known = self._forwards[network]
        return {door: (known.address, at) for door, at in known.ports.items()}

    async def list_ways(self) -> Collection[UUID]:
        hidden = [each for each in (await self._grounds.all()).values() if each.hides]
        read = [await self._read_alone(each) for each in hidden]
        return {door.server_id for known in read for door in known.ports}

    async def close_ways(self, server_id: UUID) -> None:
        for network in tuple(self._forwards):
            if any(door.server_id == server_id for door in self._forwards[network].ports):
                await self.close(network, server_id)

    async def _read_alone(self, ground: Ground) -> _Forward:
        async with self._turns[ground.name]:
            return await self._read(ground)

    async def close(self, network: str, server_id: UUID) -> None:
        """Close the doors of an instance that is to go; it gets none any more."""
        ground = await self._grounds.of(network)
        if ground is None or not ground.hides:
            return
        now = asyncio.get_running_loop().time()
        self._shut = {each: until for each, until in self._shut.items() if until > now}
        self._shut[server_id] = now + SHUT_S
        async with self._turns[ground.name]:
            known = await self._read(ground)
            left = {door: at for door, at in known.ports.items() if door.server_id != server_id}
            if len(left) < len(known.ports):
                await self._kept(ground, known, left)

    async def doubt(self, network: str) -> None:
        """Look again where doors lead, if that is long ago: somebody may have changed it."""
        ground = await self._grounds.of(network)
        if ground and asyncio.get_running_loop().time() > self._forwards[ground.name].until:
            await self._read_alone(ground)

    async def _owes(self, known: _Forward) -> bool:
        """Return whether Incus can be told now what it does not know."""
        return known.past and await self._listeners.takes_changes()

    async def _opened(self, ground: Ground, wanted: Sequence[Door]) -> _Forward:
        known = await self._read(ground)
        missing = [each for each in dict.fromkeys(wanted) if each not in known.ports]
        if not missing and not await self._owes(known):
            return known
        free = iter(sorted(set(range(FIRST, LAST)) - set(known.ports.values())))
        ports = known.ports | dict(zip(missing, free, strict=False))
        return await self._kept(ground, known, ports)

    async def _read(self, ground: Ground) -> _Forward:
        """Return the forward of ours as it is in force."""
        listed = await self._listeners.listed(ground, FORWARDS)
        found = next((each for each in listed if _is_ours(each.said, self._installation)), None)
        read = _Forward()
        if found:
            found = await self._listeners.stamped(found)
            read = _Forward(address=found.address, ports=_ports(found.said))
            read.listener, read.past = found, found.past
        read.until = asyncio.get_running_loop().time() + FRESH_S
        self._forwards[ground.name] = read
        return read

    async def _kept(self, ground: Ground, known: _Forward, ports: dict[Door, int]) -> _Forward:
        """Have the forward lead there, and nowhere else; of nowhere there is none."""
        content = _body(ports, self._installation)
        kept = _Forward(ports=ports, until=known.until)
        now = await self._changed(known.listener, content) if known.listener else None
        if now:
            kept.address, kept.past = now.address, now.past
        elif ports:
            kept.address = await self._listeners.make(ground, FORWARDS, content)
        self._forwards[ground.name] = kept
        return kept

    async def _changed(self, listener: Listener, content: Mapping[str, Any]) -> Listener | None:
        """Return the forward as it is then, None where there is none any more."""
        try:
            if content["ports"]:
                return await self._listeners.change(listener, content)
            await self._listeners.remove(listener.where)
        except DriverError as error:
            if error.details.get("status") == STALE:
                text = f"{listener.where}: somebody else changed it just now"
                raise Transient(text) from None
            if not is_missing(error):
                raise
        return None


def _is_ours(said: Mapping[str, Any], installation: UUID) -> bool:
    return bool((said.get("config") or {}).get(INSTALLATION) == str(installation))


def _body(ports: Mapping[Door, int], installation: UUID) -> dict[str, Any]:
    return {
        "description": "how Muster asks instances whether they are well",
        "config": {INSTALLATION: str(installation)},
        "ports": [
            {
                "description": str(door.server_id),
                "protocol": "tcp",
                "listen_port": str(at),
                "target_port": str(door.port),
                "target_address": door.address,
            }
            for door, at in sorted(ports.items(), key=lambda each: each[1])
        ],
    }


def _ports(said: Mapping[str, Any]) -> dict[Door, int]:
    return {
        Door(
            server_id=UUID(each["description"]),
            address=each["target_address"],
            port=int(each["target_port"]),
        ): int(each["listen_port"])
        for each in said["ports"]
    }
