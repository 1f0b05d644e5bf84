"""The balancer port over HAProxies in instances, each in a room of its own beside its members."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from uuid import UUID

from muster.base.clock import Clock
from muster.base.enduring import enduring
from muster.base.errors import DriverError, Permanent, Transient
from muster.drivers.balancers.haproxy import spread
from muster.drivers.balancers.haproxy.inside.files import OWN_PORTS
from muster.drivers.balancers.haproxy.inside.pool import Inmate
from muster.drivers.balancers.haproxy.inside.voice import PRESENT, Heard, Voice
from muster.drivers.balancers.haproxy.kept import Kept, changed
from muster.drivers.balancers.haproxy.refusal import refused
from muster.drivers.balancers.haproxy.seen import pool_seen
from muster.drivers.balancers.haproxy.tally import Tally
from muster.model.observed import Seen
from muster.model.pool import Front, PoolSeen, PoolWanted
from muster.model.room import Room, RoomOrder
from muster.ports.cloud import CloudConfig
from muster.ports.rooms import Rooms

FRESH_S = 1.0  # what was listed or heard so long ago will do, but for what is changed
TEND_EVERY_S = 1.0
ADDRESS_S = 20.0  # from its start until a room has an address
LOOK_S = 0.2
JUST_NOW_S = 0.5  # a program is run there for each look, and several ask in the same moment
ANSWER_S = 3.0  # of one look
LATELY_S = 60.0  # more than it takes until a host is held dead
SILENT_S = 5.0  # the room's first process has started it again by then, if it can be started
OWN = "ports {0} to {1} are where the balancer itself is asked: take another"


# Note [A room for each pool]
# All that is to be known of a pool is in its room: any engine finds it there, after any restart.
# A room that does not run is no pool: whoever asks is told that there is none, and puts it again,
# which starts the room, or makes the next one where its host is held dead. The room before is
# removed as soon as its host answers; it does not start by itself, so that no two have one address.
# Within a room an HAProxy that dies is started again by the room's first process; one that stays
# silent is put again, too, which writes all its files anew. While a room cannot be asked, it is
# taken for what it was: what else there is to do for its cluster does not wait for that.
class InsideBalancer:
    """See Note [A room for each pool]."""

    def __init__(
        self, rooms: Rooms, home: Path, port: int, clock: Clock, *, always: bool = True
    ) -> None:
        self._rooms = rooms
        self._awake = always
        self._home = home
        self._port = port
        self._clock = clock
        self._turns: defaultdict[UUID, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._tallies: dict[UUID, Tally] = {}
        self._heard: dict[UUID, tuple[str, Heard]] = {}  # the last word of each, and whose it is
        self._last: dict[str, tuple[float, PoolSeen]] = {}  # by room
        self._silent: dict[str, float] = {}  # by room, since when
        self._listed: Sequence[Room] = ()
        self._until = 0.0
        self._listing = asyncio.Lock()
        self._tending: asyncio.Task[None] | None = None

    async def serves(self, front: Front) -> bool:
        return await self._rooms.asked_for(front.network)

    async def list_pools(self) -> Sequence[UUID]:
        rooms = await self._rooms.list_rooms()
        self._awake = self._awake or bool(rooms)
        return list(dict.fromkeys(each.cluster_id for each in rooms if not each.abandoned))

    async def pool(self, cluster_id: UUID) -> PoolSeen | None:
        room = newest([each for each in await self._recent() if each.cluster_id == cluster_id])
        if room is None or room.seen in (Seen.STOPPED, Seen.BROKEN):
            return None
        at, last = self._last.get(room.ref, (0.0, None))
        if last and self._now() - at < JUST_NOW_S and room.seen is Seen.RUNNING:
            return last
        try:
            return await self._asked(room)
        except Transient:
            if last is None or self._now() - at > LATELY_S:
                raise
            return last

    async def _asked(self, room: Room) -> PoolSeen | None:
        if room.seen is not Seen.RUNNING:
            raise Transient(f"the balancer in {room.ref} cannot be asked: it is {room.seen}")
        heard = await self._look(room)
        if heard.kept is None or self._silent_for(room, heard) > SILENT_S:
            return None
        if not heard.workers:
            raise Transient(f"HAProxy in {room.ref} does not answer: {heard.log.strip()}")
        return self._shown(room, heard.kept, heard)

    async def put_pool(self, wanted: PoolWanted) -> str:
        if reason := await self.refusal(wanted.front):
            raise Permanent(reason)
        cluster_id = wanted.front.cluster_id
        async with self._turns[cluster_id]:
            try:
                there = await self._rooms.list_rooms(cluster_id)
                room = newest(there) or await self._made(wanted.front, there)
                inmate = Inmate(Voice(self._rooms, room.ref))
                room, heard = await self._opened(room, inmate, wanted)
                kept = self._changed(room, heard.kept, wanted)
                heard = await inmate.bring_about(kept, heard)
                self._shown(room, kept, heard)  # what is counted by now is not lost
                await self._clear(there, room)
            finally:
                self._until = 0.0
        return room.address

    async def remove_pool(self, cluster_id: UUID) -> None:
        """A room on a dead host is left; it is listed again, and removed, when that is back.

        See Note [Not asked for].
        """
        async with self._turns[cluster_id]:
            rooms = await self._rooms.list_rooms(cluster_id) if await self._wakes() else ()
            for room in rooms:
                if not room.abandoned:
                    await self._rooms.delete_room(room.ref)
                self._last.pop(room.ref, None)
            self._heard.pop(cluster_id, None)
            self._until = 0.0
            if tally := self._tallies.pop(cluster_id, None):
                tally.file.unlink(missing_ok=True)

    async def refusal(self, front: Front) -> str | None:
        if reason := refused(front):
            return reason
        if self._port_of(front) in OWN_PORTS:
            return OWN.format(OWN_PORTS[0], OWN_PORTS[-1])
        return await self._rooms.no_room(front.network)

    def watch(self) -> None:
        """Begin to remove rooms that others took the place of, and to close what is due."""
        self._tending = asyncio.get_running_loop().create_task(self._tend())

    async def close(self) -> None:
        """Let go of tasks; every HAProxy goes on."""
        if self._tending:
            self._tending.cancel()
            await asyncio.wait([self._tending])
            self._tending = None
        for id, tally in self._tallies.items():
            with enduring(f"haproxy/{id}", OSError):
                tally.save()

    async def _made(self, front: Front, there: Sequence[Room]) -> Room:
        """Return a room in the place of those that are there and of no use."""
        order = RoomOrder(
            cluster_id=front.cluster_id,
            number=max((each.number for each in there), default=0) + 1,
            name=front.name,
            project=front.project,
            network=front.network,
        )
        return await self._rooms.make_room(order)

    async def _opened(self, room: Room, inmate: Inmate, wanted: PoolWanted) -> tuple[Room, Heard]:
        """Return the room as it runs, with an HAProxy that answers, and what that says."""
        if room.seen is Seen.UNREACHABLE:
            raise Transient(f"the host of {room.ref} does not answer")
        kept = self._changed(room, None, wanted)
        if room.seen is Seen.STOPPED:
            await inmate.furnish(kept)
            await self._rooms.start_room(room.ref)
        room = await self._addressed(room)
        heard = await inmate.voice.look()
        if not heard.workers:
            await inmate.furnish(kept)  # somebody was cut off in the middle, or wrote there
            heard = await inmate.awaited(lambda now: now.first.pid > 0)
        return room, heard

    async def _addressed(self, room: Room) -> Room:
        end = asyncio.get_running_loop().time() + ADDRESS_S
        while True:
            there = await self._rooms.list_rooms(room.cluster_id)
            now = next((each for each in there if each.ref == room.ref), None)
            if now and now.seen is Seen.RUNNING and now.address:
                return now
            if now is None or asyncio.get_running_loop().time() > end:
                said = f"it is {now.seen}, and has no address" if now else "it is gone"
                raise Transient(f"the balancer in {room.ref} does not come up: {said}")
            await asyncio.sleep(LOOK_S)

    async def _clear(self, there: Sequence[Room], room: Room) -> None:
        """Remove the rooms before this one, as far as their hosts answer."""
        for each in there:
            if each.number < room.number and not each.abandoned:
                await self._rooms.delete_room(each.ref)

    def _changed(self, room: Room, before: Kept | None, wanted: PoolWanted) -> Kept:
        port = self._port_of(wanted.front)
        empty = Kept(front=wanted.front, address=room.address, port=port)
        return replace(changed(before or empty, wanted, port, self._now()), address=room.address)

    async def _recent(self) -> Sequence[Room]:
        """Return all rooms as they were a moment ago: every pool is asked after again and again.

        See Note [Not asked for].
        """
        if not await self._wakes():
            return ()
        async with self._listing:
            if asyncio.get_running_loop().time() > self._until:
                self._listed = await self._rooms.list_rooms()
                self._until = asyncio.get_running_loop().time() + FRESH_S
            return self._listed

    # Note [Not asked for]
    # Where networks choose, most clouds have none that wants this balancer, and no pool of theirs
    # should cost them a listing, or wait for a cloud that does not answer. So as long as no network
    # asks for it and no room was ever listed, there are none. Strays are listed all the same.
    async def _wakes(self) -> bool:
        """See Note [Not asked for]."""
        self._awake = self._awake or await self._rooms.asked_for(None)
        return self._awake

    async def _look(self, room: Room) -> Heard:
        try:
            async with asyncio.timeout(ANSWER_S):
                heard = await Voice(self._rooms, room.ref).look()
        except (DriverError, TimeoutError) as error:
            self._until = 0.0  # it may just have ended
            if isinstance(error, DriverError):
                raise
            text = f"the balancer in {room.ref} does not answer within {ANSWER_S:g} s"
            raise Transient(text) from None
        return heard

    def _silent_for(self, room: Room, heard: Heard) -> float:
        """Return for how long no HAProxy has answered in that room, in seconds."""
        if heard.workers:
            self._silent.pop(room.ref, None)
            return 0.0
        return self._now() - self._silent.setdefault(room.ref, self._now())

    def _shown(self, room: Room, kept: Kept, heard: Heard) -> PoolSeen:
        tally, now = self._tally(room.cluster_id), self._now()
        for each in heard.workers:
            tally.take(each, now)
        tally.forget([*kept.names, *heard.first.servers], [each.pid for each in heard.workers])
        tally.save()
        seen = pool_seen(replace(kept, address=room.address), heard.workers, tally, now)
        self._last[room.ref] = now, seen
        self._heard[room.cluster_id] = room.ref, heard
        return seen

    async def _tend(self) -> None:
        while True:
            await asyncio.sleep(TEND_EVERY_S)
            for cluster_id, (ref, heard) in list(self._heard.items()):
                with enduring(f"haproxy/{cluster_id}"):
                    await self._close_some(ref, heard)
            with enduring("haproxy"):
                await self._clear_all()

    async def _clear_all(self) -> None:
        rooms = await self._recent() if self._heard else ()
        for cluster_id in {each.cluster_id for each in rooms}:
            alike = [each for each in rooms if each.cluster_id == cluster_id]
            if last := newest(alike):
                await self._clear(alike, last)

    async def _close_some(self, ref: str, heard: Heard) -> None:
        """Close what is due on members that drain. See Note [Spread closing]."""
        kept, voice = heard.kept, Voice(self._rooms, ref)
        due = spread.closing(kept, self._now()) if kept else []
        if kept is None or not due:
            return
        for pid in (PRESENT, *heard.old):
            said = await (voice.old_asked(pid, spread.SHOW) if pid else voice.asked(spread.SHOW))
            there = spread.sessions(said)
            closed = spread.ripe(due, there, kept.front.traffic, TEND_EVERY_S)
            await voice.close([*closed], pid)

    def _tally(self, cluster_id: UUID) -> Tally:
        if cluster_id not in self._tallies:
            tally = Tally(self._home / f"{cluster_id}.json")
            tally.load()
            self._tallies[cluster_id] = tally
        return self._tallies[cluster_id]

    def _port_of(self, front: Front) -> int:
        return self._port or front.port

    def _now(self) -> float:
        return self._clock.now().timestamp()


def newest(rooms: Sequence[Room]) -> Room | None:
    """Return the room in force: the last one that is neither broken nor on a dead host."""
    fit = [each for each in rooms if not each.abandoned and each.seen is not Seen.BROKEN]
    return max(fit, key=lambda each: each.number, default=None)


def open_balancer(config: CloudConfig, rooms: Rooms, *, always: bool = True) -> InsideBalancer:
    """Return the balancer over these rooms; those that an earlier one left are its own.

    `always`: whether it is the cloud's own, and not for networks that ask for it.
    """
    home = config.home / "inside" / str(config.installation)
    home.mkdir(parents=True, exist_ok=True)
    port = int(config.options.get("balancer_port", 0))
    balancer = InsideBalancer(rooms, home, port, config.clock, always=always)
    balancer.watch()
    return balancer
