"""Owners killed at any moment of a change: clients notice nothing, and nothing is left over."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

import psutil
import pytest

import traffic
from drivers.balancers.beds import Bed, member
from muster.base.errors import Transient
from muster.drivers.balancers.haproxy import control, process
from muster.drivers.balancers.haproxy.balancer import open_balancer
from muster.drivers.balancers.haproxy.config import shape
from muster.drivers.balancers.haproxy.members import commands, deletions
from muster.drivers.balancers.haproxy.stats import SHOW, parsed
from muster.model.pool import PoolWanted

MOMENTS = int(os.environ.get("CHAOS_MOMENTS", "200")) // 10
SEED = int(os.environ.get("CHAOS_SEED", random.SystemRandom().randrange(10**6)))

OWNER = """
import asyncio, itertools, sys
from dataclasses import replace
from pathlib import Path
from uuid import UUID
from muster.base.clock import SystemClock
from muster.drivers.balancers.haproxy.balancer import open_balancer
from muster.model.pool import Front, MemberState, MemberWanted, PoolWanted
from muster.ports.cloud import CloudConfig

async def own(home, installation, cluster_id, port, *apps):
    config = CloudConfig(
        name="here", home=Path(home), installation=UUID(installation), clock=SystemClock()
    )
    balancer = await open_balancer(config)
    front = Front(cluster_id=UUID(cluster_id), name="web", project="demo", port=int(port),
                  health_path="/health")
    members = [
        MemberWanted(node_id=UUID(int=int(p)), address=a, port=int(p))
        for a, p in (each.split(":") for each in apps)
    ]
    print("open", flush=True)
    for turn in itertools.count():
        method = ("least_conn", "round_robin")[turn % 3 == 0]
        wanted = list(members[: 2 + turn % 3])
        if turn % 2:
            wanted[1] = replace(wanted[1], state=MemberState.DRAIN)
        front = replace(front, method=method)
        await balancer.put_pool(PoolWanted(front=front, members=tuple(wanted)))

asyncio.run(own(*sys.argv[1:]))
"""


@pytest.mark.chaos
async def test_an_owner_killed_at_any_moment_costs_no_request_and_leaves_nothing(
    bed: Bed,
) -> None:
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    apps = [await bed.app() for _ in range(4)]
    pool = await bed.good(*apps[:2])
    await bed.balancer.close()
    crowd = traffic.Crowd(pool.address, pool.port)
    async with crowd.asking(4):
        for _ in range(MOMENTS):
            await _killed(bed, apps, chance.uniform(0.0, 1.5))
            assert not crowd.failed, f"seed {SEED}"
        bed.balancer = await open_balancer(bed.config)
        await traffic.until(lambda: _as_written(bed), 180)
        await bed.good(*apps)
    assert not crowd.failed, f"seed {SEED}"
    assert crowd.answered
    assert len(process.lives(bed.folder)) == 1
    await _gone(bed)


@pytest.mark.chaos
async def test_a_haproxy_killed_at_any_moment_of_a_change_is_back_as_it_was_put(bed: Bed) -> None:
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    apps = [await bed.app() for _ in range(4)]
    await bed.good(*apps[:2])
    for turn in range(MOMENTS):
        killing = asyncio.create_task(_kill_in(bed, chance.uniform(0.0, 0.4), chance))
        method = "round_robin" if turn % 2 else "least_conn"
        front = replace(bed.front, method=method)
        wanted = PoolWanted(front=front, members=tuple(member(a) for a in apps[turn % 3 :]))
        bed.front = front
        await traffic.until(partial(_put, bed, wanted), 180)
        await killing
        await traffic.until(lambda: _as_written(bed), 180)
        await bed.good(*apps[turn % 3 :])
        assert (await bed.ask()).status == 200
    assert len(process.lives(bed.folder)) == 1
    await _gone(bed)


async def _put(bed: Bed, wanted: PoolWanted) -> bool:
    """Try as the engine does: what fails for now is tried again."""
    try:
        await bed.balancer.put_pool(wanted)
    except Transient:
        return False
    return True


async def _kill_in(bed: Bed, seconds: float, chance: random.Random) -> None:
    kept = bed.folder.kept()
    assert kept
    run = process.in_force(bed.folder, kept.port)
    assert run
    pid = process.pid_of(bed.folder, run)
    await asyncio.sleep(seconds)
    with suppress(psutil.NoSuchProcess, ProcessLookupError):  # it may have just gone
        workers = psutil.Process(pid).children() if pid else []
        victim = chance.choice([pid, *(each.pid for each in workers)])
        if victim:
            os.kill(victim, signal.SIGKILL)


async def _killed(bed: Bed, apps: Sequence[traffic.App], seconds: float) -> None:
    """Let an owner change the pool again and again, and kill it in the middle of that."""
    said = [bed.config.home, bed.config.installation, bed.id, bed.front.port]
    owner = _owner(*said, *(app.name for app in apps))
    try:
        assert owner.stdout
        assert await asyncio.to_thread(owner.stdout.readline) == b"open\n"
        await asyncio.sleep(seconds)
        assert owner.poll() is None
    finally:
        owner.kill()
        owner.wait()


def _owner(*said: object) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-c", OWNER, *map(str, said)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


async def _as_written(bed: Bed) -> bool:
    kept = bed.folder.kept()
    assert kept
    run = process.in_force(bed.folder, kept.port)
    if run is None:
        return False
    try:
        seen = parsed(await control.asked(bed.folder.path / run.stats, "; ".join(SHOW)))
    except Transient:
        return False
    as_said = seen.shape == shape(kept.front) and not commands(kept, seen)
    return as_said and not deletions(kept, seen)


async def _gone(bed: Bed) -> None:
    await bed.balancer.remove_pool(bed.id)

    async def nobody() -> bool:
        return not bed.folder.path.exists() and not _processes(bed)

    await traffic.until(nobody, 180)


def _processes(bed: Bed) -> list[int]:
    found = []
    for each in psutil.process_iter():
        try:
            if each.environ().get("MUSTER_POOL") == str(bed.folder.path):
                found.append(each.pid)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found
