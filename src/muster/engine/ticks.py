"""What happens because time passed: looking, probing, sampling, sweeping, trimming."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from time import perf_counter

from muster.engine.autoscale import Watches, autoscale
from muster.engine.census import Census
from muster.engine.certificates import look_at_certificates
from muster.engine.drift import look_at_drift
from muster.engine.gauges import TICK_SECONDS, TICKS
from muster.engine.lending import lend
from muster.engine.look import look
from muster.engine.loop import attempt
from muster.engine.machines import Patrol
from muster.engine.pools import Told, look_at_pools
from muster.engine.presence import SAY_EVERY, Presence
from muster.engine.probes import probe
from muster.engine.progress import tell
from muster.engine.rounds import Rounds
from muster.engine.server_jobs.jobs import Jobs
from muster.engine.site import Reach, Site
from muster.engine.stocktaking import Stocktaking
from muster.engine.sweep import mark_all, release, tidy
from muster.engine.trim import trim
from muster.engine.turns import Turns
from muster.model.scaling import Decision
from muster.ports.signal import JOBS, Signal
from muster.ports.stirs import Stirs
from muster.ports.tasks import Tasks

MACHINES_EVERY = timedelta(seconds=1)
INVENTORY_EVERY = timedelta(seconds=1)
LEND_EVERY = timedelta(seconds=5)
TRIM_EVERY = timedelta(hours=1)
CERTIFICATES_EVERY = timedelta(hours=1)
DRIFT_EVERY = timedelta(minutes=5)
AGAIN_S = 5.0  # after a cloud could not say how far it is
LEAST_REST_S = 0.25  # between two looks, however much there is to hear
LONGEST_WAIT_S = 60.0


@dataclass(frozen=True, slots=True)
class _Woken:
    """Jobs that somebody has just given, as news."""

    signal: Signal

    async def stirred(self) -> None:
        while not await self.signal.wait(JOBS, LONGEST_WAIT_S):
            pass


class Ticks:
    """Every regular look; each does nothing where another engine has the turn."""

    def __init__(self, site: Site) -> None:
        pace = site.pace
        self._site = site
        self.presence = Presence(site)
        self._turns = Turns(site.store, site.clock, pace.owner, timedelta(seconds=pace.lease_s))
        self._census = Census(site.store, site.memory)
        self._rounds = Rounds(site)
        self._patrol = Patrol(site)
        self._jobs = Jobs(site)
        self._stocktaking = Stocktaking(site)
        self._watches: dict[str, Watches] = {}
        self._told: dict[str, Told] = {}
        self._of_cloud: dict[str, list[asyncio.Task[None]]] = {}
        self._started = False

    def start(self) -> list[asyncio.Task[None]]:
        """Begin to do all of it at each cloud's own pace; return what is of no cloud."""
        every = timedelta(seconds=self._site.pace.sweep_every_s)
        self._started = True
        for name in self._site.clouds:
            self.begin(name)
        tasks = (
            self._repeat("sweep", self.sweep, every),
            self._repeat("trim", self.trim, TRIM_EVERY),
            self._repeat("certificates", self.certificates, CERTIFICATES_EVERY),
            self._repeat("drift", self.drift, DRIFT_EVERY),
            self._repeat("presence", self.presence.tell, SAY_EVERY),
            self._patrol_on(),
            self._jobs_on(),
            self._stock_on(),
        )
        return [asyncio.create_task(task) for task in tasks]

    def begin(self, name: str) -> None:
        """Begin with what concerns one cloud, unless nothing has begun at all."""
        if not self._started:
            return
        cloud = self._site.clouds[name].cloud
        pace = cloud.about.pace
        regular = [
            self._repeat("look", partial(self.look, name), pace.look_every, cloud.stirs),
            self._repeat("probe", partial(self.probe, name), pace.probe_every),
            self._watch_on(name, pace.probe_every),
            self._repeat("sample", partial(self.sample, name), pace.sample_every),
        ]
        following = [self._follow(name, cloud.tasks)] if cloud.tasks else []
        if cloud.volumes:
            following.append(self._repeat("lend", partial(self.lend, name), LEND_EVERY))
        self._of_cloud[name] = [asyncio.create_task(each) for each in (*regular, *following)]

    async def end(self, name: str) -> None:
        """End what concerns one cloud."""
        tasks = self._of_cloud.pop(name, [])
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def stop(self) -> None:
        """End what concerns any cloud."""
        self._started = False
        await self.stop_inventory()
        for name in list(self._of_cloud):
            await self.end(name)

    async def look(self, cloud: str) -> None:
        """List every server of the cloud; mark whom that concerns; deal with strays."""
        if reach := await self._turn(cloud):
            await look(self._site, reach)

    async def probe(self, cloud: str) -> None:
        """Ask every application and every balancer of the cloud; mark where health turned."""
        if reach := await self._turn(cloud):
            await self._census.refresh()
            crowd = self._census.on(cloud)
            await probe(self._site, reach, crowd)
            await look_at_pools(self._site, reach, self._told.setdefault(cloud, {}), crowd)

    async def watch(self, cloud: str) -> list[asyncio.Task[bool | None]]:
        """Begin to poll the addresses of health policies that are due; return what is under way."""
        reach = await self._turn(cloud)
        if reach is None:
            return []
        await self._census.refresh()
        return self._rounds.begin(reach, self._census.on(cloud))

    async def sample(self, cloud: str) -> list[Decision]:
        """Evaluate the rules of every cluster that scales; return the decisions."""
        reach = await self._turn(cloud)
        if reach is None:
            return []
        await self._census.refresh()
        watches = self._watches.setdefault(cloud, {})
        return await autoscale(self._site, reach, watches, self._census.on(cloud))

    async def lend(self, cloud: str) -> None:
        """Give volumes to the next servers of the nodes that they were given to."""
        if reach := await self._turn(cloud):
            await lend(self._site, reach)

    async def sweep(self) -> None:
        """Have every cluster looked at, and remove what none has: claims, pools, names."""
        if await self._turns.ours("sweep"):
            await mark_all(self._site)
            await release(self._site)
            for reach in list(self._site.clouds.values()):
                await tidy(self._site, reach)

    async def machines(self) -> list[asyncio.Task[bool | None]]:
        """Begin to ask the machines that are due; return what is under way."""
        return await self._patrol.begin() if await self._turns.ours("machines") else []

    async def jobs(self) -> list[asyncio.Task[bool | None]]:
        """Go on with the jobs on clusters of servers; return what is under way."""
        return await self._jobs.begin() if await self._turns.ours("machines") else []

    async def inventory(self) -> list[asyncio.Task[bool | None]]:
        """Begin to read what is due of what clusters have; return what is under way."""
        if await self._turns.ours("inventory"):
            return await self._stocktaking.begin()
        await self.stop_inventory()
        return []

    async def stop_inventory(self) -> None:
        """Listen to no cluster any more."""
        await self._stocktaking.stop()

    async def trim(self) -> int:
        """Remove what is too old to be kept; return how much it was."""
        return await trim(self._site) if await self._turns.ours("trim") else 0

    async def certificates(self) -> None:
        """Warn of certificates that expire soon."""
        if await self._turns.ours("machines"):
            await look_at_certificates(self._site)

    async def drift(self) -> None:
        """Warn of servers that are not as they are to be."""
        if await self._turns.ours("machines"):
            await look_at_drift(self._site)

    async def _follow(self, cloud: str, tasks: Tasks) -> None:
        """Tell how far the cloud is with what this engine has asked of it."""

        async def told() -> bool:
            await tell(self._site, cloud, await tasks.progressed())
            return True

        while True:
            if not await attempt("progress", told):
                await asyncio.sleep(AGAIN_S)

    async def _watch_on(self, cloud: str, every: timedelta) -> None:
        try:
            await self._repeat("watch", partial(self.watch, cloud), every)
        finally:
            self._rounds.stop()

    async def _patrol_on(self) -> None:
        try:
            await self._repeat("machines", self.machines, MACHINES_EVERY)
        finally:
            self._patrol.stop()

    async def _jobs_on(self) -> None:
        try:
            await self._repeat("server jobs", self.jobs, MACHINES_EVERY, _Woken(self._site.signal))
        finally:
            self._jobs.stop()

    async def _stock_on(self) -> None:
        try:
            await self._repeat("inventory", self.inventory, INVENTORY_EVERY)
        finally:
            await self.stop_inventory()

    async def _turn(self, cloud: str) -> Reach | None:
        """Return the cloud if this engine is the one that looks after it now."""
        return self._site.clouds[cloud] if await self._turns.ours(f"cloud/{cloud}") else None

    async def _repeat(
        self,
        tick: str,
        work: Callable[[], Awaitable[object]],
        every: timedelta,
        sooner: Stirs | None = None,
    ) -> None:
        """Do it again and again, and at once where there is news of what it looks at."""
        while True:
            began = perf_counter()
            ended = await attempt(tick, lambda: _completed(work))
            took = perf_counter() - began
            TICK_SECONDS.labels(tick).observe(took)
            TICKS.labels(tick, "done" if ended else "setback").inc()
            rest = max(every.total_seconds() - took, 0.05)
            await asyncio.sleep(min(rest, LEAST_REST_S) if sooner else rest)
            if sooner and rest > LEAST_REST_S:
                await _news(sooner, rest - LEAST_REST_S)


async def _news(sooner: Stirs, seconds: float) -> None:
    """Wait for news, or until `seconds` are over."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await sooner.stirred()


async def _completed(work: Callable[[], Awaitable[object]]) -> bool:
    await work()
    return True
