"""Virtual clusters that are changed: nobody moves who need not, and what fails is as it was."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from contracts.clouds import config
from drivers.simulated.worlds import an_order
from engine.whole import WHERE, claims, left, made, patched, settled, there, world
from muster.base.clock import ManualClock
from muster.drivers.simulated.cloud import cloud_over
from office import Office, a_cloud, opened
from vclusters import ONE_VOLUME, REDUNDANT, body, rule, server, volume


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """Three hosts in three zones, each with room for two small ones and 20 GiB."""
    cloud = await a_cloud(tmp_path, ManualClock(), hosts=3, host_vcpus=2, host_disk_gib=20)
    async with opened(tmp_path, clouds={"simulated": cloud}) as made:
        yield made


def at(found: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["host"] for each in found["instances"]}


async def in_truth(office: Office) -> dict[str, str]:
    """Return where everything of the cloud is, by its name without the vcluster's."""
    cloud = office.desk.clouds["simulated"]
    assert cloud.volumes
    every = (*await cloud.compute.list_servers(), *await cloud.volumes.list_volumes())
    return {each.name.partition("-")[2]: each.host for each in every}


async def test_what_is_added_joins_those_that_are_there_and_nobody_moves(office: Office) -> None:
    before = await there(office, ONE_VOLUME)
    more = {
        "instances": [server("web"), volume("more", 5)],
        "groupings": [rule("affinity", "db", "more"), rule("anti-affinity", "db", "web")],
    }
    planned = await patched(office, before["id"], 200, **more)
    assert planned["placement"]["moves"] == []
    asked = (await patched(office, before["id"], **more))["vcluster"]
    assert asked["status"] == "UPDATING"
    found = await settled(office, before["id"])
    assert (found["status"], found["status_reason"]) == ("ACTIVE", "it is there, whole")
    assert at(planned["vcluster"]) == at(found) == await in_truth(office)
    assert at(found).items() >= at(before).items()
    assert at(found)["more"] == at(found)["db"] != at(found)["web"]
    attached = {each["name"]: each["attached_to"] for each in found["instances"]}
    assert (attached["more"], attached["db-vol"]) == ("db", "db")
    assert await left(office) == (2, 2, 4)


async def test_what_is_removed_is_gone_with_its_claims_and_its_part_of_the_rules(
    office: Office,
) -> None:
    before = await there(office, REDUNDANT)
    gone = ["db-2", "db-2-vol"]
    await patched(office, before["id"], remove_instances=gone, remove_groupings=["g1"])
    found = await settled(office, before["id"])
    assert set(at(found)) == {"db-1", "db-1-vol"}
    assert [each["membersRef"] for each in found["groupings"]] == [["db-1"], ["db-1-vol"]]
    assert await left(office) == (1, 1, 2)
    assert (await in_truth(office)).keys() == {"data-db-1", "data-db-1-vol"}


async def shown(office: Office, id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await office.call("GET", f"{WHERE}/{id}")).json()["vcluster"]
    return found


async def two_that_are_to_part(office: Office) -> dict[str, Any]:
    """Have a server with its volume share a host with another, for no reason."""
    things = [server("a"), volume("a-vol", 3), server("b")]
    rules = [rule("affinity", "a", "a-vol", name="own"), rule("affinity", "a", "b", name="near")]
    return await there(office, body(things, rules, name="v"))


PARTED = {"remove_groupings": ["near"], "groupings": [rule("anti-affinity", "a", "b", name="far")]}


async def test_a_move_that_is_not_allowed_is_refused_and_named(office: Office) -> None:
    before = await two_that_are_to_part(office)
    error = await patched(office, before["id"], 409, **PARTED)
    [way] = [
        each
        for each in error["relaxations"]
        if {change["change"] for change in each["changes"]} == {"let_move"}
    ][:1]
    assert [each["instance"] for each in way["moves"]] == ["b"]
    assert (await shown(office, before["id"]))["status"] == "ACTIVE"
    assert len(await claims(office)) == 3


async def test_one_moves_that_may_and_everything_else_stays(office: Office) -> None:
    before = await two_that_are_to_part(office)
    planned = await patched(office, before["id"], 200, **PARTED, allow_moves=True)
    assert [each["instance"] for each in planned["placement"]["moves"]] == ["b"]
    await patched(office, before["id"], **PARTED, allow_moves=True)
    assert len(await claims(office)) == 4  # one for where it goes
    found = await settled(office, before["id"])
    assert found["status"] == "ACTIVE"
    assert at(found) == await in_truth(office)
    assert at(found)["a"] == at(before)["a"] != at(found)["b"]
    assert len(await claims(office)) == 3


async def test_a_volume_follows_its_server(office: Office) -> None:
    before = await two_that_are_to_part(office)
    fixed = {**PARTED, "instances": [server("c")]}
    fixed["groupings"] = [*PARTED["groupings"], rule("affinity", "b", "c")]
    zone = next(each["zone"] for each in before["instances"])
    fixed["instances"] = [server("c", availability_zone=zone)]  # so it is the other that moves
    await patched(office, before["id"], **fixed, allow_moves=True)
    found = await settled(office, before["id"])
    assert found["status"] == "ACTIVE", found
    assert at(found) == await in_truth(office)
    assert at(found)["a"] == at(found)["a-vol"] != at(before)["a"]
    attached = {each["name"]: each["attached_to"] for each in found["instances"]}
    assert attached["a-vol"] == "a"


async def test_what_a_rebalancing_proposes_moves_whole_and_is_not_proposed_again(
    office: Office,
) -> None:
    before = await there(office, REDUNDANT)
    where = f"/v1/clouds/simulated/rebalance?away={at(before)['db-1']}"
    said = (await office.call("GET", where, None, "root")).json()["rebalance"]
    [move] = said["transfers"]
    assert (move["vcluster_id"], move["cluster_id"]) == (before["id"], None)
    assert move["instances"] == ["db-1", "db-1-vol"]
    assert move["target"] not in at(before).values()  # one of them has db-2
    change = {"move_instances": move["instances"], "to_host": move["target"]}
    path = f"/v2/ops/vclusters/{before['id']}"  # by whoever was told, as the command does
    answer = await office.call("PATCH", path, {"vcluster": change}, "root")
    assert answer.status_code == 202, answer.text
    found = await settled(office, before["id"])
    assert at(found) == at(before) | dict.fromkeys(move["instances"], move["target"])
    assert {f"data-{name}": host for name, host in at(found).items()} == await in_truth(office)
    again = (await office.call("GET", where, None, "root")).json()["rebalance"]
    assert (again["transfers"], again["unsolved"]) == ([], [])
    against = {"move_instances": ["db-2", "db-2-vol"], "to_host": move["target"]}
    refused = await patched(office, before["id"], 409, **against)
    assert "db-1" in refused["message"]
    assert at(await shown(office, before["id"])) == at(found)


@pytest.mark.parametrize("call", ["create_server", "create_volume", "attach_volume"])
async def test_an_update_that_cannot_be_is_taken_back(office: Office, call: str) -> None:
    before = await two_that_are_to_part(office)
    world(office).fail(call, "permanent")
    change = {"instances": [server("c"), volume("c-vol", 1, attach_to="c")], **PARTED}
    await patched(office, before["id"], **change, allow_moves=True)
    found = await settled(office, before["id"], 60)
    assert found["status_reason"].startswith("the update was taken back: ")
    assert at(found) == at(before)
    assert found["groupings"] == before["groupings"]
    assert await left(office) == (2, 1, 3)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"instances": [server("a")]}, "instances[0].name"),
        ({"instances": [volume("v", 0)]}, "instances[0].spec.size"),
        ({"remove_instances": ["x"]}, "remove_instances[0]"),
        ({"remove_instances": ["a"]}, "remove_instances[0]"),
        ({"remove_instances": ["a", "a-vol", "b"]}, "remove_instances"),
        ({"remove_groupings": ["x"]}, "remove_groupings[0]"),
        ({"move_instances": ["x"], "to_host": "h"}, "move_instances[0]"),
        ({"move_instances": ["a"]}, "to_host"),
        ({"move_instances": ["a", "a-vol"], "to_host": "nowhere"}, "to_host"),
        ({"groupings": [rule("affinity", "a", "x")]}, "groupings[0].membersRef"),
        ({"groupings": [rule("anti-affinity", "a", "b")]}, "groupings[0]"),
        ({"name": "other"}, "name"),
    ],
)
async def test_bad_input_is_named_by_its_field(office: Office, change: Any, field: str) -> None:
    before = await two_that_are_to_part(office)
    error = await patched(office, before["id"], 400, **change)
    assert error["field"] == f"vcluster.{field}"


async def test_what_was_shown_is_what_is_done_or_nothing(office: Office) -> None:
    before = await two_that_are_to_part(office)
    where, more = f"{WHERE}/{before['id']}", {"vcluster": {"instances": [server("c")]}}
    shown_first = (await office.call("PATCH", f"{where}?plan=true", more)).json()["hash"]
    assert (await office.call("PATCH", f"{where}?plan=true", more)).json()["hash"] == shown_first
    other = {"vcluster": {"instances": [server("d")]}}
    refused = await office.call("PATCH", f"{where}?plan_hash={shown_first}", other)
    assert (refused.status_code, refused.json()["error"]["type"]) == (409, "stale_plan")
    done = await office.call("PATCH", f"{where}?plan_hash={shown_first}", more)
    assert done.status_code == 202, done.text
    await settled(office, before["id"])
    less = {"vcluster": {"remove_instances": ["c"]}}
    late = await office.call("PATCH", f"{where}?plan_hash={shown_first}", less)
    assert late.json()["error"]["type"] == "stale_plan"
    assert "c" in at(await shown(office, before["id"]))


async def test_one_that_is_at_something_is_not_changed_meanwhile(office: Office) -> None:
    asked = await made(office, ONE_VOLUME)
    await patched(office, asked["id"], 409, instances=[server("x")])
    await settled(office, asked["id"])
    await patched(office, asked["id"], instances=[server("x")])
    await patched(office, asked["id"], 409, instances=[server("y")])
    await office.call("DELETE", f"{WHERE}/{asked['id']}")
    await office.go_on(20)
    assert await left(office) == (0, 0, 0)


async def test_bodies_of_every_form_are_read(office: Office) -> None:
    before = await there(office, ONE_VOLUME)
    one, two = json.dumps(server("x")), json.dumps(server("y"))
    said = f'{{"vcluster": {{"instances": {{"instance": {one}, "instance": {two}}}}}}}'
    headers = {"x-name": "ann", "content-type": "application/json"}
    answer = await office.clients["all"].patch(
        f"{WHERE}/{before['id']}", content=said, headers=headers
    )
    assert answer.status_code == 202, answer.text
    assert set(at(await settled(office, before["id"]))) == {"db", "db-vol", "x", "y"}


THREE_GO = {"remove_instances": ["b", "bv", "c"]}


async def four(office: Office) -> dict[str, Any]:
    things = [server("a"), server("b"), volume("bv", 3, attach_to="b"), server("c")]
    return await there(office, body(things, name="v"))


async def ref_of(office: Office, name: str) -> str:
    servers = await office.desk.clouds["simulated"].compute.list_servers()
    [ref] = [each.ref for each in servers if each.name == f"v-{name}"]
    return ref


async def only_a_is_left(office: Office, id: str, seconds: int = 20) -> None:
    found = await settled(office, id, seconds)
    assert (found["status"], found["status_reason"]) == ("ACTIVE", "it is there, whole")
    assert {each["name"]: each["status"] for each in found["instances"]} == {"a": "ACTIVE"}
    assert (await in_truth(office)).keys() == {"a"}
    assert [str(each.id) for each in await claims(office)] == [found["instances"][0]["id"]]


@pytest.mark.parametrize("call", ["delete_server", "delete_volume"])
@pytest.mark.parametrize(("error", "times"), [("permanent", 1), ("transient", 12)])
async def test_what_its_host_keeps_for_a_while_goes_later(
    office: Office, call: str, error: str, times: int
) -> None:
    before = await four(office)
    world(office).fail(call, error, times=times)
    await patched(office, before["id"], **THREE_GO)
    await only_a_is_left(office, before["id"], 300)


async def test_what_cannot_go_is_waited_for_and_that_is_said_also_after_a_restart(
    office: Office,
) -> None:
    before = await four(office)
    world(office).fail("delete_server", "permanent", match=await ref_of(office, "b"))
    await patched(office, before["id"], **THREE_GO)
    for _ in range(2):
        await office.go_on(60)
        found = await shown(office, before["id"])
        assert found["status"] == "UPDATING"
        assert found["status_reason"].startswith("waits for b to go: ")
        office.start_again()
    assert await left(office) == (2, 1, 4)  # the claims of all that went with it, too
    world(office).lift()
    await only_a_is_left(office, before["id"], 70)


async def test_one_of_whom_something_cannot_go_can_be_deleted(office: Office) -> None:
    before = await four(office)
    world(office).fail("delete_server", "permanent", times=3)
    await patched(office, before["id"], **THREE_GO)
    await office.engine.settle()
    assert (await shown(office, before["id"]))["status_reason"].startswith("waits for ")
    await office.call("DELETE", f"{WHERE}/{before['id']}")
    await office.go_on(20)
    assert await left(office) == (0, 0, 0)


async def test_what_breaks_while_others_go_does_not_keep_them(office: Office) -> None:
    """There is no way back any more, and nobody makes it a second time."""
    things = [server("a"), server("b"), server("c")]
    before = await there(office, body(things, name="v"))
    world(office).fail("delete_server", "permanent", match=await ref_of(office, "b"))
    await patched(office, before["id"], remove_instances=["b"], instances=[server("new")])
    await office.go_on(5)
    assert (await shown(office, before["id"]))["status_reason"].startswith("waits for b to go: ")
    world(office).lift()
    compute = office.desk.clouds["simulated"].compute
    await compute.delete_server(await ref_of(office, "new"))
    found = await settled(office, before["id"], 30)
    assert (found["status"], found["status_reason"]) == ("WARNING", "new: it is gone")
    assert (await in_truth(office)).keys() == {"a", "c"}


async def test_a_volume_that_cannot_leave_its_server_for_a_move_ends_the_update(
    office: Office,
) -> None:
    """Nobody has begun to go: it is as it was, on a host that is full with who has not left it."""
    before = await two_that_are_to_part(office)
    world(office).fail("detach_volume", "permanent", times=1)
    zone = before["instances"][0]["zone"]
    change = {
        "instances": [server("c", availability_zone=zone)],
        "groupings": [*PARTED["groupings"], rule("affinity", "b", "c")],
        "remove_groupings": PARTED["remove_groupings"],
    }
    await patched(office, before["id"], **change, allow_moves=True)
    found = await settled(office, before["id"], 60)
    assert found["status_reason"].startswith("the update was taken back: a-vol ")
    assert at(found) == at(before) == await in_truth(office)
    assert {each["status"] for each in found["instances"]} == {"ACTIVE"}
    assert await left(office) == (2, 1, 3)


async def test_who_cannot_go_back_stays_and_nobody_waits_for_room_that_others_have(
    office: Office, tmp_path: Path
) -> None:
    before = await two_that_are_to_part(office)
    zone = before["instances"][0]["zone"]
    change = {
        "instances": [server("c", availability_zone=zone)],
        "groupings": [*PARTED["groupings"], rule("affinity", "b", "c")],
        "remove_groupings": PARTED["remove_groupings"],
    }
    world(office).fail("create_server", "transient", match="v-c")
    await patched(office, before["id"], **change, allow_moves=True)
    await office.go_on(1)
    assert (await in_truth(office))["a"] != at(before)["a"]
    theirs = cloud_over(world(office), config(tmp_path / "theirs", office.clock))
    await theirs.compute.create_server(replace(an_order(uuid4()), host=at(before)["a"]))
    found = await settled(office, before["id"], 120)
    assert found["status_reason"].startswith("the update was taken back: c cannot be made: ")
    truth = await in_truth(office)
    assert at(found) == {name: truth[name] for name in at(found)}
    assert {(str(each.id), each.host) for each in await claims(office)} == {
        (each["id"], each["host"]) for each in found["instances"]
    }


@pytest.mark.parametrize("detached", ["", "permanent"])
async def test_a_volume_that_a_new_server_got_is_free_once_the_update_is_taken_back(
    office: Office, detached: str
) -> None:
    before = await there(office, body([server("a"), volume("free", 1)], name="v"))
    world(office).fail("create_volume", "permanent", match="v-w")
    if detached:
        world(office).fail("detach_volume", detached, times=1)
    change = {
        "instances": [server("c"), volume("w", 1)],
        "groupings": [rule("affinity", "c", "free")],
    }
    await patched(office, before["id"], **change)
    found = await settled(office, before["id"], 60)
    assert found["status_reason"].startswith("the update was taken back: ")
    attached = {each["name"]: each["attached_to"] for each in found["instances"]}
    assert attached == {each["name"]: each["attached_to"] for each in before["instances"]}
    assert await left(office) == (1, 1, 2)
    await patched(office, before["id"], instances=[server("d")])  # nothing is wrong with it
