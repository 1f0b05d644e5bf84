"""How soon the steps of a job are taken: at once, and again when what they await is due."""

import asyncio
from time import monotonic

from engine.works import Works, is_whole, works_of
from metal import Metal
from muster.base.clock import SystemClock
from muster.base.errors import Transient
from muster.model.server_cluster import ServerClusterStatus
from muster.model.server_job import JobStatus
from muster.ports.agent import Order
from muster.ports.signal import JOBS
from muster.service.provisioning import clusters


class Deaf:
    """Has every server miss the first time that it is told to change something at a path."""

    def __init__(self) -> None:
        self.missed: set[tuple[str, str]] = set()

    def __call__(self, when: str, metal: Metal, order: Order) -> None:
        key = (metal.name, order.path)
        if when == "before" and key not in self.missed:
            self.missed.add(key)
            raise Transient(f"{metal.url}: no answer")


async def test_what_is_due_soon_is_looked_at_again_without_another_look_at_all_jobs():
    async with works_of(2) as works:
        works.engine.site.clock = SystemClock()
        works.fleet.meanwhile = deaf = Deaf()
        await asyncio.gather(*await works.engine.ticks.jobs())
        assert ((await works.job()).status, is_whole(works)) == (JobStatus.DONE, True)
        assert len(deaf.missed) > 10


async def test_a_job_begins_when_it_is_given():
    async with works_of(2) as works:
        await works.go_on()
        assert (await works.cluster()).status is ServerClusterStatus.READY
        works.engine.site.clock = SystemClock()
        stop = asyncio.Event()
        running = asyncio.create_task(works.engine.run(stop))
        await looked(works)
        given = monotonic()
        await clusters.dissolved(works.desk, "c1")
        while not works.fleet.metals["m1"].resets and monotonic() < given + 10:
            await works.engine.site.signal.wait("nothing", 0.005)
        took = monotonic() - given
        stop.set()
        await running
        assert works.fleet.metals["m1"].resets
        assert took < 0.8, "else it was the next regular look"


async def looked(works: Works) -> None:
    """Wait until the jobs have just been looked at, and are not for a second."""
    signal = works.engine.site.signal
    signal.wake(JOBS)
    await signal.wait("nothing", 0.4)
