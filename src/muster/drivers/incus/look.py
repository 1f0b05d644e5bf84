"""What instances there are and how they are, however many members do not answer."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from typing import Any
from uuid import UUID

from muster.base.clock import Clock
from muster.base.errors import DriverError, Transient
from muster.drivers.incus.members import Members, Roster
from muster.drivers.incus.rest import READ_S, Call, Rest, path
from muster.drivers.incus.tags import Tags, read
from muster.model.catalog import MACHINES
from muster.model.observed import Seen, Server

FULL_AGAIN_S = 10.0  # until a listing through one member is tried again after it hung
RECENT_S = 3.0
AT_ONCE = 8
MAKING = timedelta(seconds=60)  # the longest that a creation of ours takes
RISING = timedelta(seconds=15)  # the longest that a member takes to start what ran on it
MOVING = timedelta(seconds=60)  # the longest that what ran is believed to be on its way

# What Incus calls a state, in our words. `Error` is what a member's instances are in where it
# does not answer the others, and what one is in for a moment when its first process was killed:
# never a reason to take it for lost.
SEEN: Mapping[str, tuple[Seen, str]] = {
    "Running": (Seen.RUNNING, ""),
    "Ready": (Seen.RUNNING, ""),
    "Stopped": (Seen.STOPPED, "it is stopped"),
    "Frozen": (Seen.STOPPED, "it is paused"),
    "Error": (Seen.UNREACHABLE, "its host does not answer"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One instance of ours as Incus shows it."""

    ref: str
    tags: Tags
    host: str
    status: str
    created: datetime
    started: str  # changes with every start; "" if it never did
    network: str = ""  # that it is on; "": not told
    felled: bool = False  # it stands still, and nobody stopped it. See Note [Felled]
    displaced: bool = False  # its member was evacuated, and has not been restored


# Note [Who can be asked]
# One listing through any member tells of all instances, because that member asks the others.
# While one of them is cut off and not yet taken for dead, for up to 20 s, that listing hangs.
# So it gets a deadline; when it is over, every member is asked whether it answers at all, those
# that do are asked for each of their own instances, and the rest are unreachable. Which
# instances there are, and where, stands in the database that all members share: as the volumes
# of their root disks, which carry our tags as well.
class Lookout:
    def __init__(self, rest: Rest, members: Members, clock: Clock, installation: UUID) -> None:
        self._rest = rest
        self.members = self._members = members
        self._clock = clock
        self.installation = self._installation = installation
        self._addresses: dict[str, tuple[str, str]] = {}  # ref -> (start, address)
        self._felled: dict[str, datetime] = {}  # ref -> since when it is seen so
        self._moving: dict[str, datetime] = {}  # the same, of what Incus moves
        self._full_again = 0.0
        self._recent: Sequence[Found] = ()
        self._networks: Mapping[UUID, str] = {}  # by server
        self._recent_until = 0.0
        self._running: asyncio.Task[Sequence[Server]] | None = None
        self._next: asyncio.Task[Sequence[Server]] | None = None
        self.busy: set[str] = set()  # refs that something of ours is being done to

    # Note [Shared listings]
    # Many clusters are looked at in the same moment, and each wants to know what there is now.
    # A listing that began before the question may miss what was done in between; so whoever
    # asks while one is under way waits for the next, and all of them share that one.
    async def servers(self, cluster_id: UUID | None = None) -> Sequence[Server]:
        """Return our servers, of one cluster or all. See Note [Shared listings]."""
        if self._next is None:
            self._next = asyncio.create_task(self._after(self._running))
        listed = await asyncio.shield(self._next)
        return [each for each in listed if cluster_id in (None, each.cluster_id)]

    async def server(self, ref: str) -> Server | None:
        """Return one server of ours, None if there is none of that name."""
        said = await self._rest.find(path("instances", ref))
        found = self._found([said], await self._members.roster()) if said else []
        shown = await self._shown(found)
        return shown[0] if shown else None

    async def ours(self, ref: str) -> Mapping[str, Any] | None:
        """Return the instance as Incus has it, None if it is gone or not ours."""
        said = await self._rest.find(path("instances", ref))
        tags = read(said["config"]) if said else None
        return said if tags and tags.installation == self._installation else None

    async def found(self) -> Sequence[Found]:
        """Return every instance of ours."""
        self._recent = await self._look()
        before = self._networks  # what a member does not tell while it is away
        self._networks = {
            each.tags.server: each.network or before.get(each.tags.server, "")
            for each in self._recent
        }
        self._recent_until = asyncio.get_running_loop().time() + RECENT_S
        return self._recent

    async def _look(self) -> Sequence[Found]:
        """See Note [Who can be asked]."""
        roster = await self._members.roster()
        loop = asyncio.get_running_loop()
        if loop.time() >= self._full_again:
            try:
                listed = await self._rest.answer(listing("1", READ_S))
                return await self._completed(listed, roster)
            except Transient:
                self._full_again = loop.time() + FULL_AGAIN_S
        return await self._one_by_one(roster)

    async def recent(self) -> Sequence[Found]:
        """Return what was found a moment ago, looking anew only if that is too long ago."""
        if asyncio.get_running_loop().time() > self._recent_until:
            await self.found()
        return self._recent

    def knows(self, ref: str) -> bool:
        """Return whether it was listed last as an instance of ours, by any question."""
        return any(each.ref == ref for each in self._recent)

    def node_of(self, ref: str) -> UUID | None:
        """Return whose server it was when they were listed last, None if unknown."""
        return next((each.tags.node for each in self._recent if each.ref == ref), None)

    def network_of(self, server_id: UUID) -> str:
        """Return the network that a server was on when they were listed last, "" if unknown."""
        return self._networks.get(server_id, "")

    async def _after(self, earlier: asyncio.Task[Sequence[Server]] | None) -> Sequence[Server]:
        if earlier is not None:
            await asyncio.wait([earlier])
        self._running, self._next = self._next, None
        found = await self.found()
        refs = {each.ref for each in found}
        self._addresses = {ref: known for ref, known in self._addresses.items() if ref in refs}
        return await self._shown(found)

    async def _completed(self, listed: Sequence[Any], roster: Roster) -> Sequence[Found]:
        """Give back to those that Incus could not ask about what the database knows of them."""
        bare = {each["name"] for each in listed if not each.get("config")}
        self._members.doubt(*(each["location"] for each in listed if each["name"] in bare))
        known = await self._volumes() if bare else {}
        whole = [
            {**known[each["name"]], "status": each["status"]} if each["name"] in bare else each
            for each in listed
            if each["name"] not in bare or each["name"] in known
        ]
        return self._found(whole, roster)

    async def _one_by_one(self, roster: Roster) -> Sequence[Found]:
        """See Note [Who can be asked]."""
        known, silent = await asyncio.gather(self._volumes(), self._members.silent(roster))
        turns = asyncio.Semaphore(AT_ONCE)

        async def asked(name: str, volume: Mapping[str, Any]) -> Mapping[str, Any] | None:
            if volume["location"] in silent:
                return volume
            try:
                async with turns:
                    return await self._rest.find(path("instances", name), volume["location"])
            except DriverError:
                return volume

        answers = await asyncio.gather(*(asked(*each) for each in known.items()))
        return self._found(filter(None, answers), roster)

    async def _volumes(self) -> Mapping[str, Mapping[str, Any]]:
        """Return what the database knows of our instances, each as one that does not answer."""
        pools = await self._rest.get("/1.0/storage-pools", recursion="1")
        known: dict[str, Mapping[str, Any]] = {}
        for pool, kind in product(pools, MACHINES):
            where = path("storage-pools", pool["name"], "volumes", kind)
            for each in await self._rest.get(where, recursion="1"):
                tags = read(each["config"])
                if tags and tags.installation == self._installation:
                    known[each["name"]] = {**each, "status": "Error", "last_used_at": ""}
        return known

    def _found(self, listed: Iterable[Any], roster: Roster) -> list[Found]:
        alone = next(iter(roster.members), "")
        return [
            Found(
                ref=each["name"],
                tags=tags,
                host=each["location"] if roster.clustered else alone,
                status=each["status"],
                created=datetime.fromisoformat(each["created_at"]),
                started=_started(each.get("last_used_at") or ""),
                network=network_of(each),
                felled=each["config"].get("volatile.last_state.power") == "RUNNING",
                displaced=bool(each["config"].get("volatile.evacuate.origin")),
            )
            for each in listed
            if (tags := read(each["config"])) and tags.installation == self._installation
        ]

    async def _shown(self, found: Sequence[Found]) -> Sequence[Server]:
        await self._learn_addresses(found)
        roster, now = await self._members.roster(), self._clock.now()
        return [self._server(each, roster, now) for each in found]

    def _server(self, found: Found, roster: Roster, now: datetime) -> Server:
        seen, reason = SEEN.get(found.status, (Seen.BUILDING, found.status.lower()))
        address = self._address(found)
        if seen is Seen.RUNNING and not address:
            seen, reason = Seen.BUILDING, "it has no address yet"
        if found.status != "Stopped":
            self._felled.pop(found.ref, None)
            self._moving.pop(found.ref, None)
        elif self._begins(found, now):
            seen, reason = Seen.BUILDING, "it is about to start"
        return Server(
            ref=found.ref,
            server_id=found.tags.server,
            node_id=found.tags.node,
            cluster_id=found.tags.cluster,
            name=found.tags.name,
            seen=seen,
            created=found.created,
            address=address,
            host=found.host,
            zone=roster.zone(found.host),
            image=found.tags.image,
            project=found.tags.project,
            reason=reason,
            abandoned=seen is Seen.UNREACHABLE and roster.holds_dead(found.host),
        )

    def _address(self, found: Found) -> str:
        """Return its address; of one that cannot be asked, the one that it had."""
        started, address = self._addresses.get(found.ref, ("", ""))
        return address if found.started in (started, "") else ""

    # Note [Felled]
    # A member that gets its power back first shows its instances as stopped, then starts those
    # that ran. They are told from others by what Incus last knew of them: that they ran. One
    # whose end Incus has not noticed looks the same, so this is believed for a while only.
    # Incus stops what it moves, too, when a member is evacuated and when it is restored, and says
    # of it whose it was; no more for the moment in which it starts at home again.
    def _begins(self, found: Found, now: datetime) -> bool:
        """Whether it stands still only until somebody starts it. See Note [Felled]."""
        if found.ref in self.busy or not found.started:
            return found.ref in self.busy or now - found.created < MAKING
        if found.displaced or found.ref in self._moving:
            return now - self._moving.setdefault(found.ref, now) < MOVING
        if not found.felled:
            return False
        return now - self._felled.setdefault(found.ref, now) < RISING

    async def _learn_addresses(self, found: Sequence[Found]) -> None:
        """Ask those that have started since we last did: an address holds for a start."""
        new = [each for each in found if each.status == "Running" and not self._address(each)]
        turns = asyncio.Semaphore(AT_ONCE)

        async def asked(each: Found) -> None:
            async with turns:
                state = await self._state(each)
            if address := address_in(state):
                self._addresses[each.ref] = (each.started, address)

        await asyncio.gather(*map(asked, new))

    async def _state(self, found: Found) -> Mapping[str, Any]:
        try:
            state = await self._rest.get(path("instances", found.ref, "state"), found.host)
        except DriverError:
            return {}
        return state if isinstance(state, dict) else {}


def listing(depth: str, deadline_s: float) -> Call:
    """Return the question for all instances. Where one member hangs in it, so would the others."""
    return Call(
        method="GET",
        path="/1.0/instances",
        params={"recursion": depth},
        deadline_s=deadline_s,
        elsewhere=False,
    )


def network_of(instance: Mapping[str, Any]) -> str:
    """Return the managed network of the instance's first interface, "" if there is none."""
    devices = instance.get("expanded_devices") or {}
    nics = (devices[each] for each in sorted(devices) if devices[each]["type"] == "nic")
    return next((str(each["network"]) for each in nics if each.get("network")), "")


def _started(said: str) -> str:
    return "" if said.startswith(("1970-", "0001-")) else said


def address_in(state: Mapping[str, Any]) -> str:
    """Return the first address by which others reach it, one of version 4 before the rest."""
    addresses = [
        (one["family"], str(one["address"]))
        for name, network in (state.get("network") or {}).items()
        for one in network.get("addresses") or ()
        if name != "lo" and one["scope"] == "global"
    ]
    return min(addresses, default=("", ""))[1]
