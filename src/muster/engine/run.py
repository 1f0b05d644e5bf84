"""Run: one function per kind of step, and nothing decided here."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TypeVar, assert_never

from muster.base.errors import DriverError, MusterError, Permanent
from muster.base.log import log
from muster.engine.deadline import within
from muster.engine.gauges import STEP_SECONDS, STEPS
from muster.engine.site import Reach
from muster.model.cluster import Cluster
from muster.model.step import (
    CreateServer,
    DeleteServer,
    Done,
    DropRecord,
    Failed,
    OperateServer,
    Outcome,
    PostHook,
    PutPool,
    PutRecord,
    RemovePool,
    Retry,
    Step,
)

T = TypeVar("T")
# Seconds after which a call counts as unanswered. It may still happen: it can be repeated.
DEADLINES: Mapping[type[Step], float] = {
    CreateServer: 60,
    DeleteServer: 60,
    OperateServer: 60,
    PostHook: 30,
    PutPool: 30,
    RemovePool: 30,
    PutRecord: 30,
    DropRecord: 30,
}
_TOOK: Mapping[type[Step], Callable[[float], None]] = {
    kind: STEP_SECONDS.labels(kind.__name__).observe for kind in DEADLINES
}


async def run_steps(reach: Reach, cluster: Cluster, steps: Sequence[Step]) -> list[Outcome]:
    """Return how each step ended, in the order of the steps.

    As many run at once as the cloud likes calls, over all clusters. No step's failure
    keeps another from running.
    """
    outcomes: list[Outcome] = [Retry("not begun")] * len(steps)
    todo = iter(enumerate(steps))
    workers = min(len(steps), reach.cloud.about.pace.calls_at_once)
    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(_work(reach, cluster, todo, outcomes))
    kinds = zip(map(type, steps), map(type, outcomes), strict=True)
    for (step, outcome), times in Counter(kinds).items():
        STEPS.labels(step.__name__, outcome.__name__.lower()).inc(times)
    return outcomes


async def _work(
    reach: Reach, cluster: Cluster, todo: Iterator[tuple[int, Step]], outcomes: list[Outcome]
) -> None:
    for place, step in todo:
        async with reach.slots:
            began = perf_counter()
            outcomes[place] = await run_step(reach, cluster, step)
            _TOOK[type(step)](perf_counter() - began)


async def run_step(reach: Reach, cluster: Cluster, step: Step) -> Outcome:
    """Return how the step ended; whatever it raises is an outcome too."""
    deadline = DEADLINES[type(step)]
    if isinstance(step, OperateServer) and step.within_s is not None:
        deadline = min(deadline, step.within_s)
    try:
        return await within(deadline, _call(reach, cluster, step))
    except Permanent as error:
        return Failed(error.text)
    except DriverError as error:
        return Retry(error.text)
    except TimeoutError:
        return Retry(f"no answer within {deadline:.0f} s")
    except Exception as error:
        log(cluster=str(cluster.id), step=repr(step)).exception("step.broke")
        return Retry(f"internal error: {type(error).__name__}")


async def _call(reach: Reach, cluster: Cluster, step: Step) -> Outcome:
    cloud = reach.cloud
    match step:
        case CreateServer():
            return await _create(reach, step)
        case DeleteServer():
            await cloud.compute.delete_server(step.ref)
        case OperateServer():
            await cloud.compute.operate_server(step.ref, step.operation, step.params)
        case PostHook():
            if reach.hooks is None:
                return Failed("nobody here delivers questions to lifecycle hooks")
            await reach.hooks.post(step)
        case PutPool() | RemovePool():
            return await _pool(reach, step)
        case PutRecord() | DropRecord():
            return await _record(reach, cluster, step)
        case _:
            assert_never(step)
    return Done()


async def _create(reach: Reach, step: CreateServer) -> Outcome:
    server = await reach.cloud.compute.create_server(step.order)
    if server.server_id != step.order.server_id or not server.ref:
        return Retry(f"the cloud answered with another server: {server.server_id} {server.ref!r}")
    return Done(server=server, address=server.address)


async def _pool(reach: Reach, step: PutPool | RemovePool) -> Outcome:
    balancer = reach.cloud.balancer
    if balancer is None:
        return Failed(f"cloud {reach.cloud.about.name} has no load balancer")
    match step:
        case PutPool():
            return Done(address=await balancer.put_pool(step.pool))
        case RemovePool():
            await balancer.remove_pool(step.cluster_id)
            return Done()


async def _record(reach: Reach, cluster: Cluster, step: PutRecord | DropRecord) -> Outcome:
    dns = reach.cloud.dns
    if dns is None:
        return Failed(f"cloud {reach.cloud.about.name} publishes no names")
    match step:
        case PutRecord():
            await dns.put_record(step.name, step.address, cluster.id)
        case DropRecord():
            await dns.drop_record(step.name, cluster.id)
    return Done()


@dataclass(frozen=True, slots=True)
class Broke:
    """Why something did not come to an end that nobody foresaw."""

    reason: str


async def unbroken(work: Awaitable[T], **about: str) -> T | Broke:
    """Return what work comes to, or that it broke, with its traceback in the log.

    Raises what is an error of ours, for whoever asks to judge.
    """
    try:
        return await work
    except MusterError:
        raise
    except Exception as error:
        log(**about).exception("step.broke")
        return Broke(f"internal error: {type(error).__name__}")
