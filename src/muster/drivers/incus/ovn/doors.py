"""Ways from outside to instances that their network hides: ports of a forward of that network."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from muster.base.errors import DriverError, Permanent, Transient
from muster.drivers.incus.answers import is_missing, is_taken
from muster.drivers.incus.ovn.grounds import Ground, Grounds
from muster.drivers.incus.ovn.shape import INSTALLATION
from muster.drivers.incus.rest import WRITE_S, Call, Rest

FORWARDS = "forwards"
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
    stamp: str = ""  # of what we looked at
    until: float = 0.0


# Note [Doors]
# An OVN network that translates addresses hides its instances: who is outside reaches what a
# balancer or a forward of the network has on its uplink, and no instance by itself. Muster asks
# each instance how it is, before the balancer gets it. So each network that hides instances of
# ours gets one forward, with a port for each port that is asked, closed when its instance is
# deleted; the forward goes with the last. An instance that is to be deleted gets no door again,
# whoever asks for it in that moment by what he has read before. Incus 6.0 does not hold a change to
# what it was made upon: a door that another engine's change took away leads nowhere, is doubted,
# and opened again.
class Doors:
    """See Note [Doors]."""

    def __init__(self, rest: Rest, grounds: Grounds, installation: UUID) -> None:
        self._rest = rest
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
            if any(each not in known.ports for each in wanted):
                known = await self._opened(ground, wanted)
        return {each: (known.address, known.ports[each]) for each in wanted}

    def there(self, network: str) -> Mapping[Door, tuple[str, int]]:
        """Return the ways that were there last, for while Incus makes no new ones."""
        known = self._forwards[network]
        return {door: (known.address, at) for door, at in known.ports.items()}

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
            async with self._turns[ground.name]:
                await self._read(ground)

    async def _opened(self, ground: Ground, wanted: Sequence[Door]) -> _Forward:
        known = await self._read(ground)
        missing = [each for each in dict.fromkeys(wanted) if each not in known.ports]
        if not missing:
            return known
        free = iter(sorted(set(range(FIRST, LAST)) - set(known.ports.values())))
        ports = known.ports | dict(zip(missing, free, strict=False))
        return await self._kept(ground, known, ports)

    async def _read(self, ground: Ground) -> _Forward:
        """Return the forward of ours as Incus has it."""
        listed = await self._rest.find(ground.path(FORWARDS), recursion="1") or ()
        ours = (each for each in listed if _is_ours(each, self._installation))
        found, read = next(ours, None), _Forward()
        if found:
            said, stamp = await self._rest.stamped(ground.path(FORWARDS, found["listen_address"]))
            read = _Forward(address=said["listen_address"], ports=_ports(said), stamp=stamp)
        read.until = asyncio.get_running_loop().time() + FRESH_S
        self._forwards[ground.name] = read
        return read

    async def _kept(self, ground: Ground, known: _Forward, ports: dict[Door, int]) -> _Forward:
        """Have the forward lead there, and nowhere else; of nowhere there is none."""
        address = await self._changed(ground, known, ports) if known.address else ""
        if not address and ports:
            address = await self._made(ground, ports)
        self._forwards[ground.name] = _Forward(address=address, ports=ports, until=known.until)
        return self._forwards[ground.name]

    async def _changed(self, ground: Ground, known: _Forward, ports: Mapping[Door, int]) -> str:
        """Return where the forward is then, "" where there is none any more."""
        where = ground.path(FORWARDS, known.address)
        content = _body(ports, self._installation) if ports else None
        try:
            await self._rest.put_into_effect(_change(where, content, known.stamp))
        except DriverError as error:
            if error.details.get("status") == STALE:
                raise Transient(f"{where}: somebody else changed it just now") from None
            if not is_missing(error):
                raise
            return ""
        return known.address if ports else ""

    async def _made(self, ground: Ground, ports: Mapping[Door, int]) -> str:
        for address in await self._grounds.free(ground):
            new = {**_body(ports, self._installation), "listen_address": address}
            call = Call(method="POST", path=ground.path(FORWARDS), body=new, deadline_s=WRITE_S)
            try:
                await self._rest.put_into_effect(call)
            except DriverError as error:
                if is_taken(error):
                    continue
                raise
            return address
        raise Permanent(f"no address of {ground.uplink} is free for a forward")


def _change(where: str, content: Any, stamp: str) -> Call:
    if content is None:
        return Call(method="DELETE", path=where, deadline_s=WRITE_S)
    held = {"If-Match": stamp} if stamp else {}
    return Call(method="PUT", path=where, body=content, headers=held, deadline_s=WRITE_S)


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
