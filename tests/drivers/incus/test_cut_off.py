"""Members die in the middle of what they are at: nothing is lost, twice or half there then."""

import asyncio
import hashlib
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from drivers.incus.members import Site, opened, until
from muster.base.errors import DriverError
from muster.drivers.incus.volumes import ref
from muster.model.volume import Volume, VolumeOrder
from testbed.incus import machine
from testbed.incus.place import Place

pytestmark = [pytest.mark.incus, pytest.mark.slow]

LARGE = 256 << 20  # so much is copied for a while
CUSTOM = "/1.0/storage-pools/default/volumes/custom?recursion=1"


@pytest.fixture
async def site(incus_testbeds: Callable[[int], Place], tmp_path: Path) -> AsyncIterator[Site]:
    async with opened(incus_testbeds(3), tmp_path) as made:
        await made.whole()
        yield made
        await made.whole()
        for each in await made.cloud.volumes.list_volumes():
            await made.cloud.volumes.delete_volume(each.id)


def daemon_killed(place: Place, member: str) -> None:
    machine.end_daemon(place, member, signal.SIGKILL)


@pytest.mark.parametrize(
    ("dies", "back", "member"),
    [
        pytest.param(daemon_killed, machine.start, "m2", id="the daemon that it goes to"),
        pytest.param(machine.crash, machine.boot, "m2", id="the member that it goes to"),
        pytest.param(machine.crash, machine.boot, "m3", id="the member that it is on"),
    ],
)
async def test_a_volume_whose_copy_is_cut_off_stays_whole_and_is_moved_later(
    site: Site, dies: Any, back: Any, member: str
) -> None:
    volumes = site.cloud.volumes
    assert volumes
    order = VolumeOrder(volume_id=uuid4(), name="data", project="demo", size_gib=1, host="m3")
    volume = await volumes.create_volume(order)
    written = fill(file(site, volume, "m3"))
    moving = asyncio.ensure_future(volumes.move_volume(volume.id, "m2"))
    await until(lambda: copied(site, volume))
    dies(site.place, member)
    try:
        with pytest.raises(DriverError):
            await moving
    finally:
        back(site.place, member)
    await site.whole()
    assert told(await volumes.list_volumes()) == [(volume.id, "m3")]

    async def moved() -> bool:
        try:
            return (await volumes.move_volume(volume.id, "m2")).host == "m2"
        except DriverError:  # the members find each other again
            return False

    await until(moved, 180)
    assert lying(site) == {(volume.ref, "m2", "")}
    assert digest(file(site, volume, "m2")) == written


def told(volumes: Any) -> list[tuple[Any, str]]:
    return [(each.id, each.host) for each in volumes]


def lying(site: Site) -> set[tuple[str, str, str]]:
    """Return name, member and mark of a copy of every volume on any member."""
    return {
        (each["name"], each["location"], each["config"].get("user.muster.from", ""))
        for each in site.asked(CUSTOM)
    }


async def copied(site: Site, volume: Volume) -> bool:
    """Whether the copy has been begun, and some of it is there."""
    there = file(site, volume, "m2").parent
    try:
        return any(each.stat().st_size > 1 << 20 for each in there.iterdir())
    except FileNotFoundError:  # it is called otherwise by now
        return False


def file(site: Site, volume: Volume, member: str) -> Path:
    """Return where a file on a volume lies, on that member's own disk."""
    pool = site.place.folder(member) / "incus" / "storage-pools" / "default" / "custom"
    return pool / f"default_{ref(volume.id)}" / "large"


def fill(path: Path) -> str:
    with path.open("wb") as target:
        for _ in range(LARGE >> 20):
            target.write(os.urandom(1 << 20))
    return digest(path)


def digest(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
