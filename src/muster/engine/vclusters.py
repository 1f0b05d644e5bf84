"""One pass over one virtual cluster: look, decide, write down, do."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import assert_never

from muster.base.backoff import delay
from muster.base.errors import DriverError, Permanent, Stale, Transient
from muster.base.log import log
from muster.decide.vclusters.claims import arrivals, claims_of
from muster.decide.vclusters.course import Course, Sight
from muster.decide.vclusters.telling import told
from muster.decide.vclusters.updating import next_course
from muster.engine.gauges import VCLUSTERS
from muster.engine.passed import Passed
from muster.engine.replacing import Refusal, placed_again, tried_again
from muster.engine.site import Reach, Site
from muster.model.step import Operation
from muster.model.vcluster import VCluster, VClusterStatus
from muster.model.vcluster_step import (
    Attach,
    Detach,
    MakeServer,
    MakeVolume,
    MoveServer,
    MoveVolume,
    RemoveServer,
    RemoveVolume,
    StartServer,
    VStep,
)
from muster.ports.cloud import Cloud
from muster.ports.store import Claim, Query, Transaction
from muster.ports.volumes import Volumes

SOON = timedelta(seconds=0.5)
CALL_S = 60.0
COPY_S = 660.0  # of what may bring everything on a disk to another host


async def tend(site: Site, claim: Claim) -> Passed | None:
    """Bring a vcluster one pass closer to what was asked of it; None if there is none."""
    before = await site.store.read(lambda tx: tx.vclusters.get(claim.cluster_id))
    if before is None:
        return None
    reach = site.clouds.get(before.cloud)
    if reach is None:
        raise Transient(f"no cloud is called {before.cloud!r} here")
    now = site.clock.now()
    decided = next_course(before, await _look(reach.cloud, before), now)
    if decided.vcluster != before or decided.gone:
        await site.store.write(lambda tx: _commit(tx, claim, (before, decided), now))
        _count(before, decided)
    if decided.gone:
        return Passed()
    if not decided.steps:
        return _next(site, before, decided)
    refusals = await _run(reach, decided.steps)
    if not refusals:
        site.setbacks.pop(before.id, None)
        return Passed(look_at=site.clock.now() + SOON) if decided.waits else Passed(again=True)
    await _refused(site, claim, decided, refusals)
    return Passed(look_at=site.clock.now() + _setback(site, before))


async def _refused(site: Site, claim: Claim, decided: Course, refusals: Sequence[Refusal]) -> None:
    """Write down what becomes of a vcluster some of whose steps were refused."""
    status = decided.vcluster.status
    is_removing = isinstance(decided.steps[0], RemoveServer | RemoveVolume | Detach)
    if status is VClusterStatus.CREATING and is_removing:
        await tried_again(site, claim, decided.vcluster, refusals[0])
    elif status in (VClusterStatus.CREATING, VClusterStatus.UPDATING):
        await placed_again(site, claim, decided.vcluster, refusals)


def _next(site: Site, before: VCluster, decided: Course) -> Passed:
    if decided.waits:
        return Passed(look_at=site.clock.now() + SOON)
    return Passed(again=decided.vcluster != before)


def _setback(site: Site, vcluster: VCluster) -> timedelta:
    tries = site.setbacks[vcluster.id] = site.setbacks.get(vcluster.id, 0) + 1
    return delay(str(vcluster.id), tries)


async def _look(cloud: Cloud, vcluster: VCluster) -> Sight:
    """Return what the cloud shows of the members."""
    ids = {each.id for each in vcluster.members}
    servers = await cloud.compute.list_servers(vcluster.id)
    volumes = await cloud.volumes.list_volumes() if cloud.volumes else ()
    return Sight(
        servers={each.server_id: each for each in servers if each.server_id in ids},
        volumes={each.id: each for each in volumes if each.id in ids},
    )


def _count(before: VCluster, decided: Course) -> None:
    after = "GONE" if decided.gone else decided.vcluster.status
    if after != before.status:
        VCLUSTERS.labels(after).inc()


def _commit(tx: Transaction, claim: Claim, turn: tuple[VCluster, Course], now: datetime) -> None:
    """Write down what was decided. Raises `Stale` where a wish came meanwhile."""
    before, decided = turn
    tx.marks.check(claim)
    there = tx.vclusters.get(before.id)
    if there is None or there.generation != before.generation:
        raise Stale(f"vcluster {before.name} was changed meanwhile")
    tx.events.append(*told(before, None if decided.gone else decided.vcluster, now))
    if decided.gone or decided.vcluster.status is VClusterStatus.ERROR:
        claims = tx.reservations.find(Query(where={"owner": (before.id,)}))
        tx.reservations.drop(*(each.id for each in claims))
    if decided.gone:
        tx.vclusters.drop(before.id)
        return
    whole = (
        before.status is VClusterStatus.CREATING
        and decided.vcluster.status is VClusterStatus.ACTIVE
    )
    if whole or decided.vcluster.update != before.update:
        _claim(tx, decided.vcluster)
    tx.vclusters.put(decided.vcluster)


def _claim(tx: Transaction, vcluster: VCluster) -> None:
    """Have it claim what it holds now, and nothing else."""
    mine = (*claims_of(vcluster, vcluster.init_at), *arrivals(vcluster, vcluster.init_at))
    held = tx.reservations.find(Query(where={"owner": (vcluster.id,)}))
    tx.reservations.drop(*({each.id for each in held} - {each.id for each in mine}))
    tx.reservations.put(*mine)


async def _run(reach: Reach, steps: Sequence[VStep]) -> list[Refusal]:
    """Take every step, as many at once as the cloud likes calls; return those it refused."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_step(reach, each)) for each in steps]
    return [refusal for task in tasks if (refusal := task.result())]


async def _step(reach: Reach, step: VStep) -> Refusal | None:
    async with reach.slots:
        try:
            async with asyncio.timeout(_patience(step)):
                await _call(reach.cloud, step)
        except DriverError as error:
            log(member=step.member).info("step.refused", reason=error.text)
            final = isinstance(error, Permanent)
            return Refusal(member=step.member, reason=error.text, final=final)
        except TimeoutError:
            text = f"no answer within {_patience(step):.0f} s"
            return Refusal(member=step.member, reason=text, final=False)
    return None


def _patience(step: VStep) -> float:
    return COPY_S if isinstance(step, Attach | MoveServer | MoveVolume) else CALL_S


async def _call(cloud: Cloud, step: VStep) -> None:
    match step:
        case MakeServer():
            await cloud.compute.create_server(step.order)
        case RemoveServer():
            await cloud.compute.delete_server(step.ref)
        case MakeVolume():
            await _volumes(cloud).create_volume(step.order)
        case Attach():
            await _volumes(cloud).attach_volume(step.volume_id, step.server_ref)
        case MoveServer():
            where = {"host": step.host}
            await cloud.compute.operate_server(step.ref, Operation.EVACUATE, where)
        case StartServer():
            await cloud.compute.operate_server(step.ref, Operation.START)
        case MoveVolume():
            await _volumes(cloud).move_volume(step.volume_id, step.host)
        case Detach():
            await _volumes(cloud).detach_volume(step.volume_id)
        case RemoveVolume():
            await _volumes(cloud).delete_volume(step.volume_id)
        case _:
            assert_never(step)


def _volumes(cloud: Cloud) -> Volumes:
    if cloud.volumes is None:
        raise Permanent(f"cloud {cloud.about.name} keeps no volumes")
    return cloud.volumes
