"""The balancers that have to keep their promises: a new one adds one line to `BALANCERS`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

import haproxies
import traffic
from contracts.clouds import Bed, config, simulated_file, simulated_memory
from drivers.haproxy import rooms
from drivers.incus.ovns import HIDDEN, laid
from drivers.incus.scripted import scripted
from drivers.openstack.written import Octavia, WrittenRest, octavia_over
from muster.base.clock import SystemClock
from muster.drivers.balancers.caddy.balancer import open_balancer
from muster.drivers.balancers.haproxy.balancer import open_balancer as open_haproxy
from muster.drivers.balancers.haproxy.inside.balancer import InsideBalancer
from muster.drivers.incus.ovn.balancer import OvnBalancer
from muster.drivers.simulated.cloud import world_of
from muster.drivers.simulated.machine import ref
from muster.model.observed import Server
from muster.model.pool import Condition, Front, MemberState, MemberWanted, PoolSeen, PoolWanted
from muster.ports.balancer import Balancer


@dataclass(frozen=True, kw_only=True)
class Upstream:
    """An application that answers 200, and can be made to answer badly."""

    member: MemberWanted
    make_sick: Callable[[], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class BalancerBed:
    """One balancer, and what a test needs to play clients and applications.

    `ask` sends requests one after the other through the front of a pool and returns how
    many did not succeed. `hold` keeps requests open on one member until `let_go`.
    """

    balancer: Balancer
    stranger: Balancer  # the same place, for another installation
    upstream: Callable[[], Awaitable[Upstream]]
    ask: Callable[[PoolSeen, int], Awaitable[int]]
    hold: Callable[[PoolSeen, MemberWanted, int], Awaitable[None]]
    let_go: Callable[[], Awaitable[None]]
    until: Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]
    port: int = 8080
    network: str = ""

    def front(self, **but: Any) -> Front:
        plain = {"cluster_id": uuid4(), "name": "web", "project": "demo", "port": self.port}
        plain |= {"network": self.network}
        return Front(**plain | {"health_path": "/health"} | but)

    async def seen(self, cluster_id: UUID) -> PoolSeen:
        pool = await self.balancer.pool(cluster_id)
        assert pool
        return pool

    async def put(self, front: Front, *members: MemberWanted) -> PoolSeen:
        await self.balancer.put_pool(PoolWanted(front=front, members=members))
        return await self.seen(front.cluster_id)

    async def good(self, front: Front, *members: MemberWanted) -> PoolSeen:
        """Put the pool and wait until the balancer calls its serving members well."""
        await self.put(front, *members)
        serving = {each.node_id for each in members if each.state is MemberState.SERVE}

        async def all_good() -> bool:
            shown = (await self.seen(front.cluster_id)).members
            return all(shown[each].condition is Condition.GOOD for each in serving)

        await self.until(all_good)
        return await self.seen(front.cluster_id)


MakeBalancerBed = Callable[[Path], AbstractAsyncContextManager[BalancerBed]]


def _simulated(make: Callable[[Path], AbstractAsyncContextManager[Bed]]) -> MakeBalancerBed:
    @asynccontextmanager
    async def opened(home: Path) -> AsyncIterator[BalancerBed]:
        async with make(home) as bed:
            yield _over(bed)

    return opened


def _over(bed: Bed) -> BalancerBed:
    assert bed.cloud.balancer
    assert bed.stranger.balancer
    world = world_of(bed.cloud)

    async def upstream() -> Upstream:
        server = await bed.running(bed.order(uuid4()))

        async def make_sick() -> None:
            world.make_sick(ref(server.server_id))

        return Upstream(member=_member(bed, server), make_sick=make_sick)

    async def ask(pool: PoolSeen, count: int) -> int:
        before = world.state.counts(pool.cluster_id, world.look())
        world.set_load(pool.cluster_id, count)
        await bed.pause(1.0)
        world.set_load(pool.cluster_id, 0)
        after = world.state.counts(pool.cluster_id, world.look())
        return round(after.errors - before.errors)

    async def hold(pool: PoolSeen, member: MemberWanted, count: int) -> None:
        world.hold(pool.cluster_id, member.node_id, count, 5.0)

    async def let_go() -> None:
        await bed.pause(6.0)

    return BalancerBed(
        balancer=bed.cloud.balancer,
        stranger=bed.stranger.balancer,
        upstream=upstream,
        ask=ask,
        hold=hold,
        let_go=let_go,
        until=bed.until,
    )


def _member(bed: Bed, server: Server) -> MemberWanted:
    return MemberWanted(node_id=server.node_id, address=server.address, port=bed.port)


@asynccontextmanager
async def haproxy(home: Path) -> AsyncIterator[BalancerBed]:
    """A real HAProxy over real applications."""
    haproxies.needed()
    ours = await open_haproxy(config(home, SystemClock()))
    stranger = await open_haproxy(config(home, SystemClock()))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(ours.end_all)
        stack.push_async_callback(stranger.end_all)
        yield _around(ours, stranger, stack)


@asynccontextmanager
async def caddy(home: Path) -> AsyncIterator[BalancerBed]:
    """A real Caddy over real applications."""
    ours = await open_balancer(config(home, SystemClock()))
    stranger = await open_balancer(config(home, SystemClock()))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(ours.end_all)
        stack.push_async_callback(stranger.end_all)
        yield _around(ours, stranger, stack)


def _around(ours: Balancer, stranger: Balancer, stack: AsyncExitStack) -> BalancerBed:
    apps: dict[UUID, traffic.App] = {}
    held: list[asyncio.Task[traffic.Answer]] = []

    async def upstream() -> Upstream:
        app = await stack.enter_async_context(traffic.app())
        member = MemberWanted(node_id=uuid4(), address=app.address, port=app.port)
        apps[member.node_id] = app

        async def make_sick() -> None:
            app.sick = True

        return Upstream(member=member, make_sick=make_sick)

    async def ask(pool: PoolSeen, count: int) -> int:
        answers = [await traffic.ask(pool.address, pool.port) for _ in range(count)]
        return sum(answer.status != 200 for answer in answers)

    async def hold(pool: PoolSeen, member: MemberWanted, count: int) -> None:
        app = apps.pop(member.node_id)
        while app.held < count:
            held.append(asyncio.create_task(traffic.ask(pool.address, pool.port, "/hold")))
            await asyncio.sleep(0.02)
        for other in apps.values():
            other.release.set()
        apps[member.node_id] = app

    async def let_go() -> None:
        for app in apps.values():
            app.release.set()
        assert {answer.status for answer in await asyncio.gather(*held)} == {200}

    return BalancerBed(
        balancer=ours,
        stranger=stranger,
        upstream=upstream,
        ask=ask,
        hold=hold,
        let_go=let_go,
        until=traffic.until,
        port=traffic.free_port(),
    )


@asynccontextmanager
async def ovn(home: Path) -> AsyncIterator[BalancerBed]:
    """OVN's own balancers, of an Incus that is written down: no request goes through them."""
    async with scripted(home) as bed:
        incus = laid(bed)
        ours = bed.cloud.network_balancer
        assert isinstance(ours, OvnBalancer)
        upstreams = count(2)

        async def upstream() -> Upstream:
            address = f"10.90.0.{next(upstreams)}"
            incus.health[address] = "online"

            async def make_sick() -> None:
                incus.health[address] = "offline"

            member = MemberWanted(node_id=uuid4(), address=address, port=8080)
            return Upstream(member=member, make_sick=make_sick)

        async def passed_on(*_: Any) -> Any:
            pytest.skip("no request goes through an Incus that is written down")

        yield BalancerBed(
            balancer=ours,
            stranger=OvnBalancer(ours._listeners, ours._grounds, uuid4()),
            upstream=upstream,
            ask=passed_on,
            hold=passed_on,
            let_go=passed_on,
            until=traffic.until,
            network=HIDDEN,
        )


@asynccontextmanager
async def inside(home: Path) -> AsyncIterator[BalancerBed]:
    """HAProxies in rooms that are written down: no request goes through them."""
    house, clock = rooms.House(), SystemClock()
    ours = InsideBalancer(rooms.WrittenRooms(house), home, 0, clock)
    stranger = InsideBalancer(rooms.WrittenRooms(house), home / "other", 0, clock)
    upstreams = count(2)

    async def upstream() -> Upstream:
        member = MemberWanted(node_id=uuid4(), address=f"10.9.1.{next(upstreams)}", port=8080)

        async def make_sick() -> None:
            house.sick.add(f"{member.address}:{member.port}")

        return Upstream(member=member, make_sick=make_sick)

    async def passed_on(*_: Any) -> Any:
        pytest.skip("no request goes through an HAProxy that is written down")

    yield BalancerBed(
        balancer=ours,
        stranger=stranger,
        upstream=upstream,
        ask=passed_on,
        hold=passed_on,
        let_go=passed_on,
        until=traffic.until,
    )


@asynccontextmanager
async def octavia_written(home: Path) -> AsyncIterator[BalancerBed]:
    """An Octavia that is written down: no request goes through its load balancers."""
    written = Octavia()
    rest, upstreams = WrittenRest(written), count(2)
    ours, stranger = (octavia_over(rest, SystemClock()) for _ in range(2))

    async def upstream() -> Upstream:
        member = MemberWanted(node_id=uuid4(), address=f"10.0.0.{next(upstreams)}", port=8080)

        async def make_sick() -> None:
            written.health[member.address] = "ERROR"

        return Upstream(member=member, make_sick=make_sick)

    async def passed_on(*_: Any) -> Any:
        pytest.skip("no request goes through an Octavia that is written down")

    yield BalancerBed(
        balancer=ours,
        stranger=stranger,
        upstream=upstream,
        ask=passed_on,
        hold=passed_on,
        let_go=passed_on,
        until=traffic.until,
    )


BALANCERS: dict[str, MakeBalancerBed] = {
    "caddy": caddy,
    "haproxy": haproxy,
    "haproxy-inside": inside,
    "octavia-written": octavia_written,
    "ovn": ovn,
    "simulated-memory": _simulated(simulated_memory),
    "simulated-file": _simulated(simulated_file),
}
