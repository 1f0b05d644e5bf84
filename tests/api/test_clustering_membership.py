"""Members of a cluster: added, removed, replaced; and the texts of what is wrong with them."""

from typing import Any

import pytest

from caller import Caller

Shown = dict[str, Any]


async def refused(ann: Caller, cluster: Shown, **said: Any) -> tuple[int, str, str]:
    """Return the refusal of an action; nothing has changed by it."""
    before = await ann.again(cluster)
    told: tuple[int, str, str] = await ann.refusal(
        "POST", f"/clusters/{cluster['id']}/actions", said
    )
    assert await ann.again(cluster) == before
    return told


async def test_a_node_that_joins_keeps_name_and_server_and_gets_an_index(ann: Caller) -> None:
    profile = await ann.profile()
    cluster = await ann.cluster(profile, desired_capacity=1)
    node = await ann.node(profile, role="master")
    assert (node["cluster_id"], node["index"]) == ("", -1)
    action = await ann.act(cluster, add_nodes={"nodes": ["n1"]})
    assert (action["status"], action["inputs"]) == ("SUCCEEDED", {"nodes": [node["id"]]})
    assert action["outputs"] == {"nodes_added": [node["id"]]}
    after = await ann.node_again(node)
    assert (after["cluster_id"], after["index"]) == (cluster["id"], 2)
    assert (after["name"], after["physical_id"]) == ("n1", node["physical_id"])
    again = await ann.again(cluster)
    assert (again["desired_capacity"], again["status"]) == (2, "ACTIVE")
    [child] = await ann.actions(action="NODE_JOIN")
    assert (child.parent, child.cause, child.status) == (
        (await ann.actions(action="CLUSTER_ADD_NODES"))[0].id,
        "Derived Action",
        "SUCCEEDED",
    )
    assert await ann.solo(node["id"]) is None


async def test_a_member_that_leaves_lives_on_by_itself(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile(), desired_capacity=2)
    first, _ = await ann.nodes(cluster)
    action = await ann.act(cluster, del_nodes={"nodes": [first["id"]]})
    assert (action["status"], action["outputs"]) == ("SUCCEEDED", {"nodes_removed": [first["id"]]})
    after = await ann.node_again(first)
    assert (after["cluster_id"], after["index"], after["status"]) == ("", -1, "ACTIVE")
    assert after["physical_id"] == first["physical_id"]
    again = await ann.again(cluster)
    assert (again["desired_capacity"], first["id"] in again["nodes"]) == (1, False)
    assert (await ann.done("DELETE", f"/nodes/{first['id']}"))["status"] == "SUCCEEDED"
    assert (await ann.ask("GET", f"/nodes/{first['id']}")).status_code == 404


async def test_what_was_asked_of_a_node_is_done_wherever_it_belongs_by_then(ann: Caller) -> None:
    """It joins, or leaves, before anybody has begun with it."""
    profile = await ann.profile()
    cluster = await ann.cluster(profile, desired_capacity=1)
    node = await ann.node(profile)
    path = f"/nodes/{node['id']}/ops"
    asked = await ann.accepted("POST", path, {"reboot": {}})
    await ann.act(cluster, add_nodes={"nodes": ["n1"]})
    assert (await ann.action(asked["id"]))["status"] == "SUCCEEDED"
    asked = await ann.accepted("POST", path, {"reboot": {}})
    await ann.act(cluster, del_nodes={"nodes": [node["id"]]})
    assert (await ann.action(asked["id"]))["status"] == "SUCCEEDED"


async def test_indexes_are_never_given_again(ann: Caller) -> None:
    profile = await ann.profile()
    cluster = await ann.cluster(profile, desired_capacity=2)
    first, second = await ann.nodes(cluster)
    await ann.act(cluster, del_nodes={"nodes": [first["id"], second["id"]]})
    await ann.act(cluster, add_nodes={"nodes": [second["id"], first["id"]]})
    await ann.act(cluster, scale_out={})
    assert sorted(each["index"] for each in await ann.nodes(cluster)) == [3, 4, 5]
    assert (await ann.node_again(second))["index"] == 3


async def test_members_are_destroyed_where_that_is_asked(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile(), desired_capacity=2)
    first, _ = await ann.nodes(cluster)
    said = {"nodes": [first["id"]], "destroy_after_deletion": True}
    action = await ann.act(cluster, del_nodes=said)
    assert action["status"] == "SUCCEEDED"
    assert (await ann.ask("GET", f"/nodes/{first['id']}")).status_code == 404
    assert (await ann.again(cluster))["desired_capacity"] == 1


async def test_old_requests_cannot_ask_for_destruction(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile(), desired_capacity=1)
    [node] = await ann.nodes(cluster)
    said = {"del_nodes": {"nodes": [node["id"]], "destroy_after_deletion": True}}
    answer = await ann.ask("POST", f"/clusters/{cluster['id']}/actions", said, version="1.3")
    assert answer.status_code == 202
    await ann.office.go_on()
    assert (await ann.node_again(node))["cluster_id"] == ""


@pytest.mark.parametrize("destroy", [True, False])
async def test_a_deletion_policy_says_what_becomes_of_those_that_leave(
    ann: Caller, destroy: bool
) -> None:
    cluster = await ann.cluster(await ann.profile(), desired_capacity=2)
    policy = await ann.policy(
        "deletion-1.0", destroy_after_deletion=destroy, reduce_desired_capacity=True
    )
    await ann.attach(cluster, policy)
    [first, _] = await ann.nodes(cluster)
    await ann.act(cluster, del_nodes={"nodes": [first["id"]]})
    answer = await ann.ask("GET", f"/nodes/{first['id']}")
    assert answer.status_code == (404 if destroy else 200)
    assert (await ann.again(cluster))["desired_capacity"] == 1


@pytest.mark.parametrize("destroy", [True, False])
@pytest.mark.parametrize("by_name", [True, False])
async def test_who_is_named_to_go_has_the_grace_of_a_deletion_policy(
    ann: Caller, destroy: bool, by_name: bool
) -> None:
    cluster = await ann.cluster(await ann.profile(), desired_capacity=2)
    policy = await ann.policy("deletion-1.0", grace_period=20, destroy_after_deletion=destroy)
    await ann.attach(cluster, policy)
    [first, _] = await ann.nodes(cluster)
    said = {"del_nodes": {"nodes": [first["id"]]}}
    where = f"/nodes/{first['id']}" if by_name else f"/clusters/{cluster['id']}/actions"
    wish = await ann.accepted(*(("DELETE", where) if by_name else ("POST", where, said)))
    await ann.office.go_on(15)
    assert (await ann.node_again(first))["cluster_id"] == cluster["id"]
    assert (await ann.action(wish["id"]))["status"] in ("RUNNING", "WAITING")
    await ann.office.go_on(10)
    answer = await ann.ask("GET", f"/nodes/{first['id']}")
    assert answer.status_code == (404 if destroy or by_name else 200)
    assert (await ann.action(wish["id"]))["status"] == "SUCCEEDED"


async def test_a_replacement_takes_a_place_and_the_sizes_stay(ann: Caller) -> None:
    profile = await ann.profile()
    cluster = await ann.cluster(profile, desired_capacity=2)
    old, _ = await ann.nodes(cluster)
    new = await ann.node(profile)
    action = await ann.act(cluster, replace_nodes={"nodes": {old["id"]: "n1"}})
    assert (action["status"], action["inputs"]) == (
        "SUCCEEDED",
        {"candidates": {old["id"]: new["id"]}},
    )
    assert (await ann.node_again(new))["index"] == 3
    assert (await ann.node_again(old))["cluster_id"] == ""
    again = await ann.again(cluster)
    assert (again["desired_capacity"], len(again["nodes"]), again["status"]) == (2, 2, "ACTIVE")


@pytest.mark.slow
async def test_a_member_that_is_asked_to_leave_alone_is_not_missed(ann: Caller) -> None:
    """Three clusters in a row own the same server; nobody deletes it and nobody makes another."""
    profile = await ann.profile()
    node = await ann.node(profile)
    for name in ("a", "b", "c"):
        cluster = await ann.cluster(profile, name=name)
        await ann.act(cluster, add_nodes={"nodes": [node["id"]]})
        await ann.act(cluster, del_nodes={"nodes": [node["id"]]})
        assert (await ann.again(cluster))["nodes"] == []
    await ann.office.go_on(30)
    after = await ann.node_again(node)
    assert (after["physical_id"], after["status"]) == (node["physical_id"], "ACTIVE")
    servers = await ann.office.desk.cloud("simulated").compute.list_servers()
    assert [each.ref for each in servers] == [node["physical_id"]]


async def test_all_that_is_wrong_with_newcomers_is_said_at_once(ann: Caller) -> None:
    profile = await ann.profile()
    cluster = await ann.cluster(profile, desired_capacity=1)
    [member] = await ann.nodes(cluster)
    stack = await ann.node(await ann.profile("stack", "os.heat.stack-1.0"), name="s")
    slow = await ann.node(await ann.profile("slow", simulated_wait_time="60"), name="slow")
    nodes = ["nosuch", slow["id"], member["id"], stack["id"]]
    status, type, text = await refused(ann, cluster, add_nodes={"nodes": nodes})
    assert (status, type) == (400, "BadRequest")
    assert text.split("\n") == [
        f"Profile type of nodes ['{stack['id']}'] does not match that of the cluster.",
        f"Nodes ['{member['id']}'] already owned by some cluster.",
        f"Nodes are not ACTIVE: ['{slow['id']}'].",
        "Nodes not found: ['nosuch'].",
    ]


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({"add_nodes": {"nodes": []}}, "Value for 'nodes' must have at least 1 item(s)."),
        ({"add_nodes": {}}, "Value for 'nodes' must have at least 1 item(s)."),
        ({"del_nodes": {"nodes": ["a", "a"]}}, "Items for 'nodes' must be unique"),
        ({"del_nodes": {"nodes": ["nosuch"]}}, "Nodes not found: ['nosuch']."),
        ({"replace_nodes": {"nodes": {}}}, "The data provided is not a map"),
        ({"replace_nodes": {}}, "The data provided is not a map"),
        ({"replace_nodes": {"nodes": {"a": None}}}, "Field `nodes[a]' cannot be None"),
        ({"replace_nodes": {"nodes": {"a": "c", "b": "c"}}}, "Map contains duplicated values"),
        (
            {"replace_nodes": {"nodes": {"a": "b"}}},
            "Original nodes not found: ['a'].\nReplacement nodes not found: ['b'].",
        ),
    ],
)
async def test_what_is_wrong_with_members_is_said(ann: Caller, said: Shown, text: str) -> None:
    cluster = await ann.cluster(await ann.profile())
    status, _, message = await refused(ann, cluster, **said)
    assert (status, message) == (400, text)


async def test_only_members_are_removed_or_replaced(ann: Caller) -> None:
    profile = await ann.profile()
    cluster = await ann.cluster(profile, desired_capacity=1)
    other = await ann.cluster(profile, name="c2", desired_capacity=1)
    [mine], [foreign] = await ann.nodes(cluster), await ann.nodes(other)
    _, _, text = await refused(ann, cluster, del_nodes={"nodes": [foreign["id"]]})
    assert text == f"Nodes not members of specified cluster: ['{foreign['id']}']."
    _, _, text = await refused(ann, cluster, replace_nodes={"nodes": {foreign["id"]: mine["id"]}})
    assert text == (
        f"The specified nodes ['{foreign['id']}'] to be replaced are not members of the cluster "
        f"{cluster['id']}.\nNodes ['{mine['id']}'] already member of a cluster."
    )


async def test_the_bounds_hold_for_joining_and_leaving(ann: Caller) -> None:
    profile = await ann.profile()
    cluster = await ann.cluster(profile, desired_capacity=1, min_size=1, max_size=1)
    [member] = await ann.nodes(cluster)
    await ann.node(profile)
    _, _, text = await refused(ann, cluster, add_nodes={"nodes": ["n1"]})
    assert text == "The target capacity (2) is greater than the cluster's max_size (1)."
    _, _, text = await refused(ann, cluster, del_nodes={"nodes": [member["id"]]})
    assert text == "The target capacity (0) is less than the cluster's min_size (1)."
