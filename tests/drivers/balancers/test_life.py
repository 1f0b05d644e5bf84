"""A balancer that dies comes back, one that lives is adopted, and there are never two."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import psutil

import traffic
from drivers.balancers.beds import Bed, member, shown
from muster.model.pool import PoolWanted

OWNER = """
import asyncio, importlib, sys
from pathlib import Path
from uuid import UUID
from muster.base.clock import SystemClock
from muster.model.pool import Front, MemberWanted, PoolWanted
from muster.ports.cloud import CloudConfig

async def own(kind, home, installation, cluster_id, port, address, member_port):
    config = CloudConfig(
        name="here", home=Path(home), installation=UUID(installation), clock=SystemClock()
    )
    opening = importlib.import_module(f"muster.drivers.balancers.{kind}.balancer")
    balancer = await opening.open_balancer(config)
    front = Front(cluster_id=UUID(cluster_id), name="web", project="demo", port=int(port),
                  health_path="/health")
    one = MemberWanted(node_id=UUID(int=int(member_port)), address=address, port=int(member_port))
    await balancer.put_pool(PoolWanted(front=front, members=(one,)))
    print("put", flush=True)
    await asyncio.sleep(600)

asyncio.run(own(*sys.argv[1:]))
"""


async def test_a_file_that_a_power_cut_left_empty_is_in_nobodys_way(bed: Bed) -> None:
    app = await bed.app()
    await bed.good(app)
    place = next(bed.config.home.rglob(f"{bed.id}/pool.json"))
    (place.parent.parent / "lost+found").mkdir()
    place.write_bytes(b"")
    other = PoolWanted(front=replace(bed.front, cluster_id=uuid4(), port=bed.front.port + 1))
    await bed.balancer.put_pool(other)
    assert await bed.balancer.pool(bed.id) is None
    await bed.good(app)
    assert (await bed.ask()).status == 200


async def test_a_killed_balancer_is_back_within_a_second_and_nobody_is_refused(bed: Bed) -> None:
    apps = [await bed.app(), await bed.app()]
    before = await bed.good(*apps)
    killed = bed.pid
    await bed.kill()
    began = time.monotonic()
    answers = [await bed.ask() for _ in range(5)]
    assert {answer.status for answer in answers} == {200}
    assert time.monotonic() - began < 2.0
    after = await bed.seen()
    assert bed.pid != killed
    assert (after.address, after.port, after.front_digest) == (
        before.address,
        before.port,
        before.front_digest,
    )
    assert after.members.keys() == before.members.keys()


async def test_a_balancer_outlives_its_owner_and_is_adopted_with_its_counts(bed: Bed) -> None:
    one = await bed.app()
    await bed.good(one)
    served_by = bed.pid
    await bed.ask()
    await bed.balancer.close()
    assert {(await bed.ask()).status for _ in range(3)} == {200}
    bed.balancer = await bed.another()
    pool = await bed.seen()
    assert bed.pid == served_by
    assert shown(pool, one).requests == 4
    assert len(bed.lives()) == 1


async def test_an_adopted_balancer_that_is_killed_leaves_no_gap_either(bed: Bed) -> None:
    one = await bed.app()
    await bed.good(one)
    await bed.balancer.close()
    bed.balancer = await bed.another()
    await bed.seen()
    await traffic.until(lambda: _holds(bed))
    await bed.kill()
    assert {(await bed.ask()).status for _ in range(5)} == {200}


async def _holds(bed: Bed) -> bool:
    return bed.id in bed.balancer.held


async def test_when_the_owner_is_killed_its_balancer_goes_on_and_is_adopted(bed: Bed) -> None:
    one = await bed.app()
    owner = await _owner(bed, one)

    async def answered() -> bool:
        return (await bed.ask()).status == 200

    await traffic.until(answered)  # its member has been asked
    served_by = bed.pid
    owner.kill()
    owner.wait()
    assert (await bed.ask()).status == 200
    await bed.good(one)
    assert bed.pid == served_by


async def _owner(bed: Bed, one: traffic.App) -> "subprocess.Popen[bytes]":
    to = (bed.config.home, bed.config.installation, bed.id, bed.front.port)
    owner = _started(bed.kind.name, *to, one.address, one.port)
    assert owner.stdout
    assert await asyncio.to_thread(owner.stdout.readline) == b"put\n"
    return owner


def _started(*said: object) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-c", OWNER, *map(str, said)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


async def test_many_owners_at_once_start_one(bed: Bed) -> None:
    one = await bed.app()
    owners = [bed.balancer, *[await bed.another() for _ in range(3)]]
    wanted = PoolWanted(front=bed.front, members=(member(one),))
    addresses = await asyncio.gather(*[each.put_pool(wanted) for each in owners for _ in range(3)])
    assert len(set(addresses)) == 1
    assert [run.number for run in bed.lives()] == [1]
    os.kill(bed.pid, signal.SIGKILL)

    async def followed() -> bool:
        """Whether there is just the next: what is left of the first may answer for a moment."""
        assert all(await asyncio.gather(*[each.pool(bed.id) for each in owners]))
        lives = [run.number for run in bed.lives()]
        assert lives in ([1], [], [2])
        return lives == [2]

    await traffic.until(followed)


async def test_a_balancer_nobody_wrote_down_is_not_left_over(bed: Bed) -> None:
    """The owner was killed after starting it and before the pool was in force."""
    one = await bed.app()
    await bed.good(one)
    bed.folder.forget()

    async def swept() -> bool:
        return not bed.folder.path.exists()

    await traffic.until(swept)


async def test_with_its_pool_a_balancer_ends(bed: Bed) -> None:
    one = await bed.app()
    await bed.good(one)
    pid = bed.pid
    await bed.balancer.remove_pool(bed.id)
    assert not bed.folder.path.exists()

    async def gone() -> bool:
        return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE

    await traffic.until(gone)


async def test_pools_come_back_after_everything_was_stopped(bed: Bed) -> None:
    one = await bed.app()
    before = await bed.good(one)
    await bed.balancer.end_all()
    assert (await bed.ask()).status == 0
    bed.balancer = await bed.kind.open(bed.config)

    async def answered() -> bool:
        return (await bed.ask()).status == 200

    await traffic.until(answered)
    assert (await bed.seen()).address == before.address


async def test_a_home_deep_down_is_no_obstacle(bed: Bed, tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    balancer = await bed.kind.open(replace(bed.config, home=deep, installation=uuid4()))
    try:
        await balancer.put_pool(PoolWanted(front=bed.front))
        assert await balancer.pool(bed.id)
    finally:
        await balancer.end_all()
