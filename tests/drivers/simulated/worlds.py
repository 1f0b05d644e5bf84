"""Clouds for the tests of the simulated one, and a few words to talk about them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import builders
from muster.base.clock import Clock, ManualClock
from muster.drivers.simulated.cloud import open_cloud, world_of
from muster.drivers.simulated.world import World
from muster.model.observed import Server
from muster.model.pool import Front, MemberState, MemberWanted, PoolWanted
from muster.model.step import ServerOrder
from muster.ports.cloud import Cloud, CloudConfig

HERE = UUID(int=7)


class Scene:
    """A simulated cloud, its world, and the clock that both go by."""

    def __init__(self, cloud: Cloud, clock: ManualClock) -> None:
        self.cloud = cloud
        self.clock = clock
        self.world: World = world_of(cloud)

    async def create(self, cluster_id: UUID, index: int = 1, **spec: Any) -> Server:
        return await self.cloud.compute.create_server(an_order(cluster_id, index, **spec))

    async def listed(self, cluster_id: UUID | None = None) -> list[Server]:
        return list(await self.cloud.compute.list_servers(cluster_id))

    async def put(self, cluster_id: UUID, *servers: Server, drains: Server | None = None) -> None:
        assert self.cloud.balancer
        members = tuple(
            MemberWanted(
                node_id=server.node_id,
                address=server.address,
                port=8080,
                state=MemberState.DRAIN if server is drains else MemberState.SERVE,
            )
            for server in servers
        )
        front = Front(cluster_id=cluster_id, name="web", project="demo", port=80)
        await self.cloud.balancer.put_pool(PoolWanted(front=front, members=members))


def a_config(
    options: Mapping[str, Any] | None = None,
    clock: Clock | None = None,
    home: Path = Path("unused"),
) -> CloudConfig:
    return CloudConfig(
        name="simulated",
        home=home,
        installation=HERE,
        clock=clock or ManualClock(),
        options=options or {},
    )


async def a_scene(**options: Any) -> Scene:
    clock = ManualClock()
    return Scene(await open_cloud(a_config(options, clock)), clock)


def an_order(cluster_id: UUID, index: int = 1, **spec: Any) -> ServerOrder:
    return ServerOrder(
        server_id=uuid4(),
        node_id=uuid4(),
        cluster_id=cluster_id,
        project="demo",
        name=f"web-{index}",
        index=index,
        spec=builders.a_spec(**spec),
    )
