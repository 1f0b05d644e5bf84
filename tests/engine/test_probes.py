"""Who is asked how it is, round after round: those that run now, whoever ran the last time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

import pytest

from engine.standing import a_standing_cluster, serving
from engine.world import SIM, a_scene
from muster.model.cluster import ClusterStatus
from muster.model.step import Operation
from muster.ports.prober import Prober, Question
from muster.ports.store import Query


@dataclass
class Listening:
    """Asks on behalf of the engine, and remembers whom."""

    inner: Prober
    asked: list[set[UUID]] = field(default_factory=list)

    async def ask(self, questions: Sequence[Question]) -> Mapping[UUID, str | None]:
        self.asked.append({each.server_id for each in questions})
        return await self.inner.ask(questions)


async def test_rounds_follow_the_servers_though_nobody_has_passed_over_the_cluster() -> None:
    async with a_scene() as scene:
        web = await a_standing_cluster(scene, 3)
        listening = Listening(scene.cloud.prober)
        engine = scene.engine_on(replace(scene.cloud, prober=listening))
        servers = {each.server_id: each for each in await scene.cloud.compute.list_servers(web)}
        [first, *others] = servers

        async def round_after(operation: Operation | None) -> set[UUID]:
            if operation:
                await scene.cloud.compute.operate_server(servers[first].ref, operation)
            scene.clock.advance(5)
            await engine.ticks.look(SIM)
            await engine.ticks.probe(SIM)
            return listening.asked[-1]

        assert await round_after(None) == {first, *others}
        assert await round_after(Operation.STOP) == {*others}
        assert await round_after(None) == {*others}
        assert await round_after(Operation.START) == {first, *others}


async def test_one_that_falls_sick_after_many_good_rounds_is_heard() -> None:
    async with a_scene() as scene:
        web = await a_standing_cluster(scene, 3)
        await scene.with_ticks(10)
        victim = (await scene.cloud.compute.list_servers(web))[1]
        scene.world.make_sick(victim.ref)
        await scene.with_ticks(10)
        there = {each.server_id for each in await scene.cloud.compute.list_servers(web)}
        assert victim.server_id not in there
        assert len(there) == 3


async def test_who_is_starting_is_left_to_the_pass_that_is_under_way() -> None:
    async with a_scene(boot_s=60) as scene:
        web = await scene.create(2, service=serving())
        await scene.go_on()
        listening = Listening(scene.cloud.prober)
        engine = scene.engine_on(replace(scene.cloud, prober=listening))
        servers = {each.server_id for each in await scene.cloud.compute.list_servers(web)}
        await engine.ticks.look(SIM)

        engine.site.under_way.add(web)
        await engine.ticks.probe(SIM)
        assert listening.asked == []

        engine.site.under_way.discard(web)
        await engine.ticks.probe(SIM)
        assert listening.asked == [servers]


async def test_who_has_begun_to_answer_is_not_asked_again_until_he_serves() -> None:
    async with a_scene() as scene:
        listening = Listening(scene.cloud.prober)
        engine = scene.engine_on(replace(scene.cloud, prober=listening))
        web = await scene.create(3, service=serving())
        scene.world.tap = lambda call, _, done: scene.clock.advance(call == "put_pool" and done)
        await engine.settle()
        assert (await scene.cluster(web)).status is ClusterStatus.ACTIVE
        assert listening.asked == [{each.server_id for each in await scene.servers()}]


@pytest.mark.parametrize("who", ["one after a restart", "another beside the first"])
async def test_that_all_are_well_is_known_without_a_row_of_any_answer(who: str) -> None:
    async with a_scene() as scene:
        web = await a_standing_cluster(scene, 3)
        assert await scene.store.read(lambda tx: tx.probes.find(Query())) == []
        before = {each.id: each.ready_at for each in await scene.nodes(web)}
        victim, *well = await scene.cloud.compute.list_servers(web)
        if who == "one after a restart":
            scene.restart()
        ticks = scene.another("one" if who == "one after a restart" else "two").ticks

        async def rounds(seconds: int) -> None:
            for _ in range(seconds):
                scene.clock.advance(1)
                await ticks.look(SIM)
                await ticks.probe(SIM)
                for engine in scene.engines.values():
                    await engine.settle()

        await rounds(3)
        assert {each.id: each.ready_at for each in await scene.nodes(web)} == before

        scene.world.make_sick(victim.ref)
        await rounds(10)
        there = {each.server_id for each in await scene.cloud.compute.list_servers(web)}
        assert victim.server_id not in there
        assert there > {each.server_id for each in well}
        assert len(there) == 3
