"""What belongs to nobody is found and removed, and nothing else is."""

from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

import builders
from engine.standing import a_standing_cluster
from engine.world import a_scene


@dataclass
class KeptWays:
    """Ways to servers, in memory."""

    servers: set[UUID] = field(default_factory=set)

    async def list_ways(self) -> set[UUID]:
        return set(self.servers)

    async def close_ways(self, server_id: UUID) -> None:
        self.servers.discard(server_id)


async def test_ways_to_servers_that_no_node_has_are_closed() -> None:
    async with a_scene() as scene:
        await a_standing_cluster(scene, 2)
        there = {each.server_id for each in await scene.nodes(builders.WEB)}
        ways = KeptWays(there | {uuid4()})
        engine = scene.engine_on(replace(scene.cloud, ways=ways))
        await engine.ticks.sweep()
        assert ways.servers == there
