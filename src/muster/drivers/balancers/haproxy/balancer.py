"""The balancer port over HAProxy: one HAProxy for each pool, which outlives this process."""

import asyncio
import signal
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from muster.base.backoff import delay
from muster.base.clock import Clock
from muster.base.enduring import enduring
from muster.base.errors import DriverError, Permanent, Transient
from muster.base.log import log
from muster.drivers.balancers.address import allocated
from muster.drivers.balancers.child import Children
from muster.drivers.balancers.files import alone
from muster.drivers.balancers.haproxy import process
from muster.drivers.balancers.haproxy.folder import Folder, Run, folders
from muster.drivers.balancers.haproxy.kept import Kept, changed
from muster.drivers.balancers.haproxy.refusal import refused
from muster.drivers.balancers.haproxy.seen import pool_seen
from muster.drivers.balancers.haproxy.service import Moment, Service, service_of
from muster.drivers.balancers.holding import Holding
from muster.drivers.balancers.place import Place, place_of
from muster.drivers.balancers.watching import look_again_and_again
from muster.model.pool import Front, PoolSeen, PoolWanted
from muster.ports.cloud import CloudConfig

_WATCH_EVERY_S = 0.25  # whether it lives
_READ_EVERY = 4  # looks; what it says
_READ_EVERY_S = _READ_EVERY * _WATCH_EVERY_S
_END_S = 5.0
_DYING_S = 0.05
_LINGER_S = 30.0  # the open sessions of a pool that was removed


@dataclass(slots=True)
class Trouble:
    """Starts that failed in a row, and until when to rest."""

    failures: int = 0
    until: float = 0.0


# Note [One HAProxy for each pool]
# A front that comes or goes takes a reload, and with each the workers before stay until
# their last session has ended: one HAProxy for all would collect them, and count anew for
# everybody. An HAProxy for each pool is reloaded when that pool's own front changes, and
# never for its members; no pool notices another.
class HaproxyBalancer:
    """See Note [One HAProxy for each pool], Note [Never two] and Note [A socket that stays]."""

    def __init__(self, place: Place, clock: Clock) -> None:
        self._place = place
        self._clock = clock
        self._children = Children()
        self.held = Holding[Run]()
        self._services: dict[UUID, Service] = {}
        self._trouble: dict[UUID, Trouble] = {}
        self._watching: asyncio.Task[None] | None = None

    async def list_pools(self) -> Sequence[UUID]:
        return [each.cluster_id for each in folders(self._place.pools) if each.in_force]

    async def pool(self, cluster_id: UUID) -> PoolSeen | None:
        folder = Folder(self._place.pool(cluster_id))
        kept = folder.kept()
        if kept is None:
            return None
        service = self._service(folder)
        try:
            workers = await service.read(await self._run(folder, kept), self._now())
        except Transient:  # it has just died: ask the one that follows it
            await asyncio.sleep(_DYING_S)
            workers = await service.read(await self._run(folder, kept), self._now())
        return pool_seen(kept, workers, service.tally, self._now())

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
            after = changed(before, wanted, self._place.port_of(wanted.front), self._now())
            await self._bring_about(folder, after)
            if after != before:
                folder.keep(after)
            self._send_away(folder, after)
            return before.address

    async def _open(self, folder: Folder, wanted: PoolWanted) -> str:
        port = self._place.port_of(wanted.front)
        async with alone(self._place.lock("addresses")):
            address, sock = allocated(folder.cluster_id, self._place.network, self._taken(), port)
            empty = Kept(front=wanted.front, address=address, port=port)
            kept = changed(empty, wanted, port, self._now())
            await self._start_on(folder, kept, sock)
            folder.keep(kept)
        return address

    async def _bring_about(self, folder: Folder, kept: Kept) -> None:
        """Have a running HAProxy be as `kept` says, by as little as that takes."""
        run = process.in_force(folder, kept.port)
        if run is not None:
            try:
                await self._service(folder).bring_about(run, kept, self._now())
                return
            except Transient:
                await asyncio.sleep(_DYING_S)
                if process.alive(folder, run):
                    raise
        await self._start(folder, kept)

    async def remove_pool(self, cluster_id: UUID) -> None:
        folder = Folder(self._place.pool(cluster_id))
        async with alone(self._place.lock(cluster_id)):
            folder.forget()
            self.held.let_go(cluster_id)
            self._services.pop(cluster_id, None)
            if await process.stopped(folder, signal.SIGUSR1, patience_s=1.0):
                folder.clear()

    async def refusal(self, front: Front) -> str | None:
        reason = refused(front)
        kept = Folder(self._place.pool(front.cluster_id)).kept()
        if reason or (kept and kept.port == self._place.port_of(front)):
            return reason
        try:
            await process.binary()
        except Permanent as error:
            return error.text
        return self._place.refusal(front, kept.address if kept else None, self._taken())

    def watch(self) -> None:
        """Begin to start again what dies, and to count."""
        self._watching = asyncio.get_running_loop().create_task(
            look_again_and_again(_WATCH_EVERY_S, self._look_at_all)
        )

    async def close(self) -> None:
        """Let go of tasks and sockets; every HAProxy goes on."""
        if self._watching:
            self._watching.cancel()
            await asyncio.wait([self._watching])
            self._watching = None
        for service in self._services.values():
            with enduring(f"haproxy/{service.folder.path.name}", OSError):
                service.tally.save()
        self.held.let_all_go()

    async def end_all(self) -> None:
        """Close, and end every HAProxy too. The pools stay written down for the next start."""
        await self.close()
        for folder in folders(self._place.pools):
            async with alone(self._place.lock(folder.cluster_id)):
                if not await process.stopped(folder, signal.SIGTERM, _END_S):
                    process.stop(folder, process.lives(folder), signal.SIGKILL)
        self._children.reap()

    async def _look_at_all(self, looks: int) -> None:
        self._children.reap()
        for folder in folders(self._place.pools):
            await self._look(folder, read=looks % _READ_EVERY == 0)

    async def _look(self, folder: Folder, *, read: bool) -> None:
        # A full disk, a port taken: the next look tries.
        with enduring(f"haproxy/{folder.path.name}", OSError):
            kept = folder.kept()
            if kept is None:
                await self._sweep(folder)
                return
            run = process.in_force(folder, kept.port)
            if run is None:
                await self._revive(folder, kept)
                return
            await self._adopt(folder, run)
            if read:
                await self._read(folder, kept, run)

    async def _read(self, folder: Folder, kept: Kept, run: Run) -> None:
        """Count, and put right what is not as it is written down."""
        service = self._service(folder)
        workers = await service.read(run, self._now())
        if await service.differs(run, kept, workers[0]):
            await self._repair(folder)
        await service.tidy(run, kept, workers, Moment(self._now(), _READ_EVERY_S))
        service.tally.save()

    async def _repair(self, folder: Folder) -> None:
        """Bring about what is written down: somebody was killed in the middle of a change."""
        async with alone(self._place.lock(folder.cluster_id)):
            kept = folder.kept()
            if kept is not None:
                await self._bring_about(folder, kept)
                self._send_away(folder, kept)

    def _send_away(self, folder: Folder, kept: Kept) -> None:
        """Have every run but the one in force finish what is open, and end."""
        run = process.in_force(folder, kept.port)
        service = self._service(folder)
        others = [each for each in process.lives(folder) if each not in (run, *service.sent_away)]
        process.stop(folder, others, signal.SIGUSR1)
        service.sent_away = [*service.sent_away, *others]
        service.lingering = service.lingering or bool(others)

    async def _revive(self, folder: Folder, kept: Kept) -> None:
        """Start the pool's HAProxy again, more and more seldom while that fails."""
        trouble = self._trouble.get(folder.cluster_id, Trouble())
        if self._now() < trouble.until:
            return
        pause = delay(str(folder.cluster_id), trouble.failures + 1).total_seconds()
        self._trouble[folder.cluster_id] = Trouble(trouble.failures + 1, self._now() + pause)
        await self._run(folder, kept)
        del self._trouble[folder.cluster_id]

    async def _sweep(self, folder: Folder) -> None:
        async with alone(self._place.lock(folder.cluster_id)):
            if folder.in_force:
                return
            long_ago = self._now() - folder.gone_since() > _LINGER_S
            ending = signal.SIGTERM if long_ago else signal.SIGUSR1
            if await process.stopped(folder, ending, patience_s=0.1):
                folder.clear()

    async def _run(self, folder: Folder, kept: Kept) -> Run:
        """Return the run of this pool that lives, having started one if none did."""
        run = process.in_force(folder, kept.port)
        if run is not None:
            return run
        async with alone(self._place.lock(folder.cluster_id)):
            now = folder.kept()
            if now is None:
                raise Transient("this pool has just been removed")
            run = process.in_force(folder, now.port)
            if run is not None:
                return run
            log().warning("haproxy.started_again", pool=folder.path.name)
            return await self._start(folder, now)

    async def _start(self, folder: Folder, kept: Kept) -> Run:
        """Start an HAProxy for a pool that has none, on the socket that is held, if one is."""
        sock = self.held.opened(folder.cluster_id, kept.address, kept.port)
        return await self._start_on(folder, kept, sock)

    async def _start_on(self, folder: Folder, kept: Kept, sock: socket.socket) -> Run:
        folder.path.mkdir(parents=True, exist_ok=True)
        try:
            run = await process.start(folder, kept, sock, self._children)
        except DriverError:
            self.held.spare(folder.cluster_id, sock)
            raise
        self.held.hold(folder.cluster_id, run, sock)
        return run

    async def _adopt(self, folder: Folder, run: Run) -> None:
        """Hold the front's socket too. See Note [A socket that stays]."""
        if self.held.knows(folder.cluster_id, run):
            return
        async with alone(self._place.lock(folder.cluster_id)):  # who has just started it holds it
            if not self.held.knows(folder.cluster_id, run):
                self.held.fetch(folder.cluster_id, run, process.pid_of(folder, run))

    def _taken(self) -> list[str]:
        kept = [folder.kept() for folder in folders(self._place.pools)]
        return [each.address for each in kept if each]

    def _service(self, folder: Folder) -> Service:
        service = self._services.get(folder.cluster_id)
        if service is None:
            service = self._services[folder.cluster_id] = service_of(folder)
        return service

    def _now(self) -> float:
        return self._clock.now().timestamp()


async def open_balancer(config: CloudConfig) -> HaproxyBalancer:
    """Return the balancer of this cloud; HAProxies that an earlier one left are its own."""
    balancer = HaproxyBalancer(place_of(config, "haproxy"), config.clock)
    balancer.watch()
    return balancer
