"""Nodes of the clustering API, in clusters and alone."""

from typing import Any

import pytest

from caller import Caller

BAD = "HTTPBadRequest"
Shown = dict[str, Any]


async def test_a_node_alone_is_shown_as_asked_for_and_becomes_active(ann: Caller) -> None:
    profile = await ann.profile()
    said = {"name": "n1", "profile_id": "p1", "role": "master", "metadata": {"m": "1"}}
    answer = await ann.ask("POST", "/nodes", {"node": said})
    shown = answer.json()["node"]
    assert answer.status_code == 202
    assert "/v1/actions/" in answer.headers["location"]
    assert (shown["status"], shown["status_reason"]) == ("INIT", "Initializing")
    assert (shown["cluster_id"], shown["index"], shown["physical_id"]) == ("", -1, None)
    assert (shown["role"], shown["metadata"], shown["tainted"]) == ("master", {"m": "1"}, False)
    assert (shown["profile_id"], shown["profile_name"]) == (str(profile.id), "p1")
    await ann.office.go_on()
    again = await ann.node_again(shown)
    assert (again["status"], again["cluster_id"], again["index"]) == ("ACTIVE", "", -1)
    assert again["physical_id"]
    assert again["created_at"] is not None
    action = await ann.action(answer.headers["location"].rpartition("/")[2])
    assert (action["action"], action["status"]) == ("NODE_CREATE", "SUCCEEDED")
    assert (action["name"], action["cluster_id"]) == (f"node_create_{shown['id'][:8]}", "")
    assert action["cause"] == "RPC Request"
    assert (await ann.get("/clusters"))["clusters"] == [], "what looks after it is not shown"


async def test_a_node_made_in_a_cluster_gets_index_and_name_from_it(ann: Caller) -> None:
    profile = await ann.profile()
    cluster = await ann.cluster(profile, desired_capacity=1, config={"node.name.format": "web-$2I"})
    node = await ann.node(profile, name="given", cluster_id="c1")
    assert (node["name"], node["index"], node["cluster_id"]) == ("web-02", 2, cluster["id"])
    assert node["status"] == "ACTIVE"
    again = await ann.again(cluster)
    assert (again["desired_capacity"], len(again["nodes"]), again["status"]) == (2, 2, "ACTIVE")
    [action] = await ann.actions(action="NODE_CREATE", cause="RPC Request")
    assert (action.status, str(action.target)) == ("SUCCEEDED", node["id"])


async def test_a_node_that_its_cluster_has_no_room_for_is_on_its_own_and_in_error(
    ann: Caller,
) -> None:
    profile = await ann.profile()
    cluster = await ann.cluster(profile, desired_capacity=1, max_size=1)
    node = await ann.node(profile, cluster_id=cluster["id"])
    text = "The target capacity (2) is greater than the cluster's max_size (1)."
    assert (node["status"], node["status_reason"]) == ("ERROR", text)
    assert (node["cluster_id"], node["physical_id"]) == ("", None)
    [action] = await ann.actions(target=node["id"])
    assert (action.status, action.reason) == ("FAILED", text)
    assert (await ann.again(cluster))["desired_capacity"] == 1
    path = f"/nodes/{node['id']}"
    assert (await ann.done("POST", f"{path}/actions", {"check": {}}))["status"] == "FAILED"
    await ann.profile("p2")
    changed = await ann.done("PATCH", path, {"node": {"profile_id": "p2"}})
    assert (changed["status"], changed["status_reason"]) == ("FAILED", "The node has no server.")
    assert (await ann.node_again(node))["status"] == "ERROR"
    assert (await ann.done("DELETE", path))["status"] == "SUCCEEDED"
    assert (await ann.ask("GET", path)).status_code == 404


async def test_such_a_node_is_made_after_all_where_somebody_recovers_it(ann: Caller) -> None:
    profile = await ann.profile()
    cluster = await ann.cluster(profile, max_size=0)
    node = await ann.node(profile, cluster_id=cluster["id"])
    action = await ann.done("POST", f"/nodes/{node['id']}/actions", {"recover": {}})
    assert action["status"] == "SUCCEEDED"
    assert (await ann.node_again(node))["status"] == "ACTIVE"


@pytest.mark.parametrize(
    ("but", "type", "message"),
    [
        ({"name": ...}, BAD, "'name' is a required property"),
        ({"profile_id": ...}, BAD, "'profile_id' is a required property"),
        ({"profile_id": "no"}, "BadRequest", "The specified profile 'no' could not be found."),
        ({"cluster_id": "no"}, "BadRequest", "The specified cluster 'no' could not be found."),
        ({"x": 1}, BAD, "Additional properties are not allowed ('x' was unexpected)"),
        (
            {"profile_id": "stack", "cluster_id": "c1"},
            "BadRequest",
            "Node and cluster have different profile type, operation aborted.",
        ),
    ],
)
async def test_what_is_wrong_with_a_new_node_is_said(
    ann: Caller, but: Shown, type: str, message: str
) -> None:
    await ann.cluster(await ann.profile())
    await ann.profile("stack", "os.heat.stack-1.0")
    said = {"name": "n1", "profile_id": "p1", **but}
    body = {"node": {name: value for name, value in said.items() if value is not ...}}
    assert await ann.refusal("POST", "/nodes", body) == (400, type, message)
    assert (await ann.get("/nodes"))["nodes"] == []


async def test_nodes_are_listed_by_cluster_status_and_name(ann: Caller) -> None:
    profile = await ann.profile()
    cluster = await ann.cluster(profile, desired_capacity=2)
    alone = await ann.node(profile)
    assert {each["id"] for each in (await ann.get("/nodes"))["nodes"]} == {
        *cluster["nodes"],
        alone["id"],
    }
    for said in (cluster["id"], "c1", cluster["id"][:8]):
        found = (await ann.get(f"/nodes?cluster_id={said}&sort=index:desc&limit=1"))["nodes"]
        assert [each["index"] for each in found] == [2]
    assert len((await ann.get("/nodes?cluster_id="))["nodes"]) == 3
    assert [e["id"] for e in (await ann.get("/nodes?name=n1"))["nodes"]] == [alone["id"]]
    assert (await ann.get("/nodes?status=ERROR"))["nodes"] == []
    told = await ann.refusal("GET", "/nodes?cluster_id=nosuch")
    assert told == (400, "BadRequest", "Cannot find the given cluster: nosuch.")
    assert (await ann.refusal("GET", "/nodes?bogus=1"))[2] == "Invalid parameter bogus"
    assert (await ann.refusal("GET", "/nodes?sort=bogus"))[2] == (
        "Unsupported sort key 'bogus' for 'sort'."
    )


async def test_whether_a_node_is_tainted_is_shown_to_those_who_know_the_word(ann: Caller) -> None:
    node = await ann.node(await ann.profile())
    path, body = f"/nodes/{node['id']}", {"node": {"tainted": True}}
    old = (await ann.ask("GET", path, version="1.12")).json()["node"]
    assert "tainted" not in old
    told = await ann.refusal("PATCH", path, body, version="1.12")
    assert told == (400, "BadRequest", "No property needs an update.")
    assert (await ann.done("PATCH", path, body))["status"] == "SUCCEEDED"
    assert (await ann.node_again(node))["tainted"] is True


async def test_details_come_from_the_cloud(ann: Caller) -> None:
    node = await ann.node(await ann.profile())
    shown = (await ann.get(f"/nodes/{node['id']}?show_details=True"))["node"]["details"]
    assert (shown["id"], shown["status"]) == (node["physical_id"], "ACTIVE")
    [addresses] = shown["addresses"].values()
    assert addresses[0]["version"] == 4
    assert list(shown) == sorted(shown)
    assert "details" not in (await ann.get(f"/nodes/{node['id']}"))["node"]
    told = await ann.refusal("GET", f"/nodes/{node['id']}?show_details=maybe")
    assert told == (400, BAD, "Invalid value 'maybe' specified for 'show_details'")


async def test_a_node_without_a_server_has_no_details(ann: Caller) -> None:
    profile = await ann.profile()
    cluster = await ann.cluster(profile, max_size=0)
    node = await ann.node(profile, cluster_id=cluster["id"])
    assert "details" not in (await ann.get(f"/nodes/{node['id']}?show_details=true"))["node"]


async def test_a_change_of_a_node_answers_with_what_was_before(ann: Caller) -> None:
    node = await ann.node(await ann.profile(), role="master")
    said = {"name": "n1b", "role": "slave", "metadata": {"z": "1"}}
    answer = await ann.ask("PATCH", f"/nodes/{node['id']}", {"node": said})
    assert answer.status_code == 202
    assert answer.json()["node"]["name"] == "n1"
    action = await ann.action(answer.headers["location"].rpartition("/")[2])
    assert (action["action"], action["status"]) == ("NODE_UPDATE", "SUCCEEDED")
    again = await ann.node_again(node)
    assert {name: again[name] for name in said} == said
    path = f"/nodes/{node['id']}"
    for body in ({}, {"name": "n1b"}, {"profile_id": "p1"}):
        told = await ann.refusal("PATCH", path, {"node": body})
        assert told == (400, "BadRequest", "No property needs an update.")
    assert (await ann.done("PATCH", path, {"node": {"name": None}}))["status"] == "SUCCEEDED"


@pytest.mark.parametrize("member", [True, False])
async def test_a_new_profile_gives_a_node_another_server(ann: Caller, member: bool) -> None:
    profile = await ann.profile()
    cluster = await ann.cluster(profile, desired_capacity=1)
    node = (await ann.nodes(cluster))[0] if member else await ann.node(profile)
    second = await ann.profile("p2", shape="new")
    action = await ann.done("PATCH", f"/nodes/{node['id']}", {"node": {"profile_id": "p2"}})
    assert (action["status"], action["status_reason"]) == (
        "SUCCEEDED",
        "Action completed successfully.",
    )
    after = await ann.node_again(node)
    assert (after["profile_id"], after["status"]) == (str(second.id), "ACTIVE")
    assert (after["id"], after["name"]) == (node["id"], node["name"])
    assert after["physical_id"] != node["physical_id"]


async def test_a_node_takes_only_profiles_of_its_own_type(ann: Caller) -> None:
    node = await ann.node(await ann.profile())
    await ann.profile("stack", "os.heat.stack-1.0")
    told = await ann.refusal("PATCH", f"/nodes/{node['id']}", {"node": {"profile_id": "stack"}})
    text = "Cannot update a node to a different profile type, operation aborted."
    assert told == (400, "BadRequest", text)


async def test_a_deleted_member_makes_its_cluster_smaller(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile(), desired_capacity=2)
    first, _ = await ann.nodes(cluster)
    answer = await ann.ask("DELETE", f"/nodes/{first['id']}")
    assert (answer.status_code, answer.text) == (202, "null")
    await ann.office.go_on()
    action = await ann.action(answer.headers["location"].rpartition("/")[2])
    assert (action["action"], action["status"]) == ("NODE_DELETE", "SUCCEEDED")
    assert (await ann.ask("GET", f"/nodes/{first['id']}")).status_code == 404
    again = await ann.again(cluster)
    assert (again["desired_capacity"], len(again["nodes"]), again["status"]) == (1, 1, "ACTIVE")


async def test_a_member_that_its_cluster_needs_is_not_deleted(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile(), desired_capacity=1, min_size=1)
    [node] = await ann.nodes(cluster)
    action = await ann.done("DELETE", f"/nodes/{node['id']}")
    text = "The target capacity (0) is less than the cluster's min_size (1)."
    assert (action["status"], action["status_reason"]) == ("FAILED", text)
    assert (await ann.node_again(node))["status"] == "ACTIVE"


@pytest.mark.slow
async def test_a_node_that_is_being_made_is_deleted_by_force_only(ann: Caller) -> None:
    node = await ann.node(await ann.profile(simulated_wait_time="60"))
    path = f"/nodes/{node['id']}"
    status, type, text = await ann.refusal("DELETE", path)
    assert (status, type) == (409, "ActionInProgress")
    assert text == f"The node '{node['id']}' is in status CREATING."
    assert (await ann.refusal("DELETE", path, {"force": True}, version="1.7"))[0] == 409
    action = await ann.accepted("DELETE", f"{path}?force=true")
    assert (await ann.refusal("DELETE", path))[1] == "ActionInProgress"
    assert (await ann.accepted("DELETE", path, {"force": True}))["id"] == action["id"]
    [creation] = await ann.actions(action="NODE_CREATE", cause="RPC Request")
    assert creation.status == "CANCELLED"
    await ann.office.go_on(150)
    assert (await ann.ask("GET", path)).status_code == 404
    assert (await ann.action(action["id"]))["status"] == "SUCCEEDED"
    assert await ann.solo(node["id"]) is None
    assert not await ann.office.desk.cloud("simulated").compute.list_servers()


@pytest.mark.parametrize("member", [True, False])
@pytest.mark.parametrize(
    "said",
    [
        {"check": {}},
        {"recover": {}},
        {"recover": {"operation": "recreate", "check": False, "delete_timeout": 20}},
        {"recover": {"operation": "REBOOT", "operation_params": {"type": "SOFT"}}},
        {"recover": {"operation": "REBUILD"}},
        {"recover": {"check": True}},
    ],
)
async def test_a_node_is_checked_and_recovered(ann: Caller, said: Shown, member: bool) -> None:
    profile = await ann.profile()
    cluster = await ann.cluster(profile, desired_capacity=1)
    node = (await ann.nodes(cluster))[0] if member else await ann.node(profile)
    action = await ann.done("POST", f"/nodes/{node['id']}/actions", said)
    assert (action["status"], action["status_reason"]) == (
        "SUCCEEDED",
        "Action completed successfully.",
    )
    after = await ann.node_again(node)
    assert after["status"] == "ACTIVE"
    recreated = said in ({"recover": {}},) or "delete_timeout" in str(said)
    assert (after["physical_id"] != node["physical_id"]) == recreated


@pytest.mark.parametrize(
    ("said", "type", "message"),
    [
        (None, BAD, "No action specified."),
        ({}, BAD, "No action specified."),
        ({"check": {}, "recover": {}}, BAD, "Multiple actions specified."),
        ({"bogus": {}}, BAD, "Unrecognized action 'bogus' specified"),
        ({"check": None}, BAD, "The params provided is not a map."),
        (
            {"recover": {"operation": "bogus"}},
            "BadRequest",
            "Operation value 'bogus' has to be one of the following: REBOOT, REBUILD, RECREATE.",
        ),
        (
            {"recover": {"bogus": 1}},
            "BadRequest",
            "Action parameter ['bogus'] is not recognizable.",
        ),
        (
            {"recover": {"operation": "REBOOT", "operation_params": {"type": "X"}}},
            "BadRequest",
            "Type field 'X' in operation_params has to be one of the following: SOFT, HARD.",
        ),
    ],
)
async def test_what_is_wrong_with_an_action_on_a_node_is_said(
    ann: Caller, said: Shown | None, type: str, message: str
) -> None:
    node = await ann.node(await ann.profile())
    assert await ann.refusal("POST", f"/nodes/{node['id']}/actions", said) == (400, type, message)
    assert (await ann.refusal("POST", "/nodes/nosuch/actions", {"check": {}}))[0] == 404


async def test_operations_are_those_of_the_profile_type(ann: Caller) -> None:
    node = await ann.node(await ann.profile())
    path = f"/nodes/{node['id']}/ops"
    for word in ("reboot", "stop", "start", "pause", "unpause", "suspend", "resume"):
        action = await ann.done("POST", path, {word: {}})
        assert (action["action"], action["status"]) == ("NODE_OPERATION", "SUCCEEDED"), word
        assert action["name"] == f"node_{word}_{node['id'][:8]}"
        assert action["inputs"]["operation"] == word
    assert (await ann.node_again(node))["status"] == "ACTIVE"


@pytest.mark.parametrize(
    ("said", "type", "message"),
    [
        ({}, BAD, "No operation specified."),
        ({"start": {}, "stop": {}}, BAD, "Multiple operations specified."),
        (
            {"migrate": {}},
            "BadRequest",
            "The requested operation 'migrate' is not supported by the profile type "
            "'os.nova.server-1.0'.",
        ),
        (
            {"reboot": {"type": "BOGUS"}},
            "BadRequest",
            "'BOGUS' must be one of the allowed values: SOFT, HARD.",
        ),
        ({"reboot": {"y": 1}}, "BadRequest", "Unrecognizable parameter 'y'."),
        (
            {"start": {"y": 1}},
            BAD,
            "The server could not comply with the request since it is either malformed or "
            "otherwise incorrect.",
        ),
    ],
)
async def test_what_is_wrong_with_an_operation_is_said(
    ann: Caller, said: Shown, type: str, message: str
) -> None:
    node = await ann.node(await ann.profile())
    assert await ann.refusal("POST", f"/nodes/{node['id']}/ops", said) == (400, type, message)
    told = await ann.refusal("POST", f"/nodes/{node['id']}/ops", {"start": {}}, version="1.3")
    text = "API version '1.3' is not supported on this method."
    assert told == (400, "MethodVersionNotFound", text)
