"""A balancer over a real Caddy, its applications, and what tests ask of them."""

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import traffic
from muster.base.errors import Transient
from muster.drivers.balancers.caddy import process
from muster.drivers.balancers.caddy.balancer import CaddyBalancer, open_balancer
from muster.drivers.balancers.caddy.folder import Folder
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

    config: CloudConfig
    balancer: CaddyBalancer
    stack: AsyncExitStack
    front: Front
    opened: list[CaddyBalancer] = field(default_factory=list)

    @property
    def id(self) -> UUID:
        return self.front.cluster_id

    @property
    def folder(self) -> Folder:
        home = self.config.home / "caddy" / str(self.config.installation)
        return Folder(home / "pools" / str(self.id))

    @property
    def pid(self) -> int:
        """The Caddy that serves the front now."""
        run = self.folder.run()
        assert run
        pid = process.pid_of(self.folder, run)
        assert pid
        return pid

    async def app(self) -> traffic.App:
        return await self.stack.enter_async_context(traffic.app())

    async def another(self) -> CaddyBalancer:
        """Open a second balancer over the same folder."""
        made = await open_balancer(self.config)
        self.opened.append(made)
        return made

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

    async def ask(self, target: str = "/", **how: Any) -> traffic.Answer:
        kept = self.folder.kept()
        assert kept
        return await traffic.ask(kept.address, kept.port, target, **how)


def member(app: traffic.App, state: MemberState = MemberState.SERVE) -> MemberWanted:
    """Name an application's node after its port, so that asking twice names it once."""
    node_id = UUID(int=app.port)
    return MemberWanted(node_id=node_id, address=app.address, port=app.port, state=state)


def shown(pool: PoolSeen, app: traffic.App) -> MemberSeen:
    return pool.members[UUID(int=app.port)]
