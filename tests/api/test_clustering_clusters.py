"""Clusters of the clustering API: what may be asked of them, and what comes of it."""

from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from caller import Caller
from muster.model.cluster import ClusterStatus
from muster.model.receiver import Receiver, ReceiverType
from muster.ports.store import Query
from office import Office, opened

ALL = Query()
BAD = "HTTPBadRequest"


async def test_a_new_cluster_is_shown_as_asked_for_and_becomes_active(ann: Caller) -> None:
    profile = await ann.profile()
    said = {
        "name": "c1",
        "profile_id": "p1",
        "desired_capacity": "2",
        "max_size": 10,
        "metadata": {"a": "b"},
        "timeout": 600,
        "config": {"node.name.format": "web-$3I"},
    }
    answer = await ann.ask("POST", "/clusters", {"cluster": said})
    shown = answer.json()["cluster"]
    assert answer.status_code == 202
    assert answer.headers["location"].startswith("http://127.0.0.1:8778/v1/actions/")
    assert (shown["status"], shown["status_reason"]) == ("INIT", "Initializing")
    assert (shown["nodes"], shown["policies"], shown["created_at"]) == ([], [], None)
    assert (shown["min_size"], shown["max_size"], shown["desired_capacity"]) == (0, 10, 2)
    assert (shown["profile_id"], shown["profile_name"]) == (str(profile.id), "p1")
    assert (shown["timeout"], shown["config"]) == (600, said["config"])
    await ann.office.go_on()
    again = await ann.again(shown)
    assert (again["status"], len(again["nodes"])) == ("ACTIVE", 2)
    assert again["created_at"] is not None
    assert [each["name"] for each in await ann.nodes(shown)] == ["web-001", "web-002"]
    action = await ann.action(answer.headers["location"].rpartition("/")[2])
    assert (action["action"], action["name"]) == (
        "CLUSTER_CREATE",
        f"cluster_create_{shown['id'][:8]}",
    )
    assert (action["status"], action["status_reason"], action["timeout"]) == (
        "SUCCEEDED",
        "Action completed successfully.",
        600,
    )


async def test_sizes_not_given_are_nothing_and_no_limit(ann: Caller) -> None:
    profile = await ann.profile()
    plain = await ann.cluster(profile)
    assert (plain["min_size"], plain["max_size"], plain["desired_capacity"]) == (0, -1, 0)
    low = await ann.cluster(profile, min_size=1, desired_capacity=None, metadata=None, timeout=None)
    assert (low["desired_capacity"], low["metadata"], low["timeout"]) == (1, {}, 3600)
    none = await ann.cluster(profile, max_size=0)
    assert none["max_size"] == 0


@pytest.mark.parametrize(
    ("but", "type", "message"),
    [
        ({"name": ...}, BAD, "'name' is a required property"),
        ({"profile_id": ...}, BAD, "'profile_id' is a required property"),
        ({"profile_id": "no"}, "BadRequest", "The specified profile 'no' could not be found."),
        ({"parent": "x"}, BAD, "Additional properties are not allowed ('parent' was unexpected)"),
        (
            {"desired_capacity": 5, "max_size": 3},
            "BadRequest",
            "The target capacity (5) is greater than the specified max_size (3).",
        ),
        (
            {"desired_capacity": 1, "min_size": 3},
            "BadRequest",
            "The target capacity (1) is less than the specified min_size (3).",
        ),
        (
            {"min_size": 5, "max_size": 3, "desired_capacity": 5},
            "BadRequest",
            "The target capacity (5) is greater than the specified max_size (3).",
        ),
        (
            {"desired_capacity": -1},
            BAD,
            "The value for the desired_capacity field must be greater than or equal to 0.",
        ),
        ({"min_size": "x"}, BAD, "The value for min_size must be an integer: 'x'."),
        (
            {"name": "a b"},
            BAD,
            "The value for the 'name' (a b) contains illegal characters. It must contain only "
            'alphanumeric or "_-.~" characters and must start with letter.',
        ),
    ],
)
async def test_what_is_wrong_with_a_new_cluster_is_said(
    ann: Caller, but: dict[str, Any], type: str, message: str
) -> None:
    await ann.profile()
    said = {"name": "c1", "profile_id": "p1", **but}
    body = {"cluster": {name: value for name, value in said.items() if value is not ...}}
    assert await ann.refusal("POST", "/clusters", body) == (400, type, message)
    assert (await ann.get("/clusters"))["clusters"] == []


async def test_two_profiles_of_one_name_have_to_be_told_apart(ann: Caller) -> None:
    for _ in range(2):
        await ann.profile("dup")
    body = {"cluster": {"name": "c1", "profile_id": "dup"}}
    text = "Multiple results found matching the query criteria 'dup'. Please be more specific."
    assert await ann.refusal("POST", "/clusters", body) == (400, "MultipleChoices", text)


async def test_clusters_may_share_a_name_and_then_it_names_neither(ann: Caller) -> None:
    profile = await ann.profile()
    first = await ann.cluster(profile, name="twin")
    await ann.cluster(profile, name="twin")
    status, type, _ = await ann.refusal("GET", "/clusters/twin")
    assert (status, type) == (400, "MultipleChoices")
    assert (await ann.get(f"/clusters/{first['id'][:8]}"))["cluster"]["id"] == first["id"]


async def test_a_project_has_only_so_many_clusters(tmp_path: Path) -> None:
    async with opened(tmp_path, max_clusters=1) as office:
        ann = Caller(office)
        await ann.cluster(await ann.profile())
        body = {"cluster": {"name": "c2", "profile_id": "p1"}}
        assert (await ann.refusal("POST", "/clusters", body))[:2] == (403, "OverQuota")


async def test_a_change_answers_with_what_was_before(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile(), metadata={"a": "b"})
    said = {"name": "c2", "metadata": {"new": "md"}, "timeout": 700, "config": {"x": "y"}}
    answer = await ann.ask("PATCH", f"/clusters/{cluster['id']}", {"cluster": said})
    assert answer.status_code == 202
    assert (answer.json()["cluster"]["name"], answer.json()["cluster"]["timeout"]) == ("c1", 3600)
    action = await ann.action(answer.headers["location"].rpartition("/")[2])
    assert (action["status"], action["inputs"]) == ("SUCCEEDED", said)
    again = await ann.again(cluster)
    assert {name: again[name] for name in said} == said


async def test_a_change_of_nothing_is_refused_but_a_null_is_an_action(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile())
    path = f"/clusters/{cluster['id']}"
    for body in ({}, {"name": "c1"}, {"profile_id": "p1"}, {"name": "c1", "profile_only": True}):
        told = await ann.refusal("PATCH", path, {"cluster": body})
        assert told == (400, "BadRequest", "No property needs an update.")
    for body in ({"name": None}, {"profile_id": None}, {"name": None, "timeout": None}):
        action = await ann.done("PATCH", path, {"cluster": body})
        assert (action["status"], action["inputs"]) == ("SUCCEEDED", {})


async def test_sizes_are_not_changed_by_an_update(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile())
    told = await ann.refusal("PATCH", f"/clusters/{cluster['id']}", {"cluster": {"min_size": 1}})
    assert told[1:] == (BAD, "Additional properties are not allowed ('min_size' was unexpected)")
    told = await ann.refusal("PATCH", f"/clusters/{cluster['id']}", {"x": 1})
    assert told[2] == "Malformed request data, missing 'cluster' key in request body."


async def test_fields_newer_than_the_request_are_not_heard(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile())
    path, body = f"/clusters/{cluster['id']}", {"cluster": {"config": {"x": "y"}}}
    assert (await ann.refusal("PATCH", path, body, version="1.6"))[0] == 400
    answer = await ann.ask("PATCH", path, body, version="1.7")
    assert answer.status_code == 202


async def test_a_cluster_takes_only_profiles_of_its_own_type(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile())
    await ann.profile("stack", "os.heat.stack-1.0")
    path = f"/clusters/{cluster['id']}"
    told = await ann.refusal("PATCH", path, {"cluster": {"profile_id": "stack"}})
    text = "Cannot update a cluster to a different profile type, operation aborted."
    assert told == (400, "BadRequest", text)
    told = await ann.refusal("PATCH", path, {"cluster": {"profile_id": "no"}})
    assert told[2] == "The specified profile 'no' could not be found."


async def test_only_the_profile_of_the_cluster_changes_where_that_is_all_that_is_asked(
    ann: Caller,
) -> None:
    first = await ann.profile()
    cluster = await ann.cluster(first, desired_capacity=1)
    second = await ann.profile("p2")
    said = {"profile_id": "p2", "profile_only": True}
    action = await ann.done("PATCH", f"/clusters/{cluster['id']}", {"cluster": said})
    assert action["status"] == "SUCCEEDED"
    assert (await ann.again(cluster))["profile_id"] == str(second.id)
    [node] = await ann.nodes(cluster)
    assert node["profile_id"] == str(first.id)


async def test_a_new_profile_comes_to_every_node_which_keeps_its_name_and_place(
    ann: Caller,
) -> None:
    cluster = await ann.cluster(await ann.profile(), desired_capacity=2)
    before = await ann.nodes(cluster)
    second = await ann.profile("p2", shape="new")
    body = {"cluster": {"profile_id": "p2"}}
    action = await ann.done("PATCH", f"/clusters/{cluster['id']}", body)
    assert (action["status"], action["inputs"]) == ("SUCCEEDED", {"new_profile_id": str(second.id)})
    after = await ann.nodes(cluster)
    assert [(e["id"], e["name"], e["index"]) for e in after] == [
        (e["id"], e["name"], e["index"]) for e in before
    ]
    assert {each["profile_name"] for each in after} == {"p2"}
    assert {each["physical_id"] for each in after}.isdisjoint(e["physical_id"] for e in before)
    assert (await ann.again(cluster))["profile_name"] == "p2"


async def test_a_cluster_in_error_is_not_changed(ann: Caller, office: Office) -> None:
    cluster = await ann.cluster(await ann.profile())
    stored = await office.stored(cluster["id"])
    await office.put(replace(stored, status=ClusterStatus.ERROR))
    told = await ann.refusal("PATCH", f"/clusters/{cluster['id']}", {"cluster": {"name": "x"}})
    assert told[:2] == (409, "FeatureNotSupported")


async def test_a_configuration_without_sense_is_a_change_that_failed(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile())
    body = {"cluster": {"config": {"cluster.stop_timeout_before_update": "soon"}}}
    action = await ann.done("PATCH", f"/clusters/{cluster['id']}", body)
    assert action["status"] == "FAILED"
    assert "cluster.stop_timeout_before_update" in action["status_reason"]
    assert (await ann.again(cluster))["config"] == {}


async def test_a_deleted_cluster_is_gone_with_its_nodes(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile(), desired_capacity=2)
    answer = await ann.ask("DELETE", f"/clusters/{cluster['id']}")
    assert (answer.status_code, answer.text) == (202, "null")
    await ann.office.go_on()
    action = await ann.action(answer.headers["location"].rpartition("/")[2])
    assert (action["action"], action["status"]) == ("CLUSTER_DELETE", "SUCCEEDED")
    text = f"The cluster '{cluster['id']}' could not be found."
    assert await ann.refusal("GET", f"/clusters/{cluster['id']}") == (404, "ResourceNotFound", text)
    assert (await ann.get("/nodes"))["nodes"] == []
    assert (await ann.refusal("DELETE", "/clusters/nosuch"))[0] == 404


async def test_a_cluster_that_is_being_made_is_deleted_by_force_only(ann: Caller) -> None:
    profile = await ann.profile(simulated_wait_time="60")
    cluster = await ann.cluster(profile, desired_capacity=1)
    assert cluster["status"] == "CREATING"
    path = f"/clusters/{cluster['id']}"
    status, type, text = await ann.refusal("DELETE", path)
    assert (status, type) == (409, "ActionInProgress")
    assert text == f"The cluster '{cluster['id']}' is in status CREATING."
    assert (await ann.refusal("DELETE", f"{path}?force=true", version="1.7"))[0] == 409
    assert (await ann.refusal("DELETE", path, {"force": True}, version="1.7"))[0] == 409
    told = await ann.refusal("DELETE", f"{path}?force=maybe")
    assert told == (400, BAD, "Invalid value 'maybe' specified for 'force'")
    action = await ann.accepted("DELETE", path, {"force": True})
    assert action["action"] == "CLUSTER_DELETE"
    again = await ann.accepted("DELETE", f"{path}?force=true")
    assert again["id"] == action["id"]
    [creation] = await ann.actions(action="CLUSTER_CREATE")
    assert (creation.status, creation.reason) == ("CANCELLED", "the cluster is being deleted")


async def test_policies_and_receivers_keep_a_cluster(ann: Caller, office: Office) -> None:
    cluster = await ann.cluster(await ann.profile())
    policy = await ann.policy("scaling-1.0", "grow", event="CLUSTER_SCALE_OUT")
    await ann.attach(cluster, policy)
    await a_receiver(ann, office, cluster, "door")
    path = f"/clusters/{cluster['id']}"
    status, type, text = await ann.refusal("DELETE", path)
    assert (status, type) == (409, "ResourceInUse")
    assert "policy(s) attached to it: grow" in text
    assert "receiver(s) associated with it: door" in text
    action = await ann.done("DELETE", f"{path}?force=true")
    assert action["status"] == "SUCCEEDED"
    left = await office.desk.store.read(
        lambda tx: [*tx.bindings.find(ALL), *tx.receivers.find(ALL)]
    )
    assert left == []


async def test_they_go_with_it_where_the_installation_says_so(tmp_path: Path) -> None:
    async with opened(tmp_path, delete_with_dependency=True) as office:
        ann = Caller(office)
        cluster = await ann.cluster(await ann.profile())
        await ann.attach(cluster, await ann.policy("scaling-1.0", event="CLUSTER_SCALE_OUT"))
        action = await ann.done("DELETE", f"/clusters/{cluster['id']}")
        assert action["status"] == "SUCCEEDED"


async def a_receiver(ann: Caller, office: Office, cluster: dict[str, Any], name: str) -> None:
    receiver = Receiver(
        id=uuid4(),
        project="demo",
        user="ann",
        name=name,
        type=ReceiverType.WEBHOOK,
        cluster_id=UUID(cluster["id"]),
        created_at=office.clock.now(),
    )
    await office.desk.store.write(lambda tx: tx.receivers.put(receiver))


async def test_names_are_unique_where_the_installation_says_so(tmp_path: Path) -> None:
    async with opened(tmp_path, name_unique=True) as office:
        ann, bob = Caller(office), Caller(office, who="bob")
        spec = {"type": "os.nova.server", "version": "1.0", "properties": {"flavor": "tiny"}}
        rule = {
            "type": "senlin.policy.scaling",
            "version": "1.0",
            "properties": {"event": "CLUSTER_SCALE_OUT"},
        }
        for noun, said in (
            ("profile", {"spec": spec}),
            ("policy", {"spec": rule}),
            ("cluster", {"profile_id": "x"}),
            ("node", {"profile_id": "x"}),
            ("receiver", {"type": "message"}),
        ):
            path = "/policies" if noun == "policy" else f"/{noun}s"
            body = {noun: {"name": "x", **said}}
            assert (await ann.ask("POST", path, body)).status_code in (201, 202), noun
            told = await ann.refusal("POST", path, body)
            assert told == (400, "BadRequest", f"A {noun} named 'x' already exists.")
        assert (
            await bob.ask("POST", "/profiles", {"profile": {"name": "x", "spec": spec}})
        ).is_success
