"""What Incus members have left: less what everybody was promised, and what is written already."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace

from drivers.incus.orders import an_order
from drivers.incus.scripted import CREATED, Bed, instance, member, refused, scripted, told
from muster.base.errors import Permanent, Transient
from muster.drivers.incus.tags import written
from muster.drivers.incus.volumes import ref
from muster.model.placing import BY_ZONE, Host, zone_mark
from muster.model.volume import VolumeOrder

GIB = 1 << 30
POOLS = "/1.0/storage-pools"


@pytest.fixture
async def bed(tmp_path: Path) -> AsyncIterator[Bed]:
    """Two members of 2 cores and 4 GiB, each with 100 GiB in one pool and 50 in another."""
    async with scripted(tmp_path, member("m1"), member("m2")) as made:
        made.incus.says(f"GET {POOLS}", told([{"name": "default"}, {"name": "fast"}]))
        made.incus.says(
            "GET /1.0/resources", told({"cpu": {"total": 2}, "memory": {"total": 4 * GIB}})
        )
        for name, size in (("default", 100), ("fast", 50)):
            space = {"space": {"total": size * GIB, "used": 3 * GIB}}
            made.incus.says(f"GET {POOLS}/{name}/resources", told(space))
            made.incus.says(f"GET {POOLS}/{name}", told({"driver": "dir"}))
            made.incus.says(f"GET {POOLS}/{name}/volumes/custom", told([]))
        yield made


async def hosts(bed: Bed) -> dict[str, Host]:
    assert bed.cloud.hosts
    return {each.id: each for each in (await bed.cloud.hosts.room()).hosts}


def anybodys(name: str, location: str, size: str = "", **limits: str) -> dict[str, Any]:
    root = {"type": "disk", "path": "/", "pool": "default"} | ({"size": size} if size else {})
    config = {f"limits.{each}": value for each, value in limits.items()}
    more = {"expanded_config": config, "expanded_devices": {"root": root}}
    return instance(name, {}, location=location, **more)


async def test_an_empty_member_has_its_cores_four_times_and_the_rest_once(bed: Bed) -> None:
    found = await hosts(bed)
    same = {"vcpus": 8, "ram_mib": 4096, "disk_gib": {"": 97, "fast": 47}}
    assert found == {f"m{n}": Host(id=f"m{n}", zone=f"z{n}", **same) for n in (1, 2)}


async def test_a_member_for_whom_one_has_to_name_its_group_says_so(tmp_path: Path) -> None:
    by_group = member("m1", groups=["default", "fast"], config={"scheduler.instance": "group"})
    async with scripted(tmp_path, by_group, member("m2")) as bed:
        bed.incus.says(f"GET {POOLS}", told([]))
        bed.incus.says("GET /1.0/resources", told({"cpu": {"total": 2}, "memory": {"total": GIB}}))
        found = await hosts(bed)
    assert (found["m1"].open, found["m2"].open) == (False, True)
    assert found["m1"].labels == {zone_mark("fast"): "yes", BY_ZONE: "yes"}


async def test_what_anybody_was_promised_is_taken_off_where_it_is(bed: Bed) -> None:
    some = anybodys("a", "m1", "10GiB", cpu="2", memory="1GiB")
    more = anybodys("b", "m1", memory="512MiB")
    bed.incus.says("GET /1.0/instances", told([some, more, anybodys("free", "m2")]))
    disk = {"name": "d", "location": "m1", "config": {"size": "7GiB"}, "created_at": CREATED}
    bed.incus.says(f"GET {POOLS}/fast/volumes/custom", told([disk]))
    found = await hosts(bed)
    assert (found["m1"].vcpus, found["m1"].ram_mib) == (6, 4096 - 1536)
    assert found["m1"].disk_gib == {"": 90, "fast": 43}
    assert (found["m2"].vcpus, found["m2"].ram_mib) == (8, 4096)


async def test_ours_are_said_to_be_counted_and_those_of_others_are_not(bed: Bed) -> None:
    mine, other = an_order(), an_order()
    listed = [
        instance("mine", written(mine, bed.installation), location="m1"),
        instance("other", written(other, uuid4()), location="m1"),
    ]
    bed.incus.says("GET /1.0/instances", told(listed))
    tags = {"installation": str(bed.installation), "volume": str(UUID(int=7))}
    config = {f"user.muster.{name}": value for name, value in tags.items()} | {"size": "1GiB"}
    disk = {"name": "v", "location": "m1", "config": config, "created_at": CREATED}
    bed.incus.says(f"GET {POOLS}/default/volumes/custom", told([disk]))
    assert bed.cloud.hosts
    assert (await bed.cloud.hosts.room()).counted == {mine.server_id, UUID(int=7)}


async def test_a_member_that_is_away_or_takes_nothing_is_closed(tmp_path: Path) -> None:
    away = member("m1", status="Offline")
    full = member("m2", config={"scheduler.instance": "manual"})
    async with scripted(tmp_path, away, full, member("m3")) as bed:
        bed.incus.says(f"GET {POOLS}/default/volumes/custom", told([]))
        found = await hosts(bed)  # none of them tells of its size
        assert {each.open for each in found.values()} == {False}
        bed.incus.says("GET /1.0/resources", told({"cpu": {"total": 1}, "memory": {"total": GIB}}))
        bed.incus.says(f"GET {POOLS}/default/resources", told({"space": {"total": GIB}}))
        found = await hosts(bed)
    assert {name for name, each in found.items() if each.open} == {"m3"}


async def test_a_volume_goes_to_the_member_and_the_pool_that_it_asks_for(bed: Bed) -> None:
    assert bed.cloud.volumes
    where = f"{POOLS}/fast/volumes/custom"
    bed.incus.says(f"POST {where}", told({}))
    order = VolumeOrder(
        volume_id=UUID(int=7), name="v", project="p", size_gib=1, host="m2", pool="fast"
    )
    tags = {"installation": str(bed.installation), "volume": str(order.volume_id), "name": "v"}
    config = {f"user.muster.{name}": value for name, value in tags.items()} | {"size": "1GiB"}
    lies = {"name": ref(order.volume_id), "location": "m2", "config": config, "created_at": CREATED}
    bed.incus.says(f"GET {where}", told([]), told([lies]))
    assert (await bed.cloud.volumes.create_volume(order)).host == "m2"
    [asked] = [each for each in bed.incus.requests if each.line == f"POST {where}"]
    assert asked.query["target"] == "m2"


@pytest.mark.parametrize(("host", "word"), [("m1", "offline"), ("m9", "no host m9")])
async def test_a_host_that_will_not_do_is_refused_so_that_another_is_found(
    tmp_path: Path, host: str, word: str
) -> None:
    async with scripted(tmp_path, member("m1", status="Offline"), member("m2")) as bed:
        with pytest.raises(Transient, match=word):
            await bed.cloud.compute.create_server(replace(an_order(), host=host))
        assert not [each for each in bed.incus.requests if each.method == "POST"]


async def test_a_pool_that_is_not_there_will_never_do(bed: Bed) -> None:
    bed.incus.says("POST /1.0/storage-pools/x/volumes/custom", (404, refused("not found", 404)))
    assert bed.cloud.volumes
    order = VolumeOrder(volume_id=uuid4(), name="v", project="p", size_gib=1, pool="x")
    with pytest.raises(Permanent, match="not found"):
        await bed.cloud.volumes.create_volume(order)
