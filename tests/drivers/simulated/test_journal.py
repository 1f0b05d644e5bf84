"""A world in a file outlives its processes, is shared by them, and forgets nothing it answered."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest
from anyio import run_process
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.simulated import writer
from drivers.simulated.worlds import Scene, a_config
from muster.base.clock import ManualClock, SystemClock
from muster.base.errors import DriverError, Permanent, Transient
from muster.drivers.simulated.cloud import cloud_over, open_cloud
from muster.drivers.simulated.entries import Entry
from muster.drivers.simulated.journal import Journal
from muster.drivers.simulated.options import parsed
from muster.drivers.simulated.state import snapshot
from muster.drivers.simulated.world import World
from muster.model.observed import Seen
from muster.model.step import Operation
from muster.ports.cloud import Cloud
from patience import examples

HERE = Path(__file__).parent
TESTS, SOURCE = HERE.parents[1], HERE.parents[2] / "src"


async def _opened(home: Path, clock: ManualClock | None = None, **options: object) -> Scene:
    clock = clock or ManualClock()
    config = a_config({"world": "file"} | options, clock, home)
    return Scene(await open_cloud(config), clock)


def _writing(file: Path, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, writer.__file__, str(file), str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{SOURCE}:{TESTS}"},
    )


def _start(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.write("go\n")
    process.stdin.flush()


async def _seen_by_another(file: Path) -> Cloud:
    options = {"world": "file", "file": str(file)}
    return await open_cloud(a_config(options, SystemClock(), file.parent))


async def test_a_world_is_there_again_when_its_process_is_not(tmp_path: Path) -> None:
    scene = await _opened(tmp_path, create_s=5)
    server = await scene.create(uuid4())
    scene.clock.advance(5)
    await scene.put(server.cluster_id, server)
    await scene.cloud.close()
    again = await _opened(tmp_path, scene.clock)
    [listed] = await again.listed()
    assert (listed.ref, listed.address, listed.host) == (server.ref, server.address, server.host)
    assert listed.seen is Seen.RUNNING
    assert again.cloud.balancer
    assert await again.cloud.balancer.list_pools() == [server.cluster_id]


@pytest.mark.slow
@pytest.mark.parametrize("answers", [1, 40, 200])
async def test_killed_in_the_middle_of_writing_nothing_answered_is_lost(
    tmp_path: Path, answers: int
) -> None:
    file = tmp_path / "world.journal"
    process = _writing(file, 1_000_000)
    assert process.stdout
    _start(process)
    answered = {UUID(process.stdout.readline().strip()) for _ in range(answers)}
    process.send_signal(signal.SIGKILL)
    answered |= {UUID(line.strip()) for line in process.stdout if len(line) == 37}
    process.wait()
    cloud = await _seen_by_another(file)
    listed = {server.server_id for server in await cloud.compute.list_servers(writer.CLUSTER)}
    assert answered <= listed
    assert len(listed) <= len(answered) + 1


@pytest.mark.slow
async def test_two_processes_share_one_world(tmp_path: Path) -> None:
    file = tmp_path / "world.journal"
    processes = [_writing(file, 1500) for _ in range(2)]
    for process in processes:
        _start(process)
    said = [process.communicate(timeout=60)[0].split() for process in processes]
    assert [len(ids) for ids in said] == [1500, 1500]
    servers = await (await _seen_by_another(file)).compute.list_servers()
    assert {str(server.server_id) for server in servers} == {*said[0], *said[1]}
    assert len({server.address for server in servers}) == 3000


async def test_what_one_process_does_the_other_sees_at_once(tmp_path: Path) -> None:
    clock = ManualClock()
    one, two = await _opened(tmp_path, clock), await _opened(tmp_path, clock)
    server = await one.create(uuid4())
    assert [each.ref for each in await two.listed()] == [server.ref]
    two.world.break_server(server.ref)
    assert [each.seen for each in await one.listed()] == [Seen.BROKEN]
    two.world.fail("list_servers", times=1)
    with pytest.raises(Transient):
        await one.listed()
    assert len(await one.listed()) == len(await two.listed()) == 1


@pytest.mark.parametrize("cut", [1, 2, 30, 150])
async def test_a_torn_line_is_as_if_it_had_never_been_asked_for(tmp_path: Path, cut: int) -> None:
    clock = ManualClock()
    scene, watcher = await _opened(tmp_path, clock), await _opened(tmp_path, clock)
    kept = await scene.create(uuid4())
    assert len(await watcher.listed()) == 1
    file = tmp_path / "world.journal"
    whole = file.stat().st_size
    await scene.create(uuid4())
    os.truncate(file, file.stat().st_size - cut)
    assert [each.ref for each in await watcher.listed()] == [kept.ref]
    again = await watcher.create(uuid4())
    assert file.read_bytes()[whole:].count(b"\n") == 1
    assert len(await watcher.listed()) == 2
    fresh = await _opened(tmp_path, clock)
    assert {each.ref for each in await fresh.listed()} == {kept.ref, again.ref}


async def test_a_file_that_is_no_world_is_an_error_and_never_an_empty_world(tmp_path: Path) -> None:
    (tmp_path / "world.journal").write_text("something else entirely\n")
    scene = await _opened(tmp_path)
    with pytest.raises(Permanent, match="no world of ours"):
        await scene.listed()
    with pytest.raises(Permanent):
        await scene.create(uuid4())


FULL = """
import asyncio, resource, sys
from pathlib import Path
from uuid import UUID
from drivers.simulated.worlds import a_config, an_order
from muster.base.errors import Transient
from muster.drivers.simulated.cloud import open_cloud

async def main(home):
    cloud = await open_cloud(a_config({"world": "file"}, home=home))
    await cloud.compute.create_server(an_order(UUID(int=1)))
    resource.setrlimit(resource.RLIMIT_FSIZE, (600, -1))
    for _ in range(9):
        try:
            await cloud.compute.create_server(an_order(UUID(int=1)))
        except Transient:
            break
    else:
        sys.exit("there was room")
    resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
    await cloud.compute.create_server(an_order(UUID(int=1)))
    print(len(await cloud.compute.list_servers()))

asyncio.run(main(Path(sys.argv[1])))
"""


@pytest.mark.slow
async def test_a_disk_without_room_is_for_now_and_spoils_nothing(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk."""
    done = await run_process(
        [sys.executable, "-c", FULL, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": f"{SOURCE}:{TESTS}"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    fresh = await _opened(tmp_path)
    assert len(await fresh.listed()) == int(done.stdout)


deeds = st.lists(
    st.tuples(
        st.integers(0, 1),  # whose world
        st.sampled_from(
            ["create", "delete", "stop", "sick", "pool", "load", "hold", "dark", "back", "fault"]
        ),
        st.integers(0, 5),
        st.sampled_from([0.0, 0.5, 3.0]),  # seconds later
    ),
    max_size=40,
)


@settings(deadline=None, max_examples=examples(60))
@given(deeds=deeds)
async def test_a_world_read_again_is_the_world_it_was_compacted_or_not(
    tmp_path_factory: pytest.TempPathFactory, deeds: list[tuple[int, str, int, float]]
) -> None:
    clock, home = ManualClock(), tmp_path_factory.mktemp("world")
    scenes = [_small(home, clock), _small(home, clock)]
    cluster = UUID(int=5)
    for who, what, which, later in deeds:
        await _do(scenes[who], cluster, what, which)
        clock.advance(later)
    scenes.append(_small(home, clock))
    first, *others = [_told(scene.world) for scene in scenes]
    for other in others:
        assert other == first


async def test_compaction_keeps_everything_that_still_matters(tmp_path: Path) -> None:
    clock = ManualClock()
    scene, cluster = _small(tmp_path, clock), UUID(int=5)
    one, two, three = [await scene.create(cluster, index) for index in range(3)]
    clock.advance(1)
    await scene.put(cluster, one, two, drains=two)
    scene.world.set_load(cluster, 100)
    clock.advance(10)
    assert scene.cloud.dns
    await scene.cloud.dns.put_record("web.test", "10.0.0.1", cluster)
    await scene.cloud.images.snapshot(uuid4(), "saved", "demo", one.ref)
    scene.world.hold(cluster, two.node_id, 3, 60)
    scene.world.fail("list_images", times=2)
    with pytest.raises(Transient):
        await scene.cloud.images.list_images()
    scene.world.make_sick(one.ref)
    await scene.cloud.compute.delete_server(three.ref)
    scene.world.cut_off(three.host)  # not of the one that holds requests: they would fail
    clock.advance(1)
    before = (tmp_path / "world.journal").stat().st_ino
    scene.world.set_load(cluster, 50)
    while (tmp_path / "world.journal").stat().st_ino == before:
        scene.world.set_load(cluster, 50)
    again = _small(tmp_path, clock)
    assert _told(again.world) == _told(scene.world)
    assert again.cloud.balancer
    pool = await again.cloud.balancer.pool(cluster)
    assert pool
    assert pool.members[two.node_id].open_requests == 3
    with pytest.raises(Transient):
        await again.cloud.images.list_images()
    assert len(await again.cloud.images.list_images()) == 6
    assert (await again.create(cluster)).address not in {each.address for each in (one, two, three)}


def _small(home: Path, clock: ManualClock) -> Scene:
    """Return a world that is compacted all the time."""
    config = a_config({"create_s": 1, "delete_s": 1}, clock, home)
    journal = Journal(home / "world.journal", rough=500)
    return Scene(cloud_over(World(clock, parsed(config.options), journal), config), clock)


async def _do(scene: Scene, cluster: UUID, what: str, which: int) -> None:
    servers = await scene.listed(cluster)
    server = servers[which % len(servers)] if servers else None
    try:
        if what == "create" or server is None:
            await scene.create(cluster, which)
        elif what == "delete":
            await scene.cloud.compute.delete_server(server.ref)
        elif what == "stop":
            await scene.cloud.compute.operate_server(server.ref, Operation.STOP)
        elif what == "sick":
            scene.world.make_sick(server.ref)
        elif what == "pool":
            await scene.put(cluster, *servers, drains=server)
        elif what == "load":
            scene.world.set_load(cluster, which * 10)
        elif what == "hold":
            scene.world.hold(cluster, server.node_id, which, 2)
        elif what == "fault":
            scene.world.fail("create_server", times=which + 1)
        else:
            turn = scene.world.power_cut if what == "dark" else scene.world.power_back
            turn(server.host)
    except DriverError:
        pass  # a fault, or a host without power: that is part of the story


def _told(world: World) -> list[bytes]:
    """Return all that the world would say about itself, in an order of its own."""
    now = world.look()
    cluster_counts = world.state.counts(UUID(int=5), now)

    def rounded() -> Iterator[object]:
        yield round(cluster_counts.requests, 6), round(cluster_counts.errors, 6)
        yield [float(flow.rate) for flow in world.state.flows.values() if flow.rate]
        yield sorted((n, round(t.busy_s, 6)) for n, t in cluster_counts.tallies.items())

    kept = [entry for entry in snapshot(world.state, now) if _lasts(entry)]
    return sorted(msgspec.json.encode(entry) for entry in [*kept, *rounded()])


def _lasts(entry: Entry) -> bool:
    return type(entry).__name__ != "Counted" and type(entry).__name__ != "LoadSet"
