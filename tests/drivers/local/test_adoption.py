"""Killed at any moment, the server finds its instances again: each one once, none left over."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import anyio
import pytest
from _pytest.mark import ParameterSet

from drivers.local.grounds import an_order, demo, opened, pids, the, until
from muster.drivers.local import processes
from muster.drivers.local.folders import Folders, read, save
from muster.drivers.local.instance import Wanted
from muster.model.observed import Seen
from muster.ports.cloud import Cloud

ROOT = Path(__file__).parents[3]


def a_server(home: Path, verb: str, ids: list[UUID]) -> subprocess.Popen[str]:
    """Start a server in a process of its own; returns once it is at work."""
    child = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("maker.py"), home, verb, *map(str, ids)],
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'tests'}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout
    assert child.stdout.readline() == "ready\n"
    return child


def killed(child: subprocess.Popen[str]) -> None:
    child.kill()
    child.communicate()


def finished(child: subprocess.Popen[str]) -> None:
    assert child.stdout
    assert child.stdout.readline() == "done\n"


def running(ids: list[UUID]) -> dict[str, int]:
    """Return how many session leaders run for each of these instances."""
    leaders = [
        each
        for each in processes.everything()
        if each.alive and not each.kernel and each.session == each.pid
    ]
    marks = [processes.mark(each.pid) for each in leaders]
    return {str(id): marks.count(str(id)) for id in ids}


async def test_instances_outlive_a_killed_server_and_are_adopted(home: Path) -> None:
    ids = [uuid4() for _ in range(3)]
    first = a_server(home, "make", ids)
    finished(first)
    before = {id: [each.pid for each in processes.members(str(id), None)] for id in ids}
    killed(first)
    async with opened(home) as cloud:
        servers = await cloud.compute.list_servers()
        assert {server.server_id: server.seen for server in servers} == dict.fromkeys(
            ids, Seen.RUNNING
        )
        for id in ids:
            again = await cloud.compute.create_server(an_order(servers[0].image, server_id=id))
            assert again.seen is Seen.RUNNING
    assert before == {id: [each.pid for each in processes.members(str(id), None)] for id in ids}


def slow(moment: int) -> ParameterSet:
    return pytest.param(moment, marks=pytest.mark.slow)


@pytest.mark.parametrize("after_ms", [7, *map(slow, [0, 2, 4, 10, 14, 20, 30])])
async def test_killed_while_making_it_makes_each_exactly_once(home: Path, after_ms: int) -> None:
    ids = [uuid4() for _ in range(6)]
    server = a_server(home, "make", ids)
    await anyio.sleep(after_ms / 1000)  # the moment of the kill is what is tried here
    killed(server)
    async with opened(home) as cloud:
        image = await demo(cloud)
        for id in ids:
            await cloud.compute.create_server(an_order(image, server_id=id))
        assert running(ids) == {str(id): 1 for id in ids}
        servers = await cloud.compute.list_servers()
        assert len({server.address for server in servers}) == len(ids)
    assert len(os.listdir(home / "addresses")) == len(ids)
    assert sorted(os.listdir(home / "instances")) == sorted(map(str, ids))


@pytest.mark.parametrize("after_ms", [10, *map(slow, [0, 3, 50, 110])])
async def test_killed_while_deleting_it_goes_on_deleting(home: Path, after_ms: int) -> None:
    ids = [uuid4() for _ in range(4)]
    async with opened(home) as cloud:
        image = await demo(cloud)
        for id in ids:
            await cloud.compute.create_server(an_order(image, server_id=id))
    server = a_server(home, "delete", ids)
    await anyio.sleep(after_ms / 1000)  # the moment of the kill is what is tried here
    killed(server)
    async with opened(home) as cloud:
        for id in ids:
            await cloud.compute.delete_server(str(id))
        assert not await cloud.compute.list_servers()
    assert running(ids) == {str(id): 0 for id in ids}
    for folder in ("instances", "addresses", "locks"):
        assert not os.listdir(home / folder)


async def test_a_process_whose_number_was_not_written_down_is_found_by_its_mark(
    cloud: Cloud, home: Path
) -> None:
    order = an_order(await demo(cloud))
    await cloud.compute.create_server(order)
    [pid] = pids(order)
    forget_process(home, order.server_id)
    await cloud.compute.create_server(order)
    assert pids(order) == [pid]


async def test_one_that_was_recorded_but_never_started_is_started_by_the_next_server(
    cloud: Cloud, home: Path
) -> None:
    order = an_order(await demo(cloud))
    await cloud.compute.create_server(order)
    forget_process(home, order.server_id)
    processes.kill(processes.members(str(order.server_id), None))
    assert (await the(cloud, order)).seen is Seen.BROKEN
    async with opened(home) as again:
        assert (await the(again, order)).seen is Seen.RUNNING
    assert len(pids(order)) == 1


async def test_a_deletion_that_was_begun_is_finished_by_the_next_server(
    cloud: Cloud, home: Path
) -> None:
    order = an_order(await demo(cloud))
    await cloud.compute.create_server(order)
    folder = home / "instances" / str(order.server_id)
    instance = read(folder)
    assert instance
    save(folder, replace(instance, wanted=Wanted.GONE))
    assert (await the(cloud, order)).seen is Seen.STOPPED
    async with opened(home) as again:
        assert not await again.compute.list_servers()
    assert not pids(order)
    assert not os.listdir(home / "addresses")


async def test_after_the_machine_was_restarted_they_run_again_at_their_addresses(
    cloud: Cloud, home: Path
) -> None:
    order = an_order(await demo(cloud))
    before = await cloud.compute.create_server(order)
    folder = home / "instances" / str(order.server_id)
    instance = read(folder)
    assert instance
    assert instance.process
    processes.kill(processes.members(str(order.server_id), None))
    save(folder, replace(instance, process=replace(instance.process, boot="an earlier one")))
    async with opened(home) as again:
        after = await the(again, order)
    assert (after.seen, after.address) == (Seen.RUNNING, before.address)


async def test_one_that_died_while_no_server_ran_is_broken_and_says_its_last_words(
    cloud: Cloud, home: Path
) -> None:
    order = an_order(await demo(cloud))
    await cloud.compute.create_server(order)
    await until(lambda: Folders(home).log(order.server_id).stat().st_size)
    processes.kill(processes.members(str(order.server_id), None))
    async with opened(home) as again:
        server = await the(again, order)
    assert server.seen is Seen.BROKEN
    assert "last line: demo-web 1 listens on" in server.reason


async def test_another_process_of_the_same_number_is_not_taken_for_ours(
    cloud: Cloud, home: Path
) -> None:
    order = an_order(await demo(cloud))
    await cloud.compute.create_server(order)
    folder = home / "instances" / str(order.server_id)
    instance = read(folder)
    assert instance
    assert instance.process
    processes.kill(processes.members(str(order.server_id), None))
    save(folder, replace(instance, process=replace(instance.process, pid=os.getpid())))
    assert (await the(cloud, order)).seen is Seen.BROKEN
    await cloud.compute.delete_server(str(order.server_id))  # and we are still here
    assert not await cloud.compute.list_servers()


async def test_remains_of_a_power_cut_are_cleared_away_and_nothing_else_is(
    cloud: Cloud, home: Path
) -> None:
    torn, half = str(uuid4()), f".new-{uuid4()}"
    (home / "instances" / torn).mkdir()
    (home / "instances" / torn / "meta.json").write_text('{"server_id"')
    (home / "instances" / half).mkdir()
    (home / "instances" / "somebody's").mkdir()
    (home / "images" / half).mkdir()
    (home / "addresses" / "127.64.9.9").symlink_to(str(uuid4()))
    async with opened(home) as again:
        assert not await again.compute.list_servers()
    assert os.listdir(home / "instances") == ["somebody's"]
    assert not os.listdir(home / "images")
    assert not os.listdir(home / "addresses")


def forget_process(home: Path, server_id: UUID) -> None:
    """Bring the record to where it is between starting a process and writing that down."""
    folder = home / "instances" / str(server_id)
    instance = read(folder)
    assert instance
    save(folder, replace(instance, process=None))
