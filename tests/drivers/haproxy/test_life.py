"""What else befalls an HAProxy: its workers, its file, and what is changed while it runs."""

import asyncio
import os
import re
import signal
from dataclasses import replace

import pytest

import traffic
from drivers.balancers.beds import Bed, member
from drivers.haproxy.workers import workers
from muster.base.errors import Permanent
from muster.drivers.balancers.child import Children
from muster.drivers.balancers.haproxy import control, process
from muster.drivers.balancers.haproxy.config import shape
from muster.drivers.balancers.haproxy.kept import name_of
from muster.drivers.balancers.haproxy.members import commands
from muster.drivers.balancers.haproxy.stats import SHOW, parsed
from muster.drivers.balancers.listener import listening
from muster.model.pool import Monitor, PoolWanted


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
    assert len(bed.lives()) == 2
    bed.balancer = await bed.another()

    async def one_is_left() -> bool:
        return bed.lives() == [stays]

    await traffic.until(one_is_left)
    assert (await bed.ask()).status == 200


@pytest.mark.parametrize("who", ["master", "worker"])
async def test_whichever_process_is_killed_the_pool_is_back(bed: Bed, who: str) -> None:
    one = await bed.app()
    await bed.good(one)
    master, [worker] = bed.pid, await workers(bed)
    killed = bed.run
    os.kill(master if who == "master" else worker, signal.SIGKILL)

    async def dead() -> bool:
        return not process.alive(bed.folder, killed)

    await traffic.until(dead)
    assert {(await bed.ask()).status for _ in range(5)} == {200}
    await bed.good(one)
    assert bed.pid != master
    assert len(bed.lives()) == 1


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
    [before] = await workers(bed)
    kept = bed.folder.kept()
    assert kept
    assert set(re.findall(r"^    server (\S+)", bed.folder.text(bed.run.config), re.M)) == {
        *kept.names
    }
    os.kill(bed.pid, signal.SIGUSR2)  # somebody else does it

    async def reloaded() -> bool:
        return (await workers(bed))[0] != before

    await traffic.until(reloaded)
    pool = await bed.good(apps[2])
    assert pool.members.keys() == {member(apps[2]).node_id}


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
