"""What an instance is given, what it is held to, and what is seen of it."""

import json
import os
import socket
import time
from pathlib import Path

import pytest

import builders
from drivers.local.grounds import an_order, demo, opened, pids, program, the, until
from muster.base.errors import Permanent, Transient
from muster.drivers.local import processes
from muster.model.observed import Seen
from muster.model.step import Operation
from muster.ports.cloud import Cloud

TELL = """
import json, os, time
print(json.dumps(dict(os.environ)))
time.sleep(600)
"""
BURN = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
print("burning")
time.sleep(600)
"""
FORGETFUL = (
    """
import signal
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
"""
    + BURN
)
STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
print("deaf")
time.sleep(600)
"""


def text(path: str) -> str:
    return Path(path).read_text()


def log(home: Path, server_id: object) -> str:
    return (home / "instances" / str(server_id) / "log").read_text()


async def test_the_program_is_told_who_and_where_it_is_and_nothing_of_the_server(
    cloud: Cloud, home: Path, tmp_path: Path
) -> None:
    os.environ["MUSTER_DATABASE_URL"] = "postgresql://secret"
    order = an_order(
        await program(cloud, tmp_path / "image", TELL, '[env]\nWHERE = "{address}:{port}"'),
        user_data="#!/bin/sh\ntouch ran",
        metadata={"colour": "blue"},
        public_key="ssh-ed25519 AAAA ann",
    )
    server = await cloud.compute.create_server(order)
    await until(lambda: log(home, order.server_id))
    told = json.loads(log(home, order.server_id))
    assert (told["MUSTER_ADDRESS"], told["MUSTER_PORT"]) == (server.address, "8123")
    assert told["WHERE"] == f"{server.address}:8123"
    assert (told["MUSTER_INSTANCE"], told["MUSTER_NAME"]) == (str(order.server_id), "web-001")
    assert text(told["MUSTER_USER_DATA"]) == "#!/bin/sh\ntouch ran"
    assert json.loads(text(told["MUSTER_METADATA"])) == {"colour": "blue"}
    assert text(told["MUSTER_AUTHORIZED_KEYS"]) == "ssh-ed25519 AAAA ann\n"
    assert "MUSTER_DATABASE_URL" not in told
    assert "ran" not in os.listdir(told["HOME"])
    del os.environ["MUSTER_DATABASE_URL"]


async def test_more_memory_than_the_flavor_has_is_not_to_be_had(
    cloud: Cloud, tmp_path: Path
) -> None:
    image = await program(cloud, tmp_path / "image", "x = bytearray(300 << 20)")
    small, large = an_order(image), an_order(image, flavor=builders.a_flavor(memory_mib=512))
    for order in (small, large):
        await cloud.compute.create_server(order)
        await until(lambda order=order: not pids(order))
    assert (await the(cloud, small)).reason.endswith("exit code 1; last line: MemoryError")
    assert (await the(cloud, large)).reason == "its process has ended with exit code 0"


async def test_usage_grows_with_what_the_instance_and_its_children_burn(
    cloud: Cloud, tmp_path: Path
) -> None:
    order = an_order(await program(cloud, tmp_path / "image", BURN))
    await cloud.compute.create_server(order)

    async def burned() -> bool:
        [usage] = await cloud.compute.usage()
        return usage.cpu_s > 0.3

    began = time.monotonic()
    await until(burned)
    [usage] = await cloud.compute.usage()
    assert usage.cpu_s < (time.monotonic() - began) * 1.5 + 0.5
    assert 1 << 20 < usage.memory_bytes < usage.memory_limit == 128 << 20


async def test_usage_never_shrinks_while_one_run_lasts(cloud: Cloud, tmp_path: Path) -> None:
    order = an_order(await program(cloud, tmp_path / "image", FORGETFUL))
    await cloud.compute.create_server(order)

    async def burned() -> bool:
        return (await cloud.compute.usage())[0].cpu_s > 0.2

    await until(burned)
    [before] = await cloud.compute.usage()
    leader, child = sorted(pids(order))
    os.kill(child, 9)
    await until(lambda: pids(order) == [leader])
    [after] = await cloud.compute.usage()
    assert after.cpu_s >= before.cpu_s


async def test_what_ignores_being_asked_is_killed_even_outside_its_session(
    cloud: Cloud, home: Path, tmp_path: Path
) -> None:
    image = await program(cloud, tmp_path / "image", STUBBORN, "stop_seconds = 0.1")
    order = an_order(image)
    server = await cloud.compute.create_server(order)
    await until(lambda: log(home, order.server_id).count("deaf") == 2)
    assert len(pids(order)) == 2
    await cloud.compute.delete_server(server.ref)
    assert not pids(order)
    assert not await cloud.compute.list_servers()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("print('I give up'); raise SystemExit(3)", "exit code 3; last line: I give up"),
        ("import os; os.kill(os.getpid(), 11)", "was killed by signal 11 (SIGSEGV)"),
    ],
)
async def test_how_a_process_ended_is_said_and_remembered(
    cloud: Cloud, home: Path, tmp_path: Path, code: str, said: str
) -> None:
    order = an_order(await program(cloud, tmp_path / "image", code))
    await cloud.compute.create_server(order)
    await until(lambda: not pids(order))
    server = await the(cloud, order)
    assert server.seen is Seen.BROKEN
    assert server.reason.endswith(said)
    async with opened(home) as again:
        assert (await the(again, order)).reason == server.reason


async def test_a_program_that_is_not_there_is_broken_and_says_so(
    cloud: Cloud, tmp_path: Path
) -> None:
    folder = tmp_path / "image"
    folder.mkdir()
    (folder / "muster-image.toml").write_text('name = "x"\ncommand = ["no-such-program"]')
    image = await cloud.images.import_image(builders.WEB, "x", "demo", folder)
    order = an_order(image.id)
    await cloud.compute.create_server(order)
    await until(lambda: not pids(order))
    assert "no-such-program: not found" in (await the(cloud, order)).reason


async def test_nothing_stays_a_zombie(cloud: Cloud) -> None:
    order = an_order(await demo(cloud))
    await cloud.compute.create_server(order)
    [pid] = pids(order)
    os.kill(pid, 9)
    await until(lambda: not pids(order))
    assert (await the(cloud, order)).seen is Seen.BROKEN
    assert processes.stat(pid) is None


async def test_paused_it_is_seen_as_stopped_and_goes_on_when_told(cloud: Cloud) -> None:
    order = an_order(await demo(cloud))
    server = await cloud.compute.create_server(order)
    for operation, seen in (
        (Operation.PAUSE, Seen.STOPPED),
        (Operation.PAUSE, Seen.STOPPED),
        (Operation.UNPAUSE, Seen.RUNNING),
        (Operation.UNPAUSE, Seen.RUNNING),
    ):
        await cloud.compute.operate_server(server.ref, operation)

        async def so(seen: Seen = seen) -> bool:
            return (await the(cloud, order)).seen is seen

        await until(so)


async def test_rebuilt_it_has_the_files_of_its_image_again(
    cloud: Cloud, home: Path, tmp_path: Path
) -> None:
    order = an_order(await program(cloud, tmp_path / "image", TELL))
    server = await cloud.compute.create_server(order)
    work = home / "instances" / server.ref / "work"
    (work / "main.py").write_text("print('broken by hand')")
    (work / "more").write_text("rubbish")
    before = pids(order)
    await cloud.compute.operate_server(server.ref, Operation.REBUILD)
    assert (work / "main.py").read_text() == TELL
    assert not (work / "more").exists()
    assert (await the(cloud, order)).seen is Seen.RUNNING
    assert set(pids(order)).isdisjoint(before)
    assert sorted(os.listdir(work.parent)) == sorted(
        ["authorized_keys", "log", "meta.json", "metadata.json", "user-data", "work"]
    )


async def test_rebuilding_that_was_cut_between_old_and_new_files_goes_on_at_the_start(
    cloud: Cloud, home: Path
) -> None:
    order = an_order(await demo(cloud))
    server = await cloud.compute.create_server(order)
    await cloud.compute.operate_server(server.ref, Operation.STOP)
    folder = home / "instances" / server.ref
    (folder / "work").rename(folder / "work.new")
    await cloud.compute.operate_server(server.ref, Operation.START)
    assert (await the(cloud, order)).seen is Seen.RUNNING


@pytest.mark.parametrize("operation", [Operation.SUSPEND, Operation.RESUME])
async def test_what_a_process_cannot_do_is_refused_by_name(
    cloud: Cloud, operation: Operation
) -> None:
    server = await cloud.compute.create_server(an_order(await demo(cloud)))
    with pytest.raises(Permanent, match="cannot be suspended"):
        await cloud.compute.operate_server(server.ref, operation)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"network": "second"}, "no network second"),
        ({"zones": ("z1",)}, "no zone z1"),
        ({"image": "../../etc"}, "no image"),
    ],
)
async def test_an_order_for_what_is_not_here_is_refused_and_leaves_nothing(
    cloud: Cloud, home: Path, wrong: dict[str, object], said: str
) -> None:
    order = an_order(**{"image": await demo(cloud), **wrong})
    with pytest.raises(Permanent, match=said):
        await cloud.compute.create_server(order)
    assert not os.listdir(home / "instances")
    assert not os.listdir(home / "addresses")


async def test_a_port_that_is_busy_everywhere_is_said_so_and_tried_again_later(
    cloud: Cloud, home: Path
) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        order = an_order(await demo(cloud), port=taken.getsockname()[1])
        with pytest.raises(Transient, match="in use on every address"):
            await cloud.compute.create_server(order)
        assert not os.listdir(home / "addresses")
        assert not await cloud.compute.list_servers()
    assert (await cloud.compute.create_server(order)).seen is Seen.RUNNING


async def test_a_log_is_kept_short_and_keeps_the_newest(home: Path, tmp_path: Path) -> None:
    chatty = "import time\nfor n in range(9999): print('line', n)\ntime.sleep(600)"
    async with opened(home, log_bytes=20_000) as cloud:
        order = an_order(await program(cloud, tmp_path / "image", chatty))
        server = await cloud.compute.create_server(order)
        await until(lambda: log(home, server.ref).endswith("line 9998\n"))
        await cloud.compute.usage()
        assert len(log(home, server.ref)) <= 10_000
        assert await cloud.compute.console_log(server.ref, 2) == "line 9997\nline 9998"
        assert len((await cloud.compute.console_log(server.ref, 500)).splitlines()) == 500
        assert await cloud.compute.console_log(server.ref, 0) == ""


async def test_fifty_instances_are_listed_cheaply(cloud: Cloud, tmp_path: Path) -> None:
    image = await program(cloud, tmp_path / "image", "import signal; signal.pause()")
    orders = [an_order(image) for _ in range(50)]
    for order in orders:
        await cloud.compute.create_server(order)
    await cloud.compute.list_servers()
    began = time.process_time()
    for _ in range(10):
        assert len(await cloud.compute.list_servers()) == 50
    per_listing = (time.process_time() - began) / 10
    for order in orders:
        await cloud.compute.delete_server(str(order.server_id))
    assert per_listing < 0.02
