"""Instances for balancers: how Incus is told to make them, and how they are found again."""

from dataclasses import replace
from uuid import UUID

import pytest

from drivers.incus.ovns import HIDDEN, OPEN, laid, network
from drivers.incus.scripted import HANG, Bed, instance, member, refused, scripted, state, told
from muster.base.errors import DriverError, Permanent, Transient
from muster.drivers.incus.rooms import room_name
from muster.model.command import Command
from muster.model.observed import Seen
from muster.model.room import RoomOrder

ORDER = RoomOrder(cluster_id=UUID(int=9), number=1, name="web", project="demo", network="fab")
IMAGE = {
    "fingerprint": "f" * 64,
    "properties": {},
    "aliases": [{"name": "haproxy"}],
    "uploaded_at": "2030-01-01T00:00:00Z",
    "size": 1,
    "type": "container",
}


@pytest.fixture
async def bed(tmp_path):
    async with scripted(tmp_path) as made:
        made.incus.says("GET /1.0/images", told([IMAGE]))
        yield made


def there(bed: Bed, order: RoomOrder = ORDER, **but: object) -> str:
    """Have the room be there, and return what it is called."""
    ref = room_name(bed.installation, order)
    bed.has(instance(ref, {}, **but))
    return ref


async def made(bed: Bed, order: RoomOrder = ORDER):
    ref = room_name(bed.installation, order)
    shown = told(instance(ref, {}, status="Stopped"))
    bed.incus.says(f"GET /1.0/instances/{ref}", (404, refused("not found", 404)), shown)
    bed.incus.says("POST /1.0/instances", told(None))
    room = await bed.cloud.rooms.make_room(order)
    [body] = [each.body for each in bed.incus.requests if each.line == "POST /1.0/instances"]
    return room, body


async def test_a_room_is_made_of_the_image_for_balancers_and_waits_to_be_furnished(bed):
    room, body = await made(bed)
    assert (room.cluster_id, room.number, room.seen) == (UUID(int=9), 1, Seen.STOPPED)
    assert body["source"] == {"type": "image", "fingerprint": IMAGE["fingerprint"]}
    assert body["start"] is False
    assert body["config"]["boot.autostart"] == "false"
    assert body["config"]["user.muster.balances"] == str(UUID(int=9))
    assert body["devices"]["eth0"]["network"] == "fab"


async def test_its_name_fits_a_host_and_no_server_of_a_cluster_is_seen_in_it(bed):
    assert len(there(bed)) <= 63
    assert await bed.cloud.compute.list_servers() == []


async def test_the_next_room_of_a_cluster_has_the_same_interface_and_another_cluster_s_not(bed):
    _, first = await made(bed)
    bed.incus.requests.clear()
    _, second = await made(bed, replace(ORDER, number=2))
    bed.incus.requests.clear()
    _, other = await made(bed, replace(ORDER, cluster_id=UUID(int=8)))
    address = [each["devices"]["eth0"]["hwaddr"] for each in (first, second, other)]
    assert address[0] == address[1] != address[2]
    assert address[0].startswith("02:")


async def test_where_no_network_is_named_it_is_on_the_profile_s(bed):
    nic = {"type": "nic", "network": "lan", "name": "eth0"}
    root = {"type": "disk", "path": "/", "pool": "default"}
    devices = {"root": root, "net": nic}
    bed.incus.says("GET /1.0/profiles/default", told({"devices": devices}))
    _, body = await made(bed, replace(ORDER, network=""))
    assert body["devices"]["net"].items() >= nic.items()


async def test_a_room_that_is_there_is_not_made_again(bed):
    there(bed)
    room = await bed.cloud.rooms.make_room(ORDER)
    assert (room.seen, room.address) == (Seen.RUNNING, "10.0.0.5")
    assert "POST /1.0/instances" not in bed.incus.lines()


async def test_without_an_image_for_balancers_it_is_said_how_to_make_one(bed):
    bed.incus.says("GET /1.0/images", told([]))
    laid(bed)
    with pytest.raises(Permanent, match="muster image build FILE --with haproxy"):
        await made(bed)
    assert "there is no image 'haproxy'" in (await bed.cloud.rooms.no_room("fab") or "")


@pytest.mark.parametrize(
    ("status", "seen"),
    [
        ("Running", Seen.RUNNING),
        ("Stopped", Seen.STOPPED),
        ("Error", Seen.UNREACHABLE),
        ("Starting", Seen.BUILDING),
    ],
)
async def test_a_room_is_as_its_instance_is(bed, status, seen):
    there(bed, status=status)
    [room] = await bed.cloud.rooms.list_rooms()
    assert room.seen is seen


async def test_one_without_an_address_is_not_ready(bed):
    ref = there(bed)
    bed.incus.says(f"GET /1.0/instances/{ref}/state", told(state("")), told(state("10.0.0.7")))
    rooms = bed.cloud.rooms
    assert [each.seen for each in await rooms.list_rooms()] == [Seen.BUILDING]
    assert [each.address for each in await rooms.list_rooms()] == ["10.0.0.7"]


async def test_neither_others_instances_nor_other_installations_rooms_are_listed(bed):
    mine, others = room_name(bed.installation, ORDER), room_name(UUID(int=5), ORDER)
    bed.has(*(instance(each, {}) for each in (mine, others, "web-1")))
    assert [each.ref for each in await bed.cloud.rooms.list_rooms()] == [mine]
    await bed.cloud.rooms.delete_room(others)
    assert not [line for line in bed.incus.lines() if not line.startswith("GET")]


async def test_rooms_are_found_while_a_member_hangs_and_that_of_a_dead_one_is_abandoned(tmp_path):
    members = [member("m1"), member("m2"), member("m3", status="Offline")]
    async with scripted(tmp_path, *members) as bed:
        near, far = (room_name(bed.installation, replace(ORDER, number=n)) for n in (1, 2))
        bed.incus.says("GET /1.0/instances", HANG)
        volumes = [{"name": near, "location": "m1"}, {"name": far, "location": "m3"}]
        bed.incus.says("GET /1.0/storage-pools/default/volumes/container", told(volumes))
        bed.incus.says(f"GET /1.0/instances/{near}", told(instance(near, {}, location="m1")))
        bed.incus.says(f"GET /1.0/instances/{near}/state", told(state()))
        gone = instance(far, {}, location="m3", status="Error")
        bed.incus.says(f"GET /1.0/instances/{far}", told(gone))
        rooms = {each.ref: each for each in await bed.cloud.rooms.list_rooms()}
        assert (rooms[near].seen, rooms[near].abandoned) == (Seen.RUNNING, False)
        assert (rooms[far].seen, rooms[far].abandoned) == (Seen.UNREACHABLE, True)


async def test_a_room_goes_to_a_member_that_has_none_and_answers(tmp_path):
    async with scripted(
        tmp_path, member("m1"), member("m2"), member("m3", status="Offline")
    ) as bed:
        bed.incus.says("GET /1.0/images", told([IMAGE]))
        bed.has(instance(room_name(bed.installation, replace(ORDER, number=4)), {}, location="m1"))
        await made(bed)
        [request] = [each for each in bed.incus.requests if each.line == "POST /1.0/instances"]
        assert request.query["target"] == "m2"


async def test_a_member_that_does_not_make_a_room_is_not_the_first_to_be_asked_again(tmp_path):
    async with scripted(tmp_path, member("m1"), member("m2")) as bed:
        bed.incus.says("GET /1.0/images", told([IMAGE]))
        bed.incus.says("POST /1.0/instances", refused("no space left on device"))
        for _ in range(2):
            with pytest.raises(Transient):
                await bed.cloud.rooms.make_room(ORDER)
        asked = [each for each in bed.incus.requests if each.line == "POST /1.0/instances"]
        assert [each.query["target"] for each in asked] == ["m1", "m2"]


async def test_a_file_is_written_for_its_owner_alone(bed):
    ref = there(bed)
    bed.incus.says(f"POST /1.0/instances/{ref}/files", told(None))
    await bed.cloud.rooms.write_file(ref, "/etc/haproxy/pool.json", b"{}")
    request = bed.incus.requests[-1]
    assert (request.query["path"], request.body) == ("/etc/haproxy/pool.json", "{}")
    assert request.headers["x-incus-mode"] == "0600"
    assert request.headers["x-incus-write"] == "overwrite"


async def test_a_room_is_stopped_before_it_is_deleted_and_one_that_is_gone_is_no_error(bed):
    ref = there(bed)
    bed.incus.says(f"PUT /1.0/instances/{ref}/state", told(None))
    bed.incus.says(f"DELETE /1.0/instances/{ref}", told(None))
    await bed.cloud.rooms.delete_room(ref)
    changes = [line for line in bed.incus.lines() if not line.startswith("GET")]
    assert changes == [f"PUT /1.0/instances/{ref}/state", f"DELETE /1.0/instances/{ref}"]
    bed.incus.says(f"GET /1.0/instances/{ref}", (404, refused("not found", 404)))
    await bed.cloud.rooms.delete_room(ref)


async def test_nothing_is_run_in_a_room_that_is_gone_and_that_is_no_missing_program(bed):
    ref = there(bed)
    gone = 404, refused("Instance not found", 404)
    bed.incus.says(f"POST /1.0/instances/{ref}/exec", gone)
    with pytest.raises(DriverError):
        await bed.cloud.rooms.run_in(ref, Command(words=("front", "look")))


async def test_nobody_adopts_a_room(bed):
    ref = there(bed)
    with pytest.raises(Permanent, match="looked after already"):
        await bed.cloud.finder.find_server(ref)


async def test_a_network_may_have_its_balancers_on_it_unless_nobody_reaches_that(bed):
    laid(bed, network(HIDDEN), network(OPEN, **{"user.muster.balancer": "instance"}))
    rooms = bed.cloud.rooms
    assert [await rooms.asked_for(each) for each in (HIDDEN, OPEN, "fab")] == [False, True, False]
    assert "nobody outside reaches" in (await rooms.no_room(HIDDEN) or "")
    assert await rooms.no_room(OPEN) is None
    assert await rooms.asked_for(None)
