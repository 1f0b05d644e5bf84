"""Virtual clusters on this machine: what a server writes lies on its volume."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from contracts.clouds import config
from engine.whole import WHERE, claims, made
from muster.base.clock import SystemClock
from muster.drivers.local.cloud import open_cloud
from muster.model.command import Command
from muster.model.volume import Volume
from muster.ports.cloud import Cloud
from office import Office, opened
from vclusters import body, rule, server, volume

ONE = body([server("db"), volume("db-vol", 1)], [rule("affinity", "db", "db-vol")])


@pytest.fixture
async def cloud(tmp_path: Path) -> Cloud:
    return await open_cloud(config(tmp_path / "local", SystemClock()))


@pytest.fixture
async def office(cloud: Cloud, tmp_path: Path) -> AsyncIterator[Office]:
    async with opened(tmp_path, clouds={"tested": cloud}) as made:
        yield made
        for server in await cloud.compute.list_servers():
            await cloud.compute.delete_server(server.ref)


async def ended(office: Office, said: Any) -> dict[str, Any]:
    """Ask for a vcluster, and return it as shown once nothing is left to do."""
    id = (await made(office, said))["id"]
    with anyio.fail_after(30):
        while True:
            await office.go_on(1)
            found: dict[str, Any] = (await office.call("GET", f"{WHERE}/{id}")).json()["vcluster"]
            if found["status"] in ("ACTIVE", "ERROR"):
                return found
            await anyio.sleep(0.05)


async def one_and_its_volume(office: Office, cloud: Cloud) -> tuple[str, Volume]:
    """Have a server with its volume made, and return what they are."""
    assert (await ended(office, ONE))["status"] == "ACTIVE"
    assert cloud.volumes
    [one], [disk] = await cloud.compute.list_servers(), await cloud.volumes.list_volumes()
    assert disk.server_ref == one.ref
    return one.ref, disk


async def test_what_the_server_writes_lies_on_the_volume_and_outlives_it(
    office: Office, cloud: Cloud, tmp_path: Path
) -> None:
    ref, disk = await one_and_its_volume(office, cloud)
    assert cloud.commands
    words = ("sh", "-c", 'echo kept > "$0"/note', disk.path)
    run = await cloud.commands.run_command(ref, Command(words=words))
    assert run.code == 0, run
    lies = tmp_path / "local" / "volumes" / str(disk.id) / "data" / "note"
    assert lies.read_text() == "kept\n"
    await office.call("DELETE", f"{WHERE}/one?keep_volumes=true")
    with anyio.fail_after(30):
        while await cloud.compute.list_servers():
            await office.go_on(1)
    assert lies.read_text() == "kept\n"


async def test_a_volume_larger_than_the_disk_leaves_nothing_of_its_vcluster(
    office: Office, cloud: Cloud
) -> None:
    huge = body([server("db"), volume("db-vol", 1 << 20, attach_to="db")])
    found = await ended(office, huge)
    assert found["status"] == "ERROR"
    assert f"volume one-db-vol is to have {1 << 20}" in found["status_reason"]
    assert cloud.volumes
    assert not await cloud.compute.list_servers()
    assert not await cloud.volumes.list_volumes()
    assert not await claims(office)
