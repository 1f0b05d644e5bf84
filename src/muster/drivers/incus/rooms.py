"""The rooms port over Incus: small containers for balancers, on the networks of those."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any
from uuid import UUID

from muster.base.errors import DriverError, Permanent, Transient
from muster.drivers.incus.answers import is_missing, is_taken
from muster.drivers.incus.commands import IncusCommands
from muster.drivers.incus.images import IncusImages
from muster.drivers.incus.look import SEEN, address_in, listing
from muster.drivers.incus.making import state
from muster.drivers.incus.members import Members, Roster
from muster.drivers.incus.networks import INSIDE, Whose
from muster.drivers.incus.ovn.grounds import Grounds
from muster.drivers.incus.placing import ONLINE
from muster.drivers.incus.pools import pool_of
from muster.drivers.incus.rest import READ_S, WRITE_S, Call, Rest, path
from muster.drivers.incus.shape import CONTAINER, source
from muster.drivers.incus.tags import PREFIX
from muster.model.command import Command, Ended
from muster.model.observed import Seen
from muster.model.room import Room, RoomOrder

_NAME = re.compile(r"front-([0-9a-f]{8})-([0-9a-f]{32})-([0-9]+)")
_HIDES = "nobody outside reaches instances of OVN network {0!r}: let OVN balance there"
_NO_IMAGE = (
    "there is no image {0!r} for balancers: make one by `muster image build FILE --with haproxy` "
    "and import it under that name, or set balancer_image"
)


# Note [Names of rooms]
# What an instance is for stands in its configuration, which can be read only while its host
# answers. Its name is known of every one. So the name of a room says whose it is, for which
# cluster, and which one in a row; what stands in the configuration is there for people. It does
# not begin when its host does: by then another may have its place, and its address.
def room_name(installation: UUID, order: RoomOrder) -> str:
    """Return what the instance is called. See Note [Names of rooms]."""
    return f"front-{installation.hex[:8]}-{order.cluster_id.hex}-{order.number}"


def owner_of(ref: str) -> tuple[str, UUID, int] | None:
    """Return whose room it is, None for what is none: installation, cluster, number."""
    said = _NAME.fullmatch(ref)
    return (said[1], UUID(said[2]), int(said[3])) if said else None


class IncusRooms:
    def __init__(
        self,
        rest: Rest,
        members: Members,
        parts: tuple[IncusImages, IncusCommands, Grounds],
        whose: Whose,
    ) -> None:
        self._rest = rest
        self._members = members
        self._images, self._commands, self._grounds = parts
        self._options = whose.options
        self._installation = whose.installation
        self._had_image = False
        self._addresses: dict[str, tuple[str, str]] = {}  # ref -> (start, address)
        self._places: dict[str, str] = {}  # ref -> member

    async def list_rooms(self, cluster_id: UUID | None = None) -> Sequence[Room]:
        roster = await self._members.roster()
        try:
            listed = await self._rest.answer(listing("1", READ_S))
        except Transient:
            listed = await self._one_by_one(roster)
        ours = [each for each in listed if self._is_ours(each["name"], cluster_id)]
        if cluster_id is None:
            there = {each["name"] for each in ours}
            self._places = {ref: place for ref, place in self._places.items() if ref in there}
        return await asyncio.gather(*(self._room(each, roster) for each in ours))

    async def make_room(self, order: RoomOrder) -> Room:
        ref = room_name(self._installation, order)
        roster = await self._members.roster()
        if await self._rest.find(path("instances", ref)) is None:
            await self.list_rooms()
            target = self._places[ref] = await self._target(roster)
            call = Call(
                method="POST",
                path="/1.0/instances",
                params={"target": target} if roster.clustered else {},
                body=await self._body(order),
                deadline_s=WRITE_S,
            )
            try:
                await self._tried(call)
            except Transient:
                self._members.doubt(target)
                raise
        made = await self._rest.find(path("instances", ref))
        if made is None:
            raise Transient(f"{ref} was made and cannot be seen yet")
        return await self._room(made, roster)

    async def start_room(self, ref: str) -> None:
        await self._tried(state(ref, "start"))

    async def write_file(self, ref: str, where: str, content: bytes) -> None:
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(len(content)),
            "X-Incus-type": "file",
            "X-Incus-mode": "0600",
            "X-Incus-uid": "0",
            "X-Incus-gid": "0",
            "X-Incus-write": "overwrite",
        }
        call = Call(
            method="POST",
            path=path("instances", ref, "files"),
            params={"path": where},
            content=_once(content),
            headers=headers,
            deadline_s=WRITE_S,
        )
        await self._rest.put_into_effect(call, self._places.get(ref, ""))

    async def run_in(self, ref: str, command: Command) -> Ended:
        return await self._commands.run_at(ref, command, self._places.get(ref, ""))

    async def delete_room(self, ref: str) -> None:
        said = await self._rest.find(path("instances", ref))
        if said is None or not self._is_ours(ref, None):
            return
        if said["status"] != "Stopped":
            await self._tried(state(ref, "stop", force=True))
        await self._tried(Call(method="DELETE", path=path("instances", ref), deadline_s=WRITE_S))
        self._addresses.pop(ref, None)
        self._places.pop(ref, None)

    async def asked_for(self, network: str | None) -> bool:
        if network is None:
            return INSIDE in await self._grounds.choices()
        return await self._grounds.choice(network) == INSIDE

    async def no_room(self, network: str) -> str | None:
        ground = await self._grounds.of(network)
        if ground and ground.hides:
            return _HIDES.format(ground.name)
        if not self._had_image:
            try:
                await self._image()
            except Permanent as error:
                return error.text
        return None

    def _is_ours(self, ref: str, cluster_id: UUID | None) -> bool:
        owner = owner_of(ref)
        if owner is None or owner[0] != self._installation.hex[:8]:
            return False
        return cluster_id in (None, owner[1])

    async def _tried(self, call: Call) -> None:
        """Put the call into effect, whether or not there is anything left to do."""
        try:
            await self._rest.put_into_effect(call)
        except DriverError as error:
            if not (is_missing(error) or is_taken(error)):
                raise

    async def _one_by_one(self, roster: Roster) -> Sequence[Mapping[str, Any]]:
        """Ask for each room by itself, but for those on hosts that are silent.

        See Note [Who can be asked]. Which there are stands in the database of all members.
        """
        silent = await self._members.silent(roster)
        pool = await pool_of(self._rest, self._options)
        where = path("storage-pools", pool, "volumes", "container")
        volumes = await self._rest.get(where, recursion="1")
        found = []
        for each in volumes:
            if self._is_ours(each["name"], None):
                said = None
                if each["location"] not in silent:
                    said = await self._rest.find(path("instances", each["name"]), each["location"])
                found.append(said or {**each, "status": "Error"})
        return found

    async def _room(self, said: Mapping[str, Any], roster: Roster) -> Room:
        ref, place = said["name"], said["location"]
        owner = owner_of(ref)
        if owner is None:
            raise Permanent(f"{ref} is no room of a balancer")
        self._places[ref] = place if roster.clustered else ""
        seen, _ = SEEN.get(said["status"], (Seen.BUILDING, ""))
        address = await self._address(said) if seen is Seen.RUNNING else ""
        return Room(
            ref=ref,
            cluster_id=owner[1],
            number=owner[2],
            seen=Seen.BUILDING if seen is Seen.RUNNING and not address else seen,
            address=address,
            abandoned=seen is Seen.UNREACHABLE and roster.holds_dead(place),
        )

    async def _address(self, said: Mapping[str, Any]) -> str:
        """Return its address, asked once for each of its starts."""
        ref, start = said["name"], str(said.get("last_used_at") or "")
        known = self._addresses.get(ref)
        if known is None or known[0] != start:
            try:
                shown = await self._rest.get(path("instances", ref, "state"), self._places[ref])
            except DriverError:
                return ""
            if not (address := address_in(shown)):
                return ""
            known = self._addresses[ref] = (start, address)
        return known[1]

    async def _target(self, roster: Roster) -> str:
        """Return the member with the fewest rooms, of those that take something and answer."""
        doubted = self._members.doubted()
        fit = [
            each.name for each in roster.members.values() if each.status == ONLINE and each.takes
        ]
        if not fit:
            raise Transient("no member can take a balancer now")
        rooms = Counter(self._places.values())
        return min(fit, key=lambda name: (name in doubted, rooms[name], name))

    async def _body(self, order: RoomOrder) -> Mapping[str, Any]:
        ref = room_name(self._installation, order)
        profile = await self._rest.get(path("profiles", self._options.profile))
        pool = await pool_of(self._rest, self._options)
        return {
            "name": ref,
            "type": CONTAINER,
            "start": False,
            "profiles": [self._options.profile],
            "description": f"balancer of cluster {order.name} of project {order.project}",
            "config": {
                f"{PREFIX}installation": str(self._installation),
                f"{PREFIX}balances": str(order.cluster_id),
                "boot.autostart": "false",
                "limits.memory": f"{self._options.balancer_memory_mib}MiB",
            },
            "devices": {
                "root": {"type": "disk", "path": "/", "pool": pool},
                **self._wire(order, profile["devices"]),
            },
            "source": source(await self._image()),
        }

    # Note [One address for all rooms]
    # Who gives addresses on a network goes by the hardware address of an interface: all rooms of
    # a cluster have the same, and so the next one has the address of the one before. An OVN
    # network goes by nothing, there the next one may have another.
    def _wire(
        self, order: RoomOrder, devices: Mapping[str, Mapping[str, str]]
    ) -> Mapping[str, Mapping[str, str]]:
        """Return the interface. See Note [One address for all rooms]."""
        told = self._installation.bytes + order.cluster_id.bytes
        hwaddr = "02:" + blake2b(told, digest_size=5).digest().hex(":")
        if order.network:
            nic = {"type": "nic", "network": order.network, "name": "eth0"}
            return {"eth0": {**nic, "hwaddr": hwaddr}}
        usual = [name for name, each in devices.items() if each["type"] == "nic"]
        if not usual:
            raise Permanent(f"profile {self._options.profile} has no network for a balancer")
        return {usual[0]: {**devices[usual[0]], "hwaddr": hwaddr}}

    async def _image(self) -> str:
        name = self._options.balancer_image
        fit = [each for each in await self._images.list_images() if name in (each.name, each.id)]
        if not fit:
            raise Permanent(_NO_IMAGE.format(name))
        self._had_image = True
        return max(fit, key=lambda each: str(each.created_at)).id


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
