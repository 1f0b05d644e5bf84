"""How far a cloud is with what takes long is told to whom it concerns."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from uuid import UUID

import anyio
import pytest

from engine.world import Scene, a_scene
from muster.base.errors import Permanent, Transient
from muster.engine.progress import tell
from muster.model.action import ActionStatus, Verb
from muster.model.task import Task
from muster.ports.store import Query

DEADLINE_S = 30.0


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with a_scene() as made:
        yield made


class Teller:
    """A cloud that says what it is at when a test has it say so."""

    def __init__(self) -> None:
        self.news: asyncio.Queue[Sequence[Task]] = asyncio.Queue()

    async def list_tasks(self) -> Sequence[Task]:
        raise Transient("not asked for here")

    async def cancel_task(self, id: str) -> None:
        raise Permanent("not asked for here")

    async def progressed(self) -> Sequence[Task]:
        return await self.news.get()


def a_task(scene: Scene, node_id: UUID | None, percent: int | None = 40) -> Task:
    return Task(
        id="7",
        what="Creating instance",
        since=scene.clock.now(),
        host="m1",
        ref="web-001-0",
        node_id=node_id,
        progress="" if percent is None else f"Unpacking image: {percent}%",
        percent=percent,
    )


async def test_a_nodes_running_actions_and_its_events_say_how_far_it_is(scene: Scene) -> None:
    cluster_id = await scene.create(1)
    await scene.engine.settle()
    [node] = await scene.nodes(cluster_id)
    made = {"target": (node.id,), "action": (Verb.NODE_CREATE,)}
    [action] = await scene.store.read(lambda tx: tx.actions.find(Query(where=made)))
    running = replace(action, status=ActionStatus.RUNNING, ended_at=None)
    over = replace(action, id=UUID(int=9), status=ActionStatus.SUCCEEDED, reason="done")
    await scene.store.write(lambda tx: tx.actions.put(running, over))
    await tell(scene.engine.site, "lab", [a_task(scene, node.id)])
    [event] = [e for e in await scene.events() if e.kind == "node.progressed"]
    words = "Creating instance on m1: Unpacking image: 40%"
    assert (event.oid, event.cluster_id, event.reason) == (node.id, cluster_id, words)
    assert (event.done, event.total) == (40, 100)
    reasons = await scene.store.read(
        lambda tx: [tx.actions.get(each.id).reason for each in (running, over)]
    )
    assert reasons == [words, "done"]


async def test_what_is_of_no_node_is_told_of_its_cloud(scene: Scene) -> None:
    await tell(scene.engine.site, "lab", [a_task(scene, None, None), a_task(scene, UUID(int=8))])
    unknown, of_nobody = [e for e in await scene.events() if e.kind == "cloud.progressed"]
    assert (unknown.oname, unknown.project, unknown.done) == ("lab", "", None)
    assert unknown.reason == "Creating instance on m1: under way"
    assert of_nobody.done == 40


async def test_an_engine_that_runs_passes_on_what_its_cloud_tells(scene: Scene) -> None:
    teller = Teller()
    engine = scene.engine_on(replace(scene.cloud, tasks=teller))
    stop = asyncio.Event()
    running = asyncio.create_task(engine.run(stop))
    try:
        with anyio.fail_after(DEADLINE_S):
            for percent in (10, 20):
                teller.news.put_nowait([a_task(scene, None, percent)])
            while [e.done for e in await scene.events() if e.kind == "cloud.progressed"] != [
                10,
                20,
            ]:
                await scene.signal.wait("events", 1.0)
    finally:
        stop.set()
        await running
