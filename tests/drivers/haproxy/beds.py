"""A balancer over a real HAProxy, its applications, and what tests ask of them."""

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import traffic
from muster.drivers.balancers.haproxy import control, process
from muster.drivers.balancers.haproxy.balancer import HaproxyBalancer, open_balancer
from muster.drivers.balancers.haproxy.folder import Folder, Run
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
    balancer: HaproxyBalancer
    stack: AsyncExitStack
    front: Front
    opened: list[HaproxyBalancer] = field(default_factory=list)

    @property
    def id(self) -> UUID:
        return self.front.cluster_id

    @property
    def folder(self) -> Folder:
        home = self.config.home / "haproxy" / str(self.config.installation)
        return Folder(home / "pools" / str(self.id))

    @property
    def run(self) -> Run:
        kept = self.folder.kept()
        assert kept
        run = process.in_force(self.folder, kept.port)
        assert run
        return run

    async def workers(self) -> list[int]:
        """The processes of all workers, the present one first."""
        now, before = await control.workers(self.folder.path / self.run.master)
        return [*now, *before]

    @property
    def pid(self) -> int:
        """The master that serves the front now."""
        pid = process.pid_of(self.folder, self.run)
        assert pid
        return pid

    async def app(self) -> traffic.App:
        return await self.stack.enter_async_context(traffic.app())

    async def another(self) -> HaproxyBalancer:
        """Open a second balancer over the same folder."""
        made = await open_balancer(self.config)
        self.opened.append(made)
        return made

    async def put(self, *apps: traffic.App, drain: tuple[traffic.App, ...] = ()) -> PoolSeen:
        members = tuple(member(app, MemberState.SERVE) for app in apps)
        members += tuple(member(app, MemberState.DRAIN) for app in drain)
        await self.balancer.put_pool(PoolWanted(front=self.front, members=members))
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
