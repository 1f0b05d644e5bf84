"""What Incus does with volumes that one would not expect, each thing seen on real members once."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from drivers.incus.orders import an_order
from drivers.incus.scripted import (
    CREATED,
    STAMP,
    Bed,
    begun,
    ended,
    instance,
    member,
    refused,
    scripted,
    told,
)
from muster.base.errors import Permanent, Transient
from muster.drivers.incus.tags import instance_name, written
from muster.drivers.incus.volumes import ref
from muster.model.step import Operation
from muster.model.volume import VolumeOrder

ID = UUID(int=77)
NAME = ref(ID)
POOL = "/1.0/storage-pools/default"
CUSTOM = f"{POOL}/volumes/custom"
ORDER = VolumeOrder(volume_id=ID, name="data", project="demo", size_gib=3)


@pytest.fixture
async def bed(tmp_path: Path) -> AsyncIterator[Bed]:
    """A cluster of two, with a pool that has no quotas and no volume."""
    async with scripted(tmp_path, member("m1"), member("m2")) as made:
        made.incus.says(f"GET {POOL}", told({"driver": "dir"}))
        made.incus.says(f"GET {CUSTOM}", told([]))
        yield made


def volume(bed: Bed, location: str = "m1", *users: str, **tags: str) -> dict[str, Any]:
    said = {"installation": str(bed.installation), "volume": str(ID), "name": "data"} | tags
    config = {f"user.muster.{name}": value for name, value in said.items()} | {"size": "3GiB"}
    return {
        "name": NAME,
        "location": location,
        "created_at": CREATED,
        "description": "",
        "config": config,
        "used_by": [f"/1.0/instances/{user}?project=default" for user in users],
    }


def holds(bed: Bed, *volumes: dict[str, Any]) -> None:
    bed.incus.says(f"GET {CUSTOM}", told(list(volumes)))


async def test_a_pool_without_quotas_is_said_to_have_none(bed: Bed) -> None:
    holds(bed, volume(bed))
    assert bed.cloud.volumes
    [shown] = await bed.cloud.volumes.list_volumes()
    assert not shown.limited


async def test_a_creation_cut_short_earlier_is_taken_up(bed: Bed) -> None:
    bed.incus.says(f"GET {CUSTOM}", told([]), told([]), told([volume(bed, "m2")]))
    bed.incus.says(f"POST {CUSTOM}", (409, refused("Volume by that name already exists", 409)))
    assert bed.cloud.volumes
    assert (await bed.cloud.volumes.create_volume(ORDER)).host == "m2"


async def test_a_volume_moves_by_a_copy_that_keeps_its_tags(bed: Bed) -> None:
    """Incus's own way to move one loses its configuration."""
    there, copy = volume(bed, "m1"), volume(bed, "m2", **{"from": "m1"})
    bed.incus.says(
        f"GET {CUSTOM}", told([there]), told([there]), told([copy]), told([volume(bed, "m2")])
    )
    bed.incus.says(f"POST {CUSTOM}", begun())
    bed.incus.says("GET /1.0/operations/7/wait", ended())
    bed.incus.says(f"DELETE {CUSTOM}/{NAME}", told({}))
    bed.incus.says(f"PUT {CUSTOM}/{NAME}", told({}))
    assert bed.cloud.volumes
    moved = await bed.cloud.volumes.move_volume(ID, "m2")
    assert (moved.host, moved.name) == ("m2", "data")
    [asked] = [each for each in bed.incus.requests if each.line == f"POST {CUSTOM}"]
    assert asked.query["target"] == "m2"
    assert asked.body["config"] == copy["config"]
    changes = [x for x in bed.incus.requests if x.method in ("DELETE", "PUT")]
    assert [(x.method, x.query["target"]) for x in changes] == [("DELETE", "m1"), ("PUT", "m2")]
    assert "user.muster.from" not in changes[1].body["config"]


async def test_a_volume_that_kept_the_tag_of_a_copy_loses_it_before_it_is_copied_again(
    bed: Bed,
) -> None:
    """The server was killed after the first was deleted: with two such tags neither would count."""
    alone, copy = volume(bed, "m1", **{"from": "m2"}), volume(bed, "m2", **{"from": "m1"})
    bed.incus.says(
        f"GET {CUSTOM}", told([alone]), told([alone]), told([copy]), told([volume(bed, "m2")])
    )
    bed.incus.says(f"POST {CUSTOM}", begun())
    bed.incus.says("GET /1.0/operations/7/wait", ended())
    bed.incus.says(f"DELETE {CUSTOM}/{NAME}", told({}))
    bed.incus.says(f"PUT {CUSTOM}/{NAME}", told({}))
    assert bed.cloud.volumes
    assert (await bed.cloud.volumes.move_volume(ID, "m2")).host == "m2"
    asked = [x for x in bed.incus.requests if x.method in ("PUT", "POST", "DELETE")]
    assert [x.method for x in asked] == ["PUT", "POST", "DELETE", "PUT"]
    assert "user.muster.from" not in asked[0].body["config"]
    assert asked[1].body["config"]["user.muster.from"] == "m1"


async def test_a_volume_stays_where_nobody_knows_how_its_copy_ended(bed: Bed) -> None:
    """The member that it was copied to was killed in the middle, and is back."""
    there, half = volume(bed, "m1"), volume(bed, "m2", **{"from": "m1"})
    bed.incus.says(f"GET {CUSTOM}", told([there]), told([there]), told([there, half]))
    bed.incus.says(f"POST {CUSTOM}", begun())
    bed.incus.says("GET /1.0/operations/7/wait", (404, refused("Operation not found", 404)))
    assert bed.cloud.volumes
    with pytest.raises(Transient, match="nobody knows how it ended"):
        await bed.cloud.volumes.move_volume(ID, "m2")
    assert [x.method for x in bed.incus.requests if x.method != "GET"] == ["POST"]


async def test_a_copy_that_may_be_half_there_does_not_count(bed: Bed) -> None:
    holds(bed, volume(bed, "m1"), volume(bed, "m2", **{"from": "m1"}))
    assert bed.cloud.volumes
    [shown] = await bed.cloud.volumes.list_volumes()
    assert shown.host == "m1"
    holds(bed, volume(bed, "m2", **{"from": "m1"}))
    [alone] = await bed.cloud.volumes.list_volumes()
    assert alone.host == "m2"


async def test_what_a_cut_move_has_left_goes_when_the_volume_is_moved_to_where_it_is(
    bed: Bed,
) -> None:
    """Its server was killed while it was copied, and then somebody beside the first wants it."""
    holds(bed, volume(bed, "m1"), volume(bed, "m2", **{"from": "m1"}))
    bed.incus.says(f"DELETE {CUSTOM}/{NAME}", told({}))
    assert bed.cloud.volumes
    assert (await bed.cloud.volumes.move_volume(ID, "m1")).host == "m1"
    [gone] = [each for each in bed.incus.requests if each.method == "DELETE"]
    assert gone.query["target"] == "m2"


async def test_what_a_cut_move_has_left_on_a_lost_member_holds_up_nobody(tmp_path: Path) -> None:
    lost = member("m2", status="Offline")
    async with scripted(tmp_path, member("m1"), lost) as bed:
        bed.incus.says(f"GET {POOL}", told({"driver": "dir"}))
        holds(bed, volume(bed, "m1"), volume(bed, "m2", **{"from": "m1"}))
        assert bed.cloud.volumes
        assert (await bed.cloud.volumes.move_volume(ID, "m1")).host == "m1"
        assert {each.method for each in bed.incus.requests} == {"GET"}


async def test_a_volume_is_deleted_with_what_a_cut_move_has_left(bed: Bed) -> None:
    holds(bed, volume(bed, "m1"), volume(bed, "m2", **{"from": "m1"}))
    bed.incus.says(f"DELETE {CUSTOM}/{NAME}", told({}))
    assert bed.cloud.volumes
    await bed.cloud.volumes.delete_volume(ID)
    gone = [x.query["target"] for x in bed.incus.requests if x.method == "DELETE"]
    assert sorted(gone) == ["m1", "m2"]


async def test_a_volume_is_detached_by_putting_the_whole_as_it_was_read(bed: Bed) -> None:
    """A PATCH merges devices: one that is left out stays."""
    order = an_order()
    user = instance_name(order)
    disk = {"type": "disk", "pool": "default", "source": NAME, "path": "/mnt/data"}
    devices = {"root": {"type": "disk", "path": "/"}, NAME: disk}
    there = instance(user, written(order, bed.installation), location="m1", devices=devices)
    bed.has(there)
    bed.incus.says(f"GET {CUSTOM}", told([volume(bed, "m1", user)]), told([volume(bed, "m1")]))
    bed.incus.says(f"PUT /1.0/instances/{user}", (412, refused("Etag doesn't match", 412)), begun())
    bed.incus.says("GET /1.0/operations/7/wait", ended())
    assert bed.cloud.volumes
    assert (await bed.cloud.volumes.detach_volume(ID)).server_ref == ""
    first, again = [x for x in bed.incus.requests if x.method == "PUT"]
    assert first.headers["if-match"] == again.headers["if-match"] == STAMP
    assert again.body["devices"] == {"root": devices["root"]}
    assert again.body["config"] == there["config"]


async def test_nothing_is_attached_where_another_disk_is(bed: Bed) -> None:
    order = an_order()
    taken = {"other": {"type": "disk", "path": "/mnt/data", "source": "x"}}
    tags = written(order, bed.installation)
    bed.has(instance(instance_name(order), tags, location="m1", expanded_devices=taken))
    holds(bed, volume(bed, "m1"))
    assert bed.cloud.volumes
    with pytest.raises(Permanent, match="another disk at /mnt/data"):
        await bed.cloud.volumes.attach_volume(ID, instance_name(order))


async def test_nothing_new_lies_on_a_member_that_is_not_in_order(tmp_path: Path) -> None:
    away = member("m1", status="Offline")
    async with scripted(tmp_path, away, member("m2", status="Evacuated")) as bed:
        bed.incus.says(f"GET {POOL}", told({"driver": "dir"}))
        bed.incus.says(f"GET {CUSTOM}", told([]))
        assert bed.cloud.volumes
        with pytest.raises(Transient, match="in order"):
            await bed.cloud.volumes.create_volume(ORDER)


async def test_anothers_volume_is_not_there(bed: Bed) -> None:
    holds(bed, volume(bed, installation=str(UUID(int=5))))
    assert bed.cloud.volumes
    assert await bed.cloud.volumes.list_volumes() == []
    await bed.cloud.volumes.delete_volume(ID)
    assert not any(each.method == "DELETE" for each in bed.incus.requests)


@pytest.mark.parametrize("source", [NAME, "theirs"])
async def test_an_instance_is_not_moved_away_from_its_volumes(bed: Bed, source: str) -> None:
    """Also not from one that somebody attached without us, under a name of his own."""
    order = an_order()
    disk = {"type": "disk", "pool": "default", "source": source, "path": "/mnt/data"}
    folder = {"type": "disk", "source": "/srv", "path": "/srv"}
    devices = {"root": {"type": "disk", "pool": "default", "path": "/"}, "folder": folder}
    tags = written(order, bed.installation)
    both = devices | {"data": disk}
    bed.has(instance(instance_name(order), tags, location="m1", expanded_devices=both))
    with pytest.raises(Permanent, match=f"detach {source} first"):
        await bed.cloud.compute.operate_server(instance_name(order), Operation.EVACUATE)
    assert not any(each.method in ("PUT", "POST") for each in bed.incus.requests)
