"""The clouds that have to keep their promises: a new one adds one line to `CLOUDS`.

A bed is one cloud, made up for tests: with a way to wait for what it promises to
happen by itself, and the same place opened for another installation.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import anyio

import builders
from muster.base.clock import Clock, ManualClock, SystemClock
from muster.base.errors import Transient
from muster.drivers.local.cloud import open_cloud as open_local
from muster.drivers.simulated.cloud import cloud_over, open_cloud, world_of
from muster.model.observed import Seen, Server
from muster.model.profile import ServerSpec
from muster.model.step import ServerOrder
from muster.ports.cloud import Cloud, CloudConfig

MANIFEST = """
name = "tested"
version = "7"
command = ["{python}", "-c", "import time; time.sleep(600)"]
port = 8080
health_path = "/health"
"""


@dataclass(frozen=True, kw_only=True)
class Bed:
    cloud: Cloud
    stranger: Cloud  # the same place, for another installation
    pause: Callable[[float], Awaitable[None]]  # let so many seconds go by
    image: str = "demo-web"  # the id of one that serves HTTP on `port`
    port: int = 8080
    health_path: str = "/health"
    network: str = ""
    deadline_s: float = 20.0
    step_s: float = 0.05
    answers: bool = True  # whether the applications in its servers can be reached
    installation: UUID = field(default_factory=uuid4)
    furnish: Callable[[Path], None] = lambda folder: None
    """Adds what an image of this cloud has beyond its manifest."""

    async def until(self, holds: Callable[[], Awaitable[bool]]) -> None:
        """Wait for what has to happen by itself; fails when the deadline is over.

        What cannot be said or done for now is tried again, as the engine does.
        """
        why = ""
        for _ in range(int(self.deadline_s / self.step_s)):
            try:
                if await holds():
                    return
            except Transient as error:
                why = f" ({error})"
            await self.pause(self.step_s)
        raise AssertionError(f"did not happen within {self.deadline_s} s: {holds}{why}")

    def order(self, cluster_id: UUID, index: int = 0, **but: Any) -> ServerOrder:
        spec: dict[str, Any] = {
            "image": self.image,
            "image_name": self.image,
            "flavor": builders.TINY,
            "network": self.network,
            "network_name": self.network,
            "port": self.port,
            "health_path": self.health_path,
        }
        return ServerOrder(
            server_id=uuid4(),
            node_id=uuid4(),
            cluster_id=cluster_id,
            project="demo",
            name=f"node-{index}",
            index=index,
            spec=ServerSpec(**spec | but),
        )

    async def running(self, order: ServerOrder) -> Server:
        """Create the server and wait until it runs."""

        async def taken() -> bool:
            return bool(await self.cloud.compute.create_server(order))

        await self.until(taken)
        await self.becomes(order, Seen.RUNNING)
        return await self.shown(order)

    async def shown(self, order: ServerOrder) -> Server:
        servers = await self.cloud.compute.list_servers(order.cluster_id)
        [found] = [server for server in servers if server.server_id == order.server_id]
        return found

    async def becomes(self, order: ServerOrder, wanted: Seen) -> None:
        async def so() -> bool:
            listed = await self.cloud.compute.list_servers(order.cluster_id)
            return any(each.server_id == order.server_id and each.seen is wanted for each in listed)

        await self.until(so)

    async def emptied(self, cluster_id: UUID | None = None) -> None:
        """Have all servers of a cluster deleted, or of ours."""

        async def deleted() -> bool:
            for server in await self.cloud.compute.list_servers(cluster_id):
                await self.cloud.compute.delete_server(server.ref)
            return True

        await self.until(deleted)

    async def gone(self, *orders: ServerOrder) -> None:
        """Wait until none of these is listed any more."""
        ids = {order.server_id for order in orders}

        async def nobody() -> bool:
            listed = await self.cloud.compute.list_servers()
            return not ids & {server.server_id for server in listed}

        await self.until(nobody)


MakeBed = Callable[[Path], AbstractAsyncContextManager[Bed]]

SLOW: Mapping[str, Any] = {"create_s": 2, "boot_s": 1, "delete_s": 1, "snapshot_s": 1}


def config(home: Path, clock: Clock, options: Mapping[str, Any] | None = None) -> CloudConfig:
    return CloudConfig(
        name="tested", home=home, installation=uuid4(), clock=clock, options=options or {}
    )


@asynccontextmanager
async def simulated_memory(home: Path) -> AsyncIterator[Bed]:
    clock = ManualClock()
    cloud = await open_cloud(config(home, clock, SLOW))
    stranger = cloud_over(world_of(cloud), config(home, clock))
    yield Bed(cloud=cloud, stranger=stranger, pause=_advance(clock))


@asynccontextmanager
async def simulated_file(home: Path) -> AsyncIterator[Bed]:
    """Two worlds over one file: whatever the one is told, the other has to see."""
    clock, options = ManualClock(), {**SLOW, "world": "file"}
    cloud = await open_cloud(config(home, clock, options))
    stranger = await open_cloud(config(home, clock, options))
    yield Bed(cloud=cloud, stranger=stranger, pause=_advance(clock))
    await stranger.close()
    await cloud.close()


@asynccontextmanager
async def local(home: Path) -> AsyncIterator[Bed]:
    """Processes of this machine; what a test leaves running does not outlive it."""
    cloud = await open_local(config(home, SystemClock()))
    stranger = await open_local(config(home, SystemClock()))
    images = {image.name: image.id for image in await cloud.images.list_images()}
    yield Bed(cloud=cloud, stranger=stranger, pause=anyio.sleep, image=images["demo-web"])
    for server in await cloud.compute.list_servers():
        await cloud.compute.delete_server(server.ref)
    await stranger.close()
    await cloud.close()


def _advance(clock: ManualClock) -> Callable[[float], Awaitable[None]]:
    async def pause(seconds: float) -> None:
        clock.advance(seconds)
        await anyio.lowlevel.checkpoint()

    return pause


CLOUDS: dict[str, MakeBed] = {
    "simulated-memory": simulated_memory,
    "simulated-file": simulated_file,
    "local": local,
}
