"""What a wish waits for is open as long as it waits."""

from engine.world import a_scene
from muster.model.action import ActionStatus, Verb

S = ActionStatus


async def test_a_creation_is_open_until_its_server_is_built():
    async with a_scene(create_s=3) as scene:
        web = await scene.create(2)
        await scene.with_ticks(1)
        made = await scene.actions(Verb.NODE_CREATE)
        assert [each.status for each in made] == [S.RUNNING, S.RUNNING]
        (wish,) = await scene.actions(Verb.CLUSTER_CREATE)
        assert {each.parent for each in made} == {wish.id}
        await scene.with_ticks(6)
        assert {each.status for each in await scene.actions()} == {S.SUCCEEDED}
        assert len(await scene.nodes(web)) == 2


async def test_a_creation_that_nobody_wants_any_more_ends():
    async with a_scene(create_s=30) as scene:
        web = await scene.create(2)
        await scene.with_ticks(1)
        await scene.delete(web)
        await scene.with_ticks(20)
        assert all(each.ended for each in await scene.actions())
        assert await scene.servers() == []
