"""The engine: claim what wants a look, converge it, renew, stop politely."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

from muster.base.clock import Clock
from muster.engine.gauges import LAG, OVERDUE
from muster.engine.loop import attempt, converge
from muster.engine.pace import EnginePace
from muster.engine.site import Site, reach
from muster.engine.ticks import Ticks
from muster.model.policy_type import PolicyType
from muster.ports.agent import Agents
from muster.ports.cloud import Cloud
from muster.ports.fleeting import Fleeting
from muster.ports.hooks import Hooks
from muster.ports.prober import Visitor
from muster.ports.signal import MARKS, Signal
from muster.ports.solver import Solver
from muster.ports.store import Claim, Store, Transaction

LONGEST_SLEEP = 60.0
STORE_REST = 1.0


class Engine:
    """Brings about what was wished, cluster by cluster, and looks after what is there."""

    def __init__(
        self,
        store: Store,
        clouds: Mapping[str, Cloud],
        clock: Clock,
        signal: Signal,
        pace: EnginePace,
    ) -> None:
        reaches = {name: reach(cloud) for name, cloud in clouds.items()}
        self.site = Site(store=store, clouds=reaches, clock=clock, signal=signal, pace=pace)
        self.ticks = Ticks(self.site)
        self._hooks: Hooks | None = None
        self._held: dict[Claim, asyncio.Task[None]] = {}
        self._stopping = False
        self._nudge = asyncio.Event()
        self._called = False  # somebody has just marked a cluster

    def ask_by(self, hooks: Hooks) -> None:
        """Have questions of lifecycle hooks delivered by `hooks`; without, nobody is asked."""
        self._hooks = self.site.hooks = hooks
        for each in self.site.clouds.values():
            each.hooks = hooks

    def admit(self, cloud: Cloud) -> None:
        """Look after one more cloud from now on."""
        name = cloud.about.name
        self.site.clouds[name] = reach(cloud)
        self.site.clouds[name].hooks = self._hooks
        self.ticks.begin(name)

    def inform(self, cloud: Cloud) -> None:
        """Know of a cloud what it tells of itself by now."""
        if known := self.site.clouds.get(cloud.about.name):
            known.cloud = cloud

    async def dismiss(self, name: str) -> None:
        """Look after that cloud no more; whoever had something there has left it."""
        await self.ticks.end(name)
        self.site.clouds.pop(name, None)

    def visit_by(self, visitor: Visitor) -> None:
        """Have addresses of health policies polled by `visitor`; without, none are."""
        self.site.visitor = visitor

    def place_by(self, solver: Solver) -> None:
        """Have `solver` find other hosts for what its host refuses; without, nobody does."""
        self.site.solver = solver

    def ask_machines_by(self, agents: Agents, url: str = "") -> None:
        """Have machines looked after over `agents`; without, nobody asks them anything.

        `url` is what machines are told that are to register again.
        """
        self.site.agents = agents
        self.site.url = url

    def know(self, policy_types: Mapping[str, PolicyType]) -> None:
        """Have policies be of these types; without, of the built-in ones."""
        self.site.policy_types = policy_types

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set; passes under way are finished, everything is given back."""
        around = [
            asyncio.create_task(self._listen()),
            asyncio.create_task(self._renew()),
            asyncio.create_task(self._until(stop)),
            *self.ticks.start(),
        ]
        try:
            if self.site.pace.alone:
                await attempt("inherit", self.inherit)
            while not stop.is_set():
                await self._sleep(await self._take_on())
        finally:
            for task in around:
                task.cancel()
            await asyncio.gather(*around, self.ticks.stop(), return_exceptions=True)
            await self._finish()

    async def settle(self, rounds: int = 100) -> int:
        """Look at every cluster that is due now, until none is; return how many looks it took.

        One after another and without ticks: what tests and previews of an engine need.
        """
        looks = 0
        for _ in range(rounds):
            claims = await self._claim(self.site.pace.passes_at_once)
            if not claims:
                break
            for claim in claims:
                await self._look_after(claim)
                looks += 1
        return looks

    async def _take_on(self) -> float:
        """Begin with as many clusters as there is room for; return how long to sleep then."""
        sleep = await attempt("claim", self._begin)
        return STORE_REST if sleep is None else sleep

    async def _begin(self) -> float:
        room = self.site.pace.passes_at_once - len(self._held)
        claims = await self._claim(room) if room > 0 else []
        for claim in claims:
            earlier = [old for old in self._held if old.cluster_id == claim.cluster_id]
            task = asyncio.create_task(self._take_turn(claim, earlier))
            self._held[claim] = task
            task.add_done_callback(partial(self._let_go, claim))
        if room <= 0 or len(claims) == room:
            return LONGEST_SLEEP  # a pass that ends wakes us
        return await self._until_due()

    async def _take_turn(self, claim: Claim, earlier: list[Claim]) -> None:
        """Look after the cluster once no pass of ours under an earlier claim is under way."""
        if under_way := [self._held[old] for old in earlier if old in self._held]:
            await asyncio.wait(under_way)
        await self._look_after(claim)

    def _let_go(self, claim: Claim, _: asyncio.Task[None]) -> None:
        self._held.pop(claim, None)
        self._nudge.set()

    async def _until_due(self) -> float:
        now = self.site.clock.now()
        due, (overdue, lag) = await self.site.store.read(
            lambda tx: (tx.marks.due(), tx.marks.lag(now))
        )
        OVERDUE.set(overdue)
        LAG.set(lag)
        return LONGEST_SLEEP if due is None else (due - now).total_seconds()

    async def _claim(self, limit: int) -> list[Claim]:
        now, pace = self.site.clock.now(), self.site.pace
        until = now + timedelta(seconds=pace.lease_s)
        called, self._called = self._called, False
        if not called:  # most looks for work find none, and reading costs less than writing
            due = await self.site.store.read(lambda tx: tx.marks.due())
            if due is None or due > now:
                return []
        return await self.site.store.write(
            Fleeting(lambda tx: tx.marks.claim(pace.owner, now, until, limit))
        )

    async def inherit(self) -> None:
        """Take the claims over that an engine left which died: nobody else is there to hold them.

        Without this a restart would wait for leases of its own earlier life to end.
        """
        now, pace = self.site.clock.now(), self.site.pace
        later = now + 2 * timedelta(seconds=pace.lease_s)

        def work(tx: Transaction) -> None:
            for claim in tx.marks.claim(pace.owner, later, later, 10_000):
                tx.marks.release(claim, now)

        await self.site.store.write(work)

    async def _look_after(self, claim: Claim) -> None:
        look_at = await converge(self.site, claim, lambda: not self._stopping)
        remembered = self.site.memory.get(claim.cluster_id)
        if remembered and not (remembered.cluster.service or remembered.cluster.scaling):
            remembered.nodes = None  # the census keeps those of the others anyway
        await attempt(
            f"release/{claim.cluster_id}",
            lambda: self._release(claim, look_at),
        )

    async def _release(self, claim: Claim, look_at: datetime | None) -> None:
        await self.site.store.write(Fleeting(lambda tx: tx.marks.release(claim, look_at)))

    async def _sleep(self, seconds: float) -> None:
        """Wait until woken, or until `seconds` are over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(min(max(seconds, 0.0), LONGEST_SLEEP)):
                await self._nudge.wait()
        self._nudge.clear()

    async def _listen(self) -> None:
        while True:
            if await self.site.signal.wait(MARKS, LONGEST_SLEEP):
                self._called = True
                self._nudge.set()

    async def _until(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._stopping = True
        self._nudge.set()

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self.site.pace.lease_s / 3)
            await attempt("renew", self.renew)

    async def renew(self) -> None:
        """Lengthen the leases of all clusters under way.

        One that was lost needs no more than that: its next commit is `Stale`.
        """
        held = list(self._held)
        if not held:
            return
        until = self.site.clock.now() + timedelta(seconds=self.site.pace.lease_s)
        await self.site.store.write(Fleeting(lambda tx: tx.marks.renew(held, until)))

    async def _finish(self) -> None:
        """Let passes under way end, and hand over what cannot end in time."""
        under_way = list(self._held.values())
        if under_way:
            await asyncio.wait(under_way, timeout=self.site.pace.stop_s)
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        owner = self.site.pace.owner
        await attempt("leave", self.ticks.presence.leave)
        await attempt("give up", lambda: self.site.store.write(lambda tx: tx.leases.give_up(owner)))
