"""A balancer over a real program, its applications, and what tests ask of them."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

import traffic
from drivers.balancers.kinds import Kind
from muster.base.clock import SystemClock
from muster.base.errors import Permanent, Transient
from muster.model.pool import (
    Condition,
    Front,
    MemberSeen,
    MemberState,
    MemberWanted,
    PoolSeen,
    PoolWanted,
)
from muster.ports.cloud import CloudConfig


@dataclass(slots=True)
class Bed:
    """One balancer, its applications, and a front that most tests use."""

    kind: Kind
    config: CloudConfig
    balancer: Any
    stack: AsyncExitStack
    front: Front
    opened: list[Any] = field(default_factory=list)

    @property
    def id(self) -> UUID:
        return self.front.cluster_id

    @property
    def folder(self) -> Any:
        home = self.config.home / self.kind.name / str(self.config.installation)
        return self.kind.folder(home / "pools" / str(self.id))

    @property
    def run(self) -> Any:
        """The run that serves the front now."""
        run = self.kind.in_force(self.folder)
        assert run
        return run

    @property
    def pid(self) -> int:
        """The process that serves the front now; of several the one that leads."""
        pid = self.kind.process.pid_of(self.folder, self.run)
        assert pid
        return pid

    def lives(self) -> list[Any]:
        """The runs of this pool that live."""
        return self.kind.process.lives(self.folder)

    async def app(self) -> traffic.App:
        return await self.stack.enter_async_context(traffic.app())

    async def another(self) -> Any:
        """Open a second balancer over the same folder."""
        made = await self.kind.open(self.config)
        self.opened.append(made)
        return made

    async def kill(self) -> None:
        """Kill what serves the front, and wait until that is over where it takes a moment."""
        run = self.run
        os.kill(self.pid, signal.SIGKILL)

        async def dead() -> bool:
            return not self.kind.process.alive(self.folder, run)

        if self.kind.lingers:
            await traffic.until(dead)

    async def put(self, *apps: traffic.App, drain: tuple[traffic.App, ...] = ()) -> PoolSeen:
        members = tuple(member(app, MemberState.SERVE) for app in apps)
        members += tuple(member(app, MemberState.DRAIN) for app in drain)
        wanted = PoolWanted(front=self.front, members=members)

        async def taken() -> bool:
            try:
                await self.balancer.put_pool(wanted)
            except Transient:  # an earlier front still ends: asked again, as the engine does
                return False
            return True

        await traffic.until(taken)
        return await self.seen()

    async def good(self, *apps: traffic.App) -> PoolSeen:
        await self.put(*apps)
        await self.condition(Condition.GOOD, *apps)
        return await self.seen()

    async def condition(self, condition: Condition, *apps: traffic.App) -> None:
        async def so() -> bool:
            pool = await self.seen()
            return all(shown(pool, app).condition is condition for app in apps)

        await traffic.until(so)

    async def seen(self) -> PoolSeen:
        pool = await self.balancer.pool(self.id)
        assert pool
        return pool

    async def counted(self, requests: int) -> PoolSeen:
        """Return the pool once so many requests are counted."""

        async def so() -> bool:
            return (await self.seen()).requests >= requests

        await traffic.until(so)
        return await self.seen()

    async def ask(self, target: str = "/", **how: Any) -> traffic.Answer:
        kept = self.folder.kept()
        assert kept
        return await traffic.ask(kept.address, kept.port, target, **how)

    async def refuses(self, said: str, **wrong: Any) -> None:
        """See that a front with these fields is refused in these words, and nothing is made."""
        front = replace(self.front, **wrong)
        assert said in (await self.balancer.refusal(front) or "")
        with pytest.raises(Permanent, match=said):
            await self.balancer.put_pool(PoolWanted(front=front))
        assert not await self.balancer.list_pools()


@asynccontextmanager
async def laid(kind: Kind, home: Path) -> AsyncIterator[Bed]:
    """Lend a bed whose balancer, and all that it has started, end with the block."""
    kind.needed()
    config = CloudConfig(name="here", home=home, installation=uuid4(), clock=SystemClock())
    front = Front(
        cluster_id=uuid4(),
        name="web",
        project="demo",
        port=traffic.free_port(),
        health_path="/health",
    )
    async with AsyncExitStack() as stack:
        made = Bed(kind, config, await kind.open(config), stack, front)
        try:
            yield made
        finally:
            for other in made.opened:
                await other.close()
            await made.balancer.end_all()


def member(app: traffic.App, state: MemberState = MemberState.SERVE) -> MemberWanted:
    """Name an application's node after its port, so that asking twice names it once."""
    node_id = UUID(int=app.port)
    return MemberWanted(node_id=node_id, address=app.address, port=app.port, state=state)


def shown(pool: PoolSeen, app: traffic.App) -> MemberSeen:
    return pool.members[UUID(int=app.port)]
