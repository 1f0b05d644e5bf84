"""A HAProxy that dies comes back, one that lives is adopted, and there are never two."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

import traffic
from drivers.haproxy.beds import Bed, member, shown
from muster.base.errors import Permanent
from muster.drivers.balancers.child import Children
from muster.drivers.balancers.haproxy import control, process
from muster.drivers.balancers.haproxy.balancer import open_balancer
from muster.drivers.balancers.haproxy.config import shape
from muster.drivers.balancers.haproxy.kept import name_of
from muster.drivers.balancers.haproxy.members import commands
from muster.drivers.balancers.haproxy.stats import SHOW, parsed
from muster.drivers.balancers.listener import listening
from muster.model.pool import Monitor, PoolWanted

OWNER = """
import asyncio, sys
from pathlib import Path
from uuid import UUID
from muster.base.clock import SystemClock
from muster.drivers.balancers.haproxy.balancer import open_balancer
from muster.model.pool import Front, MemberWanted, PoolWanted
from muster.ports.cloud import CloudConfig

async def own(home, installation, cluster_id, port, address, member_port):
    config = CloudConfig(
        name="here", home=Path(home), installation=UUID(installation), clock=SystemClock()
    )
    balancer = await open_balancer(config)
    front = Front(cluster_id=UUID(cluster_id), name="web", project="demo", port=int(port),
                  health_path="/health")
    one = MemberWanted(node_id=UUID(int=int(member_port)), address=address, port=int(member_port))
    await balancer.put_pool(PoolWanted(front=front, members=(one,)))
    print("put", flush=True)
    await asyncio.sleep(600)

asyncio.run(own(*sys.argv[1:]))
"""


async def test_a_killed_haproxy_is_back_within_a_second_and_nobody_is_refused(bed: Bed) -> None:
    apps = [await bed.app(), await bed.app()]
    before = await bed.good(*apps)
    killed = bed.pid
    await _killed(bed)
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


async def test_a_haproxy_outlives_its_owner_and_is_adopted_with_its_counts(bed: Bed) -> None:
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
    assert len(process.lives(bed.folder)) == 1


async def test_an_adopted_haproxy_that_is_killed_leaves_no_gap_either(bed: Bed) -> None:
    one = await bed.app()
    await bed.good(one)
    await bed.balancer.close()
    bed.balancer = await bed.another()
    await bed.seen()
    await traffic.until(lambda: _holds(bed))
    await _killed(bed)
    assert {(await bed.ask()).status for _ in range(5)} == {200}


async def _killed(bed: Bed) -> None:
    """Kill the master, and wait until its worker has noticed and let go of the socket."""
    run = bed.run
    os.kill(bed.pid, signal.SIGKILL)

    async def dead() -> bool:
        return not process.alive(bed.folder, run)

    await traffic.until(dead)


async def _holds(bed: Bed) -> bool:
    return bed.id in bed.balancer.held


async def test_when_the_owner_is_killed_its_haproxy_goes_on_and_is_adopted(bed: Bed) -> None:
    one = await bed.app()
    owner = await _owner(bed, one)
    served_by = bed.pid

    async def answered() -> bool:
        return (await bed.ask()).status == 200

    await traffic.until(answered)  # its member has been asked
    owner.kill()
    owner.wait()
    assert (await bed.ask()).status == 200
    await bed.good(one)
    assert bed.pid == served_by


async def _owner(bed: Bed, one: traffic.App) -> "subprocess.Popen[bytes]":
    home, installation = bed.config.home, bed.config.installation
    owner = _started(home, installation, bed.id, bed.front.port, one.address, one.port)
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
    assert [run.number for run in process.lives(bed.folder)] == [1]
    os.kill(bed.pid, signal.SIGKILL)
    pools = await asyncio.gather(*[each.pool(bed.id) for each in owners])
    assert all(pools)
    assert [run.number for run in process.lives(bed.folder)] == [2]


async def test_a_haproxy_nobody_wrote_down_is_not_left_over(bed: Bed) -> None:
    """The owner was killed after starting it and before the pool was in force."""
    one = await bed.app()
    await bed.good(one)
    bed.folder.forget()

    async def swept() -> bool:
        return not bed.folder.path.exists()

    await traffic.until(swept)


async def test_an_owner_killed_while_a_front_moved_leaves_one(bed: Bed) -> None:
    """The next run had been started elsewhere, and the pool was not yet said to be there."""
    one = await bed.app()
    await bed.good(one)
    stays = bed.run
    await bed.balancer.close()
    kept = bed.folder.kept()
    assert kept
    moved = replace(kept, port=traffic.free_port())
    sock = listening(moved.address, moved.port, shared=True)
    await process.start(bed.folder, moved, sock, Children())
    sock.close()
    assert len(process.lives(bed.folder)) == 2
    bed.balancer = await bed.another()

    async def one_is_left() -> bool:
        return process.lives(bed.folder) == [stays]

    await traffic.until(one_is_left)
    assert (await bed.ask()).status == 200


@pytest.mark.parametrize("who", ["master", "worker"])
async def test_whichever_process_is_killed_the_pool_is_back(bed: Bed, who: str) -> None:
    one = await bed.app()
    await bed.good(one)
    master, [worker] = bed.pid, await bed.workers()
    killed = bed.run
    os.kill(master if who == "master" else worker, signal.SIGKILL)

    async def dead() -> bool:
        return not process.alive(bed.folder, killed)

    await traffic.until(dead)
    assert {(await bed.ask()).status for _ in range(5)} == {200}
    await bed.good(one)
    assert bed.pid != master
    assert len(process.lives(bed.folder)) == 1


@pytest.mark.parametrize("wrong", ["strange", "missing", "drained", "front"])
async def test_what_a_killed_owner_left_half_done_is_put_right(bed: Bed, wrong: str) -> None:
    one, two = await bed.app(), await bed.app()
    await bed.good(one, two)
    first, stats = name_of(member(one)), bed.folder.path / bed.run.stats
    undone = {
        "strange": "add server members/x 127.0.0.1:1; enable server members/x",
        "missing": f"set server members/{first} state maint; del server members/{first}",
        "drained": f"set server members/{first} state drain",
        "front": "",
    }[wrong]
    if undone:
        await control.asked(stats, undone)
    else:
        kept = bed.folder.kept()
        assert kept
        changed = replace(kept, front=replace(kept.front, method="round_robin"))
        await process.reload(bed.folder, bed.run, changed)

    async def right() -> bool:
        seen = parsed(await control.asked(stats, "; ".join(SHOW)))
        kept = bed.folder.kept()
        assert kept
        as_said = seen.shape == shape(kept.front) and not commands(kept, seen)
        return as_said and seen.servers.keys() == kept.names.keys()

    await traffic.until(right)
    await bed.good(one, two)


async def test_the_file_is_in_step_with_what_was_changed_while_it_ran(bed: Bed) -> None:
    apps = [await bed.app() for _ in range(3)]
    await bed.good(*apps[:2])
    await bed.put(apps[2], drain=(apps[1],))
    [before] = await bed.workers()
    kept = bed.folder.kept()
    assert kept
    assert set(re.findall(r"^    server (\S+)", bed.folder.text(bed.run.config), re.M)) == {
        *kept.names
    }
    os.kill(bed.pid, signal.SIGUSR2)  # somebody else does it

    async def reloaded() -> bool:
        return (await bed.workers())[0] != before

    await traffic.until(reloaded)
    pool = await bed.good(apps[2])
    assert pool.members.keys() == {member(apps[2]).node_id}


async def test_with_its_pool_a_haproxy_ends(bed: Bed) -> None:
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
    await bed.balancer.stop_haproxy()
    assert (await bed.ask()).status == 0
    bed.balancer = await open_balancer(bed.config)

    async def answered() -> bool:
        return (await bed.ask()).status == 200

    await traffic.until(answered)
    assert (await bed.seen()).address == before.address


async def test_a_haproxy_that_cannot_start_says_why_and_leaves_nothing(bed: Bed) -> None:
    bed.front = replace(bed.front, monitor=Monitor(every_s=1e9))
    words = r"HAProxy could not be started: .*haproxy-1\.cfg.*its words are in"
    with pytest.raises(Permanent, match=words):
        await bed.put(await bed.app())
    assert await bed.balancer.pool(bed.id) is None
    assert not await bed.balancer.list_pools()


async def test_a_front_that_haproxy_cannot_read_leaves_the_old_one_in_force(bed: Bed) -> None:
    one = await bed.app()
    before = await bed.good(one)
    wrong = replace(bed.front, monitor=Monitor(every_s=1e9))
    with pytest.raises(Permanent, match=r"HAProxy refuses the front: .*inter"):
        await bed.balancer.put_pool(PoolWanted(front=wrong, members=(member(one),)))
    assert (await bed.good(one)).front_digest == before.front_digest
    assert (await bed.ask()).status == 200


async def test_members_with_addresses_of_version_six_are_served(bed: Bed) -> None:
    one = await bed.app()
    assert one.server
    six = await asyncio.start_server(one._serve, "::1", one.port)
    async with six:
        there = replace(member(one), address="::1")
        await bed.balancer.put_pool(PoolWanted(front=bed.front, members=(there,)))

        async def answered() -> bool:
            return (await bed.ask()).status == 200

        await traffic.until(answered)


async def test_what_it_says_does_not_pile_up(bed: Bed) -> None:
    one = await bed.app()
    await bed.good(one)
    said = bed.folder.path / "haproxy.out"
    with said.open("ab") as file:
        file.write(b"x" * (1 << 20))

    async def short() -> bool:
        return said.stat().st_size < 1 << 18

    await traffic.until(short)


async def test_a_home_deep_down_is_no_obstacle(bed: Bed, tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    balancer = await open_balancer(replace(bed.config, home=deep, installation=uuid4()))
    try:
        await balancer.put_pool(PoolWanted(front=bed.front))
        assert await balancer.pool(bed.id)
    finally:
        await balancer.stop_haproxy()
