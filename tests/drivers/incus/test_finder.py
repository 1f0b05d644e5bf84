"""What an instance that others made is taken for."""

from uuid import uuid4

import pytest

from drivers.incus.orders import an_order
from drivers.incus.scripted import scripted, told
from muster.base.errors import Permanent
from muster.drivers.incus.finder import memory_mib, vcpus
from muster.drivers.incus.tags import written

THEIRS = {
    "name": "theirs",
    "location": "none",
    "config": {},
    "expanded_config": {
        "limits.cpu": "2",
        "limits.memory": "1GiB",
        "volatile.base_image": "f00d",
        "user.metadata.role": "db",
    },
    "expanded_devices": {
        "root": {"type": "disk", "path": "/", "pool": "default"},
        "eth0": {"type": "nic", "network": "fab", "name": "eth0"},
    },
}


@pytest.mark.parametrize(
    ("said", "mib"),
    [("", 0), ("256MiB", 256), ("1GiB", 1024), ("512MB", 488), ("1048576", 1), ("50%", 0)],
)
def test_memory_is_read_in_every_unit(said, mib):
    assert memory_mib(said) == mib


@pytest.mark.parametrize(
    ("limit", "allowance", "count"),
    [
        ("", "", 0),
        ("2", "", 2),
        ("0-3", "", 4),
        ("1,3", "", 2),
        ("1", "50ms/100ms", 0.5),
        ("4", "25%", 1),
    ],
)
def test_processors_are_counted_or_listed_and_may_be_shared(limit, allowance, count):
    assert vcpus(limit, allowance) == count


async def test_it_is_told_by_its_size_its_network_and_an_image_that_may_be_gone(tmp_path):
    async with scripted(tmp_path) as bed:
        bed.incus.says("GET /1.0/instances/theirs", told(THEIRS))
        found = await bed.cloud.finder.find_server("theirs")
    assert (found.vcpus, found.memory_mib, found.network) == (2, 1024, "fab")
    assert (found.image, found.flavor, found.metadata) == ("f00d", "", {"role": "db"})
    assert found.project == "", "nobody has given it to a project"


async def test_its_owner_says_in_its_configuration_which_project_may_have_it(tmp_path):
    async with scripted(tmp_path) as bed:
        given = {**THEIRS, "config": {"user.muster.project": "demo"}}
        bed.incus.says("GET /1.0/instances/theirs", told(given))
        assert (await bed.cloud.finder.find_server("theirs")).project == "demo"


async def test_what_is_looked_after_already_is_refused(tmp_path):
    async with scripted(tmp_path) as bed:
        ours = {**THEIRS, "config": written(an_order(), uuid4())}
        bed.incus.says("GET /1.0/instances/theirs", told(ours))
        with pytest.raises(Permanent, match="looked after"):
            await bed.cloud.finder.find_server("theirs")


async def test_what_is_not_there_is_said_so(tmp_path):
    async with scripted(tmp_path) as bed:
        with pytest.raises(Permanent, match="there is no server theirs"):
            await bed.cloud.finder.find_server("theirs")
