"""What is inside of an instance on a real member."""

import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import suppress
from http.client import HTTPException
from urllib.request import urlopen
from uuid import uuid4

import anyio
import pytest

import builders
from drivers.incus.members import Site, opened, until
from muster.base.errors import Permanent
from muster.cli.container_image import Recipe, build
from muster.model.cloud import Ability
from muster.model.observed import Seen, Usage
from muster.model.step import Operation

pytestmark = [pytest.mark.incus, pytest.mark.slow]


@pytest.fixture
async def site(incus_testbeds, tmp_path) -> AsyncIterator[Site]:
    async with opened(incus_testbeds(3), tmp_path) as made:
        await made.whole()
        yield made


@pytest.fixture
def new_key(tmp_path):
    """Return how a private key is made: its path, and the public one."""
    if not (shutil.which("dropbearkey") and shutil.which("dbclient")):
        pytest.skip("no SSH client on this machine: install the package `dropbear-bin`")

    def made(name):
        path = tmp_path / name
        say = ["dropbearkey", "-t", "ed25519", "-f", path]
        subprocess.run(say, capture_output=True, check=True)
        say = ["dropbearkey", "-y", "-f", path]
        said = subprocess.run(say, capture_output=True, check=True, text=True).stdout
        [public] = [line for line in said.splitlines() if line.startswith("ssh-ed25519")]
        return path, public

    return made


def ssh(address, key, command):
    say = ["dbclient", "-y", "-y", "-i", key, f"root@{address}", command]
    return subprocess.run(
        say, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL
    )


def page(address, path="/", timeout_s=30):
    with urlopen(f"http://{address}:8080{path}", timeout=timeout_s) as answer:
        return answer.read().decode()


async def serving(server):
    async def well() -> bool:
        try:
            return page(server.address, "/health") == "well\n"
        except (OSError, HTTPException):
            return False

    await until(well)


async def test_who_has_the_key_gets_in_and_nobody_else(site, new_key):
    (path, public), (other, _) = new_key("ours"), new_key("theirs")
    [server] = await site.running(site.order(spec={"public_key": public}))
    await serving(server)

    async def lets_in() -> bool:  # what waits for SSH is started after what serves
        return ssh(server.address, path, "hostname").stdout.strip() == server.ref

    await until(lets_in)
    assert ssh(server.address, other, "hostname").returncode != 0


async def test_user_data_is_run_once_and_a_copy_runs_its_own(site):
    count = "#!/bin/sh\necho once >> /www/count\n"
    [server] = await site.running(site.order(spec={"user_data": count}))
    await serving(server)
    await site.cloud.compute.operate_server(server.ref, Operation.REBOOT)
    await site.becomes(server, Seen.RUNNING)
    await serving(server)
    assert page(server.address, "/count") == "once\n"
    image_id = uuid4()
    saved = await site.cloud.images.snapshot(image_id, "saved", "demo", server.ref)
    copy = site.order(2, spec={"image": saved.id, "user_data": "#!/bin/sh\necho own > /www/own\n"})
    [made] = await site.running(copy)
    await serving(made)
    assert page(made.address, "/count") == "once\n"
    assert page(made.address, "/own") == "own\n"
    assert saved.version == f"1+{image_id.hex[:8]}"
    await site.cloud.images.delete_image(saved.id)


async def test_rebuilding_brings_back_what_the_image_had(site):
    order = site.order(
        spec={"user_data": "#!/bin/sh\ncat /proc/sys/kernel/random/uuid >> /www/times\n"}
    )
    [server] = await site.running(order)
    await serving(server)
    first = page(server.address, "/times")
    await site.cloud.compute.operate_server(server.ref, Operation.REBUILD)
    await site.becomes(server, Seen.RUNNING)
    [again] = await site.cloud.compute.list_servers(site.cluster)
    await serving(again)
    assert len(page(again.address, "/times").split()) == 1
    assert page(again.address, "/times") != first


async def test_a_paused_instance_rests_and_goes_on(site):
    [server] = await site.running(site.order())
    await site.cloud.compute.operate_server(server.ref, Operation.PAUSE)
    await site.becomes(server, Seen.STOPPED)
    await site.cloud.compute.operate_server(server.ref, Operation.UNPAUSE)
    await site.becomes(server, Seen.RUNNING)
    await serving(server)


async def reading(site) -> Usage:
    """Return what the only instance has used; one that cannot be asked just then has no reading."""
    read = []

    async def told() -> bool:
        read[:] = await site.cloud.compute.usage(site.cluster)
        return bool(read)

    await until(told)
    [found] = read
    return found


async def test_a_busy_instance_is_seen_to_use_its_share_and_no_more(site):
    half = builders.a_flavor(vcpus=0.5, memory_mib=64)
    [server] = await site.running(site.order(spec={"flavor": half}))
    await serving(server)

    async def burn() -> None:
        with suppress(OSError):  # it takes longer than anybody waits
            await anyio.to_thread.run_sync(page, server.address, "/cgi-bin/index.cgi?ms=10000", 5)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(burn)
        await anyio.sleep(0.5)
        before = await reading(site)

        async def enough() -> bool:
            read = await site.cloud.compute.usage(site.cluster)
            return any((now.at - before.at).total_seconds() > 2 for now in read)

        await until(enough)
        after = await reading(site)
        tasks.cancel_scope.cancel()
    used = (after.cpu_s - before.cpu_s) / (after.at - before.at).total_seconds()
    assert 0.05 < used < 0.7
    assert after.memory_limit == 64 << 20
    assert after.net_in > 0
    assert after.net_out > 0


async def test_an_image_of_ones_own_says_its_port_and_serves_there(site, tmp_path):
    built = tmp_path / "mine.tar.gz"
    await anyio.to_thread.run_sync(build, Recipe(name="mine", version="5"), built)
    image = await site.cloud.images.import_image(uuid4(), "", "demo", built)
    assert (image.name, image.version, image.port) == ("mine", "5", 8080)
    [server] = await site.running(site.order(spec={"image": image.id}))
    await serving(server)
    assert '"version": "5"' in page(server.address)
    log = await site.cloud.compute.console_log(server.ref, 100)
    assert f"{server.ref} runs mine 5" in log
    await site.cloud.images.delete_image(image.id)


async def test_an_image_or_network_that_is_not_there_is_refused_for_good(site):
    for wrong in ({"image": str(uuid4())}, {"network": "no-such-network"}):
        with pytest.raises(Permanent):
            await site.cloud.compute.create_server(site.order(spec=wrong))
    assert not await site.cloud.compute.list_servers(site.cluster)


async def test_a_server_that_makes_no_virtual_machines_says_why_in_its_own_words(site):
    told = site.cloud.about.refusal(Ability.VIRTUAL_MACHINES)
    if told is None:
        pytest.skip("this machine has KVM")
    warned = site.asked("/1.0/warnings?recursion=1")
    why = {x["last_message"] for x in warned if x["type"] == "Instance type not operational"}
    assert any(each in told for each in why) or not why
    machine = builders.a_flavor(machine="virtual-machine")
    with pytest.raises(Permanent, match="virtual-machine"):
        await site.cloud.compute.create_server(site.order(spec={"flavor": machine}))
    assert not await site.cloud.compute.list_servers(site.cluster)
