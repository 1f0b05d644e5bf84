"""The balancer port over Caddy: one Caddy for each pool, which outlives this process."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from muster.base.backoff import delay
from muster.base.clock import Clock
from muster.base.enduring import enduring
from muster.base.errors import DriverError, Permanent, Transient
from muster.base.log import log
from muster.drivers.balancers.address import allocated
from muster.drivers.balancers.caddy import admin, process
from muster.drivers.balancers.caddy.folder import Folder, Run, folders
from muster.drivers.balancers.caddy.refusal import refused
from muster.drivers.balancers.caddy.seen import pool_seen
from muster.drivers.balancers.caddy.slots import Kept, room_for, seated
from muster.drivers.balancers.caddy.tally import Tally
from muster.drivers.balancers.child import Children
from muster.drivers.balancers.files import alone, within
from muster.drivers.balancers.holding import Holding
from muster.drivers.balancers.listener import listening, steer
from muster.drivers.balancers.place import Place, place_of
from muster.drivers.balancers.watching import look_again_and_again
from muster.model.pool import Front, PoolSeen, PoolWanted
from muster.ports.cloud import CloudConfig

_WATCH_EVERY_S = 0.25
_SAVE_EVERY = 8  # looks
_END_S = 5.0
_DYING_S = 0.05


# Note [One Caddy for each pool]
# What changes in one pool must not touch another, and a Caddy that takes or loses a
# front has to reload, which loses requests of all of them (see Note [Slots]). A Caddy
# for each pool costs about 10 MB of its own (the program itself is shared) and little
# while idle; it starts in a tenth of a second and ends with its pool.
class CaddyBalancer:
    """See Note [One Caddy for each pool] and Note [Never two]."""

    def __init__(self, place: Place, clock: Clock) -> None:
        self._place = place
        self._clock = clock
        self._children = Children()
        self.held = Holding[Run]()
        self._tallies: dict[UUID, Tally] = {}
        self._known: set[UUID] = set()
        self._failures: dict[UUID, tuple[int, float]] = {}  # in a row, and how long to rest
        self._watching: asyncio.Task[None] | None = None

    async def list_pools(self) -> Sequence[UUID]:
        return [each.cluster_id for each in folders(self._place.pools) if each.in_force]

    async def pool(self, cluster_id: UUID) -> PoolSeen | None:
        folder = Folder(self._place.pool(cluster_id))
        kept = folder.kept()
        if kept is None:
            return None
        open_requests = await self._open_requests(folder)
        now = self._now()
        tally = self._tally(folder)
        tally.read(now)
        return pool_seen(cluster_id, kept, open_requests, tally, now)

    async def _open_requests(self, folder: Folder) -> Mapping[str, int]:
        """Ask the pool's Caddy; if it has just died, ask the one that follows it."""
        run = folder.run()
        if run is not None and process.alive(folder, run):
            with contextlib.suppress(Transient):
                return await admin.open_requests(folder.path / run.admin)
            await asyncio.sleep(_DYING_S)
        run = await self._revived(folder)
        return await admin.open_requests(folder.path / run.admin)

    async def put_pool(self, wanted: PoolWanted) -> str:
        reason = refused(wanted.front)
        if reason:
            raise Permanent(reason)
        cluster_id = wanted.front.cluster_id
        folder = Folder(self._place.pool(cluster_id))
        async with alone(self._place.lock(cluster_id)):
            before = folder.kept()
            if before is None:
                return await self._open(folder, wanted)
            await self._change(folder, before, wanted)
            return before.address

    async def _open(self, folder: Folder, wanted: PoolWanted) -> str:
        port = self._place.port_of(wanted.front)
        async with alone(self._place.lock("addresses")):
            address, sock = allocated(folder.cluster_id, self._place.network, self._taken(), port)
            size = room_for(len(wanted.members))
            empty = Kept(front=wanted.front, address=address, port=port, size=size)
            kept = seated(empty, wanted.members, self._now())
            try:
                run = await process.start(folder, kept, sock, self._children)
            except DriverError:
                sock.close()
                raise
            self.held.hold(folder.cluster_id, run, sock)
            folder.keep(kept)
        return address

    async def _change(self, folder: Folder, before: Kept, wanted: PoolWanted) -> None:
        port = self._place.port_of(wanted.front)
        asked = replace(before, front=wanted.front, port=port)
        after = seated(asked, wanted.members, self._now())
        if (before.front, before.port, before.size) != (after.front, after.port, after.size):
            await self._replace(folder, after)
        elif not process.alive(folder, folder.run()):
            await self._start(folder, after)
        if after != before:
            folder.keep(after)
        gone = set(before.dials()) - {f"{s.member.address}:{s.member.port}" for s in after.seats}
        self._tally(folder).forget(gone)

    async def _replace(self, folder: Folder, after: Kept) -> None:
        """Start another Caddy for this pool beside the present one. See Note [Handing over]."""
        if process.leaving(folder) and not await self._left(folder):
            raise Transient("the last change of this front is still under way")
        present = process.lives(folder)
        held = self.held.of(folder.cluster_id)
        if held and present:
            steer(held, 0)
        sock = listening(after.address, after.port, shared=True)
        try:
            if present:
                steer(sock, 0)
            run = await process.start(folder, after, sock, self._children)
        except DriverError:
            sock.close()
            raise
        if present:
            steer(sock, len(present))
        self.held.hold(folder.cluster_id, run, sock)
        process.hand_over(folder)

    async def _left(self, folder: Folder) -> bool:
        await process.retire(folder, self._now())
        return await within(_END_S, lambda: not process.leaving(folder))

    async def remove_pool(self, cluster_id: UUID) -> None:
        folder = Folder(self._place.pool(cluster_id))
        async with alone(self._place.lock(cluster_id)):
            folder.forget()
            self.held.let_go(cluster_id)
            self._tallies.pop(cluster_id, None)
            self._known.discard(cluster_id)
            if await process.stop(folder, patience_s=1.0):
                folder.clear()

    async def refusal(self, front: Front) -> str | None:
        reason = refused(front)
        kept = Folder(self._place.pool(front.cluster_id)).kept()
        if reason or (kept and kept.port == self._place.port_of(front)):
            return reason
        return self._place.refusal(front, kept.address if kept else None, self._taken())

    def watch(self) -> None:
        """Begin to start again what dies, and to count."""
        self._watching = asyncio.get_running_loop().create_task(
            look_again_and_again(_WATCH_EVERY_S, self._look_at_all)
        )

    async def close(self) -> None:
        """Let go of tasks and sockets; every Caddy goes on."""
        if self._watching:
            self._watching.cancel()
            await asyncio.wait([self._watching])
            self._watching = None
        for id, tally in self._tallies.items():
            with enduring(f"caddy/{id}", OSError):
                tally.save()
        self.held.let_all_go()

    async def end_all(self) -> None:
        """Close, and end every Caddy too. The pools stay written down for the next start."""
        await self.close()
        for folder in folders(self._place.pools):
            async with alone(self._place.lock(folder.cluster_id)):
                if not await process.stop(folder, patience_s=_END_S):
                    process.kill(folder)
        self._children.reap()

    async def _look_at_all(self, looks: int) -> None:
        self._children.reap()
        for folder in folders(self._place.pools):
            await self._look(folder, save=looks % _SAVE_EVERY == 0)

    async def _look(self, folder: Folder, *, save: bool) -> None:
        # A full disk, a port taken: the next look tries.
        with enduring(f"caddy/{folder.path.name}", OSError):
            if not folder.in_force:
                await self._sweep(folder)
                return
            if folder.cluster_id not in self._known:
                await self._finish(folder)
            if not process.alive(folder, folder.run()):
                await self._revive(folder)
            await self._adopt(folder)
            await process.retire(folder, self._now())
            tally = self._tally(folder)
            tally.read(self._now())
            if save:
                tally.save()

    async def _finish(self, folder: Folder) -> None:
        """Bring to an end what an owner that was killed had begun: a change of Caddies."""
        async with alone(self._place.lock(folder.cluster_id)):
            process.hand_over(folder)
        self._known.add(folder.cluster_id)

    async def _revive(self, folder: Folder) -> None:
        """Start the pool's Caddy again, more and more seldom while that fails."""
        failures, wait_until = self._failures.get(folder.cluster_id, (0, 0.0))
        if self._now() < wait_until:
            return
        pause = delay(str(folder.cluster_id), failures + 1).total_seconds()
        self._failures[folder.cluster_id] = (failures + 1, self._now() + pause)
        await self._revived(folder)
        del self._failures[folder.cluster_id]

    async def _sweep(self, folder: Folder) -> None:
        async with alone(self._place.lock(folder.cluster_id)):
            if not folder.in_force and await process.stop(folder, patience_s=0.1):
                folder.clear()

    async def _revived(self, folder: Folder) -> Run:
        """Return the run of this pool that lives, having started one if none did."""
        async with alone(self._place.lock(folder.cluster_id)):
            run, kept = folder.run(), folder.kept()
            if run is not None and process.alive(folder, run):
                return run
            if kept is None:
                raise Transient("this pool has just been removed")
            log().warning("caddy.started_again", pool=folder.path.name)
            return await self._start(folder, kept)

    async def _start(self, folder: Folder, kept: Kept) -> Run:
        """Start a Caddy for a pool that has none, on the socket that is held, if one is."""
        sock = self.held.opened(folder.cluster_id, kept.address, kept.port)
        try:
            run = await process.start(folder, kept, sock, self._children)
        except DriverError:
            self.held.spare(folder.cluster_id, sock)
            raise
        self.held.hold(folder.cluster_id, run, sock)
        return run

    async def _adopt(self, folder: Folder) -> None:
        """Hold the front's socket too. See Note [A socket that stays]."""
        run = folder.run()
        if run is None or self.held.knows(folder.cluster_id, run):
            return
        async with alone(self._place.lock(folder.cluster_id)):  # who has just started it holds it
            run = folder.run()
            if run is not None and not self.held.knows(folder.cluster_id, run):
                self.held.fetch(folder.cluster_id, run, process.pid_of(folder, run))

    def _taken(self) -> list[str]:
        kept = [folder.kept() for folder in folders(self._place.pools)]
        return [each.address for each in kept if each]

    def _tally(self, folder: Folder) -> Tally:
        tally = self._tallies.get(folder.cluster_id)
        if tally is None:
            tally = self._tallies[folder.cluster_id] = Tally(folder.path)
            tally.load()
        return tally

    def _now(self) -> float:
        return self._clock.now().timestamp()


async def open_balancer(config: CloudConfig) -> CaddyBalancer:
    """Return the balancer of this cloud; Caddies that an earlier one left running are its own."""
    balancer = CaddyBalancer(place_of(config, "caddy"), config.clock)
    balancer.watch()
    return balancer
