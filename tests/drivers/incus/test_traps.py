"""What Incus does that one would not expect, each thing seen on real members once."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from time import monotonic
from uuid import uuid4

import pytest

from drivers.incus.orders import an_order
from drivers.incus.scripted import (
    CREATED,
    HANG,
    Bed,
    begun,
    ended,
    instance,
    member,
    refused,
    scripted,
    state,
    told,
)
from muster.base.errors import Bug, DriverError, Permanent, Transient
from muster.drivers.incus.answers import failure
from muster.drivers.incus.options import Options
from muster.drivers.incus.rest import Call, Rest
from muster.drivers.incus.tags import instance_name, written
from muster.model.catalog import MACHINES
from muster.model.observed import Seen
from muster.model.step import Operation

CREATE = "POST /1.0/instances"
WAIT = "GET /1.0/operations/7/wait"


@pytest.fixture
async def bed(tmp_path) -> AsyncIterator[Bed]:
    async with scripted(tmp_path) as made:
        yield made


@pytest.fixture
async def two(tmp_path) -> AsyncIterator[Bed]:
    """A cluster of two."""
    async with scripted(tmp_path, member("m1"), member("m2")) as made:
        yield made


def made(bed, order, **but):
    """Return the instance that the order becomes."""
    return instance(instance_name(order), written(order, bed.installation), **but)


def appears(bed, order, **but):
    """Have the instance of the order be there once its creation was asked for."""
    ref, asked = instance_name(order), bed.incus.requests

    def shown(_):
        created = any(each.line == CREATE for each in asked)
        return told(made(bed, order, **but)) if created else (404, refused("not found", 404))

    bed.incus.says(f"GET /1.0/instances/{ref}", shown)
    bed.incus.says(f"GET /1.0/instances/{ref}/state", told(state()))


@pytest.mark.parametrize("query", ["", "?project=default"])
async def test_an_operation_is_waited_for_whatever_its_url_looks_like(bed, query):
    order = an_order()
    appears(bed, order)
    bed.incus.says(CREATE, begun(f"/1.0/operations/7{query}"))
    bed.incus.says(WAIT, ended())
    server = await bed.cloud.compute.create_server(order)
    assert server.seen is Seen.RUNNING
    assert bed.incus.lines().count(WAIT) == 1


async def test_a_wait_that_says_running_is_not_the_end(bed):
    order = an_order()
    appears(bed, order)
    bed.incus.says(CREATE, begun())
    bed.incus.says(WAIT, ended(103), ended(103), ended())
    await bed.cloud.compute.create_server(order)
    assert bed.incus.lines().count(WAIT) == 3


async def test_an_answer_of_200_that_says_error_is_one(bed):
    order = an_order()
    bed.incus.says(CREATE, begun())
    bed.incus.says(WAIT, (200, refused("write backup.yaml: no space left on device")))
    with pytest.raises(Transient, match="no space left"):
        await bed.cloud.compute.create_server(order)


async def test_an_operation_that_failed_and_says_so_in_its_metadata_has_failed(bed):
    bed.incus.says(CREATE, begun())
    bed.incus.says(WAIT, ended(400, "Image not provided for instance creation"))
    with pytest.raises(Permanent):
        await bed.cloud.compute.create_server(an_order())


async def test_a_question_that_did_not_get_through_is_asked_again(bed):
    order = an_order()
    appears(bed, order)
    bed.incus.says(CREATE, begun())
    bed.incus.says(WAIT, (500, refused("Server isn't ready yet")), ended())
    assert (await bed.cloud.compute.create_server(order)).seen is Seen.RUNNING


async def test_a_wait_that_runs_out_says_nothing_of_the_operation(bed):
    order = an_order()
    appears(bed, order)
    bed.incus.says(CREATE, begun())
    bed.incus.says(WAIT, (200, refused("context deadline exceeded")), ended())
    bed.incus.says("GET /1.0/operations/7", ended(103))
    assert (await bed.cloud.compute.create_server(order)).seen is Seen.RUNNING


async def test_an_operation_forgotten_meanwhile_is_judged_by_what_it_left(bed):
    order = an_order()
    appears(bed, order)
    bed.incus.says(CREATE, begun())
    bed.incus.says(WAIT, (404, refused("not found", 404)))
    assert (await bed.cloud.compute.create_server(order)).seen is Seen.RUNNING


async def test_an_operation_that_did_not_find_something_has_failed_and_is_not_forgotten(bed):
    bed.incus.says(CREATE, begun())
    bed.incus.says(WAIT, (200, refused("Image alias not found", 404)))
    with pytest.raises(Permanent, match="alias not found"):
        await bed.cloud.compute.create_server(an_order())


@pytest.mark.parametrize("words", ["UNIQUE constraint failed: instances", "already exists"])
async def test_a_creation_cut_short_earlier_is_taken_up_and_not_an_error(bed, words):
    order = an_order()
    appears(bed, order)
    bed.incus.says(CREATE, begun())
    bed.incus.says(WAIT, (200, refused(words)))
    server = await bed.cloud.compute.create_server(order)
    assert server.server_id == order.server_id


async def test_an_instance_whose_start_failed_is_taken_away_again(bed):
    order = an_order()
    appears(bed, order, status="Stopped", last_used_at="1970-01-01T00:00:00Z")
    bed.incus.says(CREATE, begun())
    failed = "Failed to run: forkstart: exit status 1"
    bed.incus.says(WAIT, ended(400, failed), ended())
    bed.incus.says(f"DELETE /1.0/instances/{instance_name(order)}", begun())
    with pytest.raises(Transient, match="forkstart"):
        await bed.cloud.compute.create_server(order)
    assert f"DELETE /1.0/instances/{instance_name(order)}" in bed.incus.lines()


async def test_nobody_patches_the_server_itself(tmp_path):
    rest = Rest(Options(url=f"unix:{tmp_path}/nobody"))
    with pytest.raises(Bug):
        await rest.put_into_effect(Call(method="PATCH", path="/1.0", body={"config": {}}))
    await rest.close()


@pytest.mark.parametrize("kind", MACHINES)
async def test_an_instance_in_error_is_unreachable_and_known_by_its_disk(two, kind):
    order, bed = an_order(), two
    ref = instance_name(order)
    bare = {"name": ref, "status": "Error", "location": "m2", "config": None}
    bed.incus.says("GET /1.0/instances", told([bare]))
    disk = {
        "name": ref,
        "location": "m2",
        "created_at": CREATED,
        "config": written(order, bed.installation),
    }
    bed.incus.says(f"GET /1.0/storage-pools/default/volumes/{kind}", told([disk]))
    [server] = await bed.cloud.compute.list_servers(order.cluster_id)
    assert (server.seen, server.server_id, server.node_id, server.host, server.zone) == (
        Seen.UNREACHABLE,
        order.server_id,
        order.node_id,
        "m2",
        "z2",
    )


@pytest.mark.slow
async def test_what_cannot_be_asked_keeps_the_address_that_it_had(bed):
    order = an_order()
    bed.has(made(bed, order))
    [server] = await bed.cloud.compute.list_servers()
    assert server.address == "10.0.0.5"
    bed.incus.says("GET /1.0/instances", HANG)
    bed.incus.says(f"GET /1.0/instances/{server.ref}", HANG)
    disk = {
        "name": server.ref,
        "location": "none",
        "created_at": CREATED,
        "config": written(order, bed.installation),
    }
    bed.incus.says("GET /1.0/storage-pools/default/volumes/container", told([disk]))
    began = monotonic()
    [server] = await bed.cloud.compute.list_servers()
    assert (server.seen, server.address) == (Seen.UNREACHABLE, "10.0.0.5")
    assert monotonic() - began < 8


@pytest.mark.slow
async def test_a_listing_that_hangs_is_given_up_and_those_who_answer_are_asked(bed):
    well, order = an_order(), an_order(name="web-002")
    bed.has(made(bed, well))
    bed.incus.says("GET /1.0/instances", HANG)
    disks = [
        {
            "name": instance_name(each),
            "location": "none",
            "created_at": CREATED,
            "config": written(each, bed.installation),
        }
        for each in (well, order)
    ]
    bed.incus.says("GET /1.0/storage-pools/default/volumes/container", told(disks))
    bed.incus.says(f"GET /1.0/instances/{instance_name(order)}", HANG)
    began = monotonic()
    seen = {each.server_id: each.seen for each in await bed.cloud.compute.list_servers()}
    assert seen == {well.server_id: Seen.RUNNING, order.server_id: Seen.UNREACHABLE}
    assert monotonic() - began < 8


@pytest.mark.parametrize("status", ["Evacuated", "Offline", "Blocked"])
async def test_what_is_said_of_a_member_says_nothing_of_its_instances(tmp_path, status):
    order = an_order()
    async with scripted(tmp_path, member("m1"), member("m2", status=status)) as bed:
        bed.has(made(bed, order, location="m2"))
        [server] = await bed.cloud.compute.list_servers()
        assert server.seen is Seen.RUNNING


@pytest.mark.parametrize("status", ["Evacuated", "Offline", "Blocked", "Restoring"])
async def test_nothing_new_goes_to_a_member_that_is_not_in_order(tmp_path, status):
    order = an_order()
    async with scripted(tmp_path, member("m1", status=status), member("m2")) as bed:
        appears(bed, order, location="m2")
        bed.incus.says(CREATE, begun())
        bed.incus.says(WAIT, ended())
        await bed.cloud.compute.create_server(order)
    [asked] = [each for each in bed.incus.requests if each.line == CREATE]
    assert asked.query["target"] == "m2"


async def test_nothing_new_goes_where_a_creation_just_failed_to_get_through(two):
    order, bed = an_order(), two
    bed.incus.says(CREATE, (500, refused("Unable to connect to: 10.0.0.1:8443")))
    for _ in range(2):
        with pytest.raises(Transient):
            await bed.cloud.compute.create_server(order)
    targets = [each.query["target"] for each in bed.incus.requests if each.line == CREATE]
    assert targets == ["m1", "m2"]


async def test_usage_is_read_from_states_and_not_from_cached_metrics(bed):
    order = an_order()
    bed.incus.says("GET /1.0/instances", told([made(bed, order) | {"state": state()}]))
    [usage] = await bed.cloud.compute.usage()
    assert (usage.cpu_s, usage.net_in, usage.net_out) == (2.5, 10, 20)
    assert (usage.vcpus, usage.memory_limit) == (0.25, 128 << 20)
    assert not any("metrics" in line for line in bed.incus.lines())


async def test_clusters_that_ask_in_the_same_moment_share_a_reading(bed):
    """Reading all states is what it costs Incus, whoever's are wanted."""
    orders = [an_order(), an_order(cluster_id=uuid4())]
    listed = [made(bed, order) | {"state": state()} for order in orders]
    bed.incus.says("GET /1.0/instances", told(listed))
    usages = await asyncio.gather(*(bed.cloud.compute.usage(o.cluster_id) for o in orders))
    assert [[each.server_id for each in found] for found in usages] == [
        [order.server_id] for order in orders
    ]
    assert bed.incus.lines().count("GET /1.0/instances") == 1


async def test_the_state_of_a_container_just_killed_is_no_reason_to_call_it_gone(bed):
    order = an_order()
    bed.has(made(bed, order))
    ref = instance_name(order)
    bed.incus.says(f"GET /1.0/instances/{ref}/state", (500, refused("Invalid PID '-1'")))
    [server] = await bed.cloud.compute.list_servers()
    assert server.seen is Seen.BUILDING


async def test_what_a_power_cut_stopped_is_given_the_time_to_start_again(bed):
    order = an_order()
    cut = made(bed, order, status="Stopped")
    cut["config"]["volatile.last_state.power"] = "RUNNING"
    bed.has(cut)
    for after_s, seen in ((0, Seen.BUILDING), (10, Seen.BUILDING), (10, Seen.STOPPED)):
        bed.clock.advance(after_s)
        [server] = await bed.cloud.compute.list_servers()
        assert server.seen is seen


async def test_what_incus_moves_with_its_member_is_given_the_time_to_arrive(bed):
    """It is stopped for that, and for a moment nothing says any more that it was moved."""
    order = an_order()
    moved = made(bed, order, status="Stopped")
    bed.has(moved)
    for origin, after_s, seen in (
        ("m1", 0, Seen.BUILDING),
        ("m1", 50, Seen.BUILDING),
        ("", 5, Seen.BUILDING),
        ("", 10, Seen.STOPPED),
    ):
        moved["config"]["volatile.evacuate.origin"] = origin
        bed.clock.advance(after_s)
        [server] = await bed.cloud.compute.list_servers()
        assert server.seen is seen, (origin, after_s)


async def test_what_never_started_is_about_to_for_a_minute_and_then_stopped(bed):
    order = an_order()
    never = "1970-01-01T00:00:00Z"
    bed.has(made(bed, order, status="Stopped", last_used_at=never))
    [server] = await bed.cloud.compute.list_servers()
    assert server.seen is Seen.BUILDING
    bed.clock.advance(timedelta(minutes=2).total_seconds())
    [server] = await bed.cloud.compute.list_servers()
    assert server.seen is Seen.STOPPED


@pytest.mark.parametrize(
    "answer", [(403, refused("not authorized", 403)), (502, "a proxy's own words")]
)
async def test_where_nothing_can_be_learned_nothing_is_said(bed, answer):
    bed.incus.says("GET /1.0/instances", answer)
    bed.incus.says("GET /1.0/storage-pools", answer)
    with pytest.raises(Transient):
        await bed.cloud.compute.list_servers()


async def test_starting_what_runs_asks_for_nothing(bed):
    order = an_order()
    bed.has(made(bed, order))
    await bed.cloud.compute.operate_server(instance_name(order), Operation.START)
    assert not any(line.startswith("PUT") for line in bed.incus.lines())


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ('Reached maximum aggregate value "200MiB" for "limits.memory" in project "p"', Transient),
        ('Instance "a" in project "p" has no "limits.memory" config, either directly', Permanent),
        ("Server isn't ready yet", Transient),
        ("Missing event connection with target cluster member", Transient),
        ("sql: database is closed", Transient),
        ("write /var/lib/incus/x/backup.yaml: no space left on device", Transient),
        ("Unable to connect to: 10.77.0.12:8443 ([dial tcp: connection refused])", Transient),
        ("Instance is busy running a create operation", Transient),
        ("Image not provided for instance creation", Permanent),
        ("Failed loading network: Network not found", Permanent),
        ("Invalid devices: Device validation failed", Permanent),
        ('Instance type "virtual-machine" is not supported on this server: no KVM', Permanent),
        ("Requested image's type \"container\" doesn't match instance type", Permanent),
        ("Failed instance placement scriptlet: Failed to run: fail: no member in z3", Transient),
        ("Node still has the following instances: n3", Permanent),
        ("something nobody has seen so far", Transient),
    ],
)
def test_a_500_means_what_its_words_mean(words, kind):
    assert type(failure(500, words, "POST /1.0/instances")) is kind


@pytest.mark.parametrize(
    ("code", "kind"), [(400, Permanent), (404, Permanent), (403, Transient), (503, Transient)]
)
def test_any_other_status_means_itself(code, kind):
    """403 is said of a member that was evacuated, too: it will take instances again."""
    error = failure(code, "whatever", "GET /1.0")
    assert type(error) is kind
    assert isinstance(error, DriverError)


async def test_a_server_of_another_name_by_chance_is_not_taken_over(bed):
    order = an_order()
    other = replace(order, server_id=uuid4())
    tags = written(other, bed.installation)
    there = instance(instance_name(order), tags)
    bed.incus.says(f"GET /1.0/instances/{instance_name(order)}", told(there))
    bed.incus.says(f"GET /1.0/instances/{instance_name(order)}/state", told(state()))
    with pytest.raises(Permanent, match="another server"):
        await bed.cloud.compute.create_server(order)
