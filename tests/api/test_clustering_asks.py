"""What is asked of whole clusters: checks, recoveries, operations, attributes; and who waits."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from caller import Caller
from muster.base.copies import altered
from muster.model.action import ActionStatus

BAD = "HTTPBadRequest"
Shown = dict[str, Any]


async def test_a_check_looks_at_every_node_and_its_records_can_be_cleared(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile(), desired_capacity=2)
    action = await ann.act(cluster, check={})
    assert (action["action"], action["status"]) == ("CLUSTER_CHECK", "SUCCEEDED")
    children = await ann.actions(action="NODE_CHECK")
    assert {str(each.parent) for each in children} == {action["id"]}
    assert [each.status for each in children] == ["SUCCEEDED", "SUCCEEDED"]
    second = await ann.act(cluster, check={"delete_check_action": True})
    assert {str(e.id) for e in await ann.actions(action="CLUSTER_CHECK")} == {second["id"]}
    assert len(await ann.actions(action="NODE_CHECK")) == 2
    assert (await ann.again(cluster))["status"] == "ACTIVE"


@pytest.mark.parametrize(
    "said",
    [{}, {"operation": "recreate", "check": True}, {"check": True, "check_capacity": True}],
)
async def test_a_recovery_leaves_nodes_in_order_alone(ann: Caller, said: Shown) -> None:
    cluster = await ann.cluster(await ann.profile(), desired_capacity=2)
    before = await ann.nodes(cluster)
    action = await ann.act(cluster, recover=said)
    assert (action["action"], action["status"]) == ("CLUSTER_RECOVER", "SUCCEEDED")
    after = await ann.nodes(cluster)
    assert [each["physical_id"] for each in after] == [each["physical_id"] for each in before]
    assert (await ann.again(cluster))["status"] == "ACTIVE"


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (None, "No action specified"),
        ({}, "No action specified"),
        ({"check": {}, "recover": {}}, "Multiple actions specified"),
        ({"bogus": {}}, "Unrecognized action 'bogus' specified"),
        ({"check": "abc"}, "The data provided is not a map"),
        (
            {"recover": {"operation": "bogus"}},
            "Operation value 'bogus' has to be one of the following: REBOOT, REBUILD, RECREATE.",
        ),
        ({"recover": {"bogus": 1}}, "Action parameter ['bogus'] is not recognizable."),
        (
            {"recover": {"operation": "reboot", "operation_params": {"type": "x"}}},
            "Type field 'x' in operation_params has to be one of the following: SOFT, HARD.",
        ),
        ({"complete_lifecycle": {}}, "Field `lifecycle_action_token' cannot be None"),
    ],
)
async def test_what_is_wrong_with_an_action_is_said(
    ann: Caller, said: Shown | None, text: str
) -> None:
    await ann.cluster(await ann.profile())
    assert (await ann.refusal("POST", "/clusters/c1/actions", said))[::2] == (400, text)
    assert (await ann.refusal("POST", "/clusters/nosuch/actions", {"check": {}}))[::2] == (
        404,
        "The cluster 'nosuch' could not be found.",
    )


@pytest.mark.parametrize(
    ("method", "path", "said", "version"),
    [
        ("POST", "/clusters/c1/actions", {"replace_nodes": {"nodes": {"a": "b"}}}, "1.2"),
        ("POST", "/clusters/c1/actions", {"complete_lifecycle": {}}, "1.8"),
        ("POST", "/clusters/c1/ops", {"reboot": {}}, "1.3"),
        ("GET", "/clusters/c1/attrs/name", None, "1.1"),
    ],
)
async def test_a_newer_request_in_an_older_version_is_refused(
    ann: Caller, method: str, path: str, said: Shown | None, version: str
) -> None:
    await ann.cluster(await ann.profile())
    text = f"API version '{version}' is not supported on this method."
    told = await ann.refusal(method, path, said, version=version)
    assert told == (400, "MethodVersionNotFound", text)


async def test_an_operation_is_done_to_the_nodes_that_its_filters_name(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile(), desired_capacity=2)
    first, _ = await ann.nodes(cluster)
    path = "/clusters/c1/ops"
    said = {"reboot": {"filters": {"name": first["name"]}, "params": {"type": "SOFT"}}}
    action = await ann.done("POST", path, said)
    assert (action["status"], action["name"]) == (
        "SUCCEEDED",
        f"cluster_reboot_{cluster['id'][:8]}",
    )
    assert action["inputs"] == {
        "operation": "reboot",
        "params": {"type": "SOFT"},
        "nodes": [first["id"]],
    }
    action = await ann.done("POST", path, {"reboot": {}})
    assert len(action["inputs"]["nodes"]) == 2
    assert (await ann.again(cluster))["status"] == "ACTIVE"
    for said, text in (
        ({}, "No operation specified"),
        ({"reboot": {}, "stop": {}}, "Multiple operations specified"),
        (
            {"bogus": {}},
            "The requested operation 'bogus' is not supported by the profile type "
            "'os.nova.server-1.0'.",
        ),
        (
            {"reboot": {"params": {"type": "BOGUS"}}},
            "'BOGUS' must be one of the allowed values: SOFT, HARD.",
        ),
        ({"reboot": {"filters": {"bogus": 1}}}, "Filter key 'bogus' is unsupported."),
        (
            {"reboot": {"filters": {"role": "x"}}},
            "No node (matching the filter) could be found.",
        ),
    ):
        assert (await ann.refusal("POST", path, said))[::2] == (400, text)


async def test_an_attribute_is_collected_from_every_node(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile(), desired_capacity=2)
    nodes = await ann.nodes(cluster)

    async def collected(path: str) -> list[Any]:
        found = (await ann.get(f"/clusters/c1/attrs/{path}"))["cluster_attributes"]
        assert [each["id"] for each in found] in ([each["id"] for each in nodes], [])
        return [each["value"] for each in found]

    assert await collected("name") == [each["name"] for each in nodes]
    assert await collected("$.status") == ["ACTIVE", "ACTIVE"]
    assert await collected("details.id") == [each["physical_id"] for each in nodes]
    assert await collected("$.data.nowhere") == []
    for path, text in (
        ("None", "Required path attribute is missing."),
        ("", "Required path attribute is missing."),
        ("%24%5B%5B", "Invalid attribute path - Parse error at 1:2 near token [ ([)."),
    ):
        assert (await ann.refusal("GET", f"/clusters/c1/attrs/{path}"))[::2] == (400, text)


async def test_a_token_that_waits_for_nothing_is_answered_all_the_same(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile(), desired_capacity=1)
    [creation] = await ann.actions(action="NODE_CREATE")
    said = {"complete_lifecycle": {"lifecycle_action_token": str(creation.id)}}
    answer = await ann.ask("POST", f"/clusters/{cluster['id']}/actions", said)
    assert (answer.status_code, answer.json()) == (202, {"action": str(creation.id)})
    said = {"complete_lifecycle": {"lifecycle_action_token": "nosuch"}}
    told = await ann.refusal("POST", "/clusters/c1/actions", said)
    assert told == (404, "ResourceNotFound", "The action 'nosuch' could not be found.")


async def test_a_token_lets_go_on_what_waits_for_it(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile(), desired_capacity=1)
    before = await ann.office.stored(cluster["id"])
    [creation] = await ann.actions(action="CLUSTER_CREATE")
    waiting = altered(
        creation, id=UUID(int=9), status=ActionStatus.WAITING_LIFECYCLE_COMPLETION, ended_at=None
    )
    await ann.office.desk.store.write(lambda tx: tx.actions.put(waiting))
    said = {"complete_lifecycle": {"lifecycle_action_token": str(waiting.id)}}
    await ann.ask("POST", "/clusters/c1/actions", said)
    assert (await ann.action(str(waiting.id)))["status"] == "READY"
    after = await ann.office.stored(cluster["id"])
    assert after.generation == before.generation + 1


async def conflict(ann: Caller, method: str, path: str, said: Any) -> tuple[str, str]:
    answer = await ann.ask(method, path, said)
    assert answer.status_code == 409, answer.text
    assert answer.headers["retry-after"] == "1"
    error = answer.json()["error"]
    return error["type"], error["message"]


async def test_a_second_action_waits_for_the_first(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile(), desired_capacity=1)
    path, id = f"/clusters/{cluster['id']}/actions", cluster["id"]
    first = await ann.accepted("POST", path, {"scale_out": {}})
    type, text = await conflict(ann, "POST", path, {"check": {}})
    assert (type, text) == (
        "ActionConflict",
        f"The CLUSTER_CHECK action for target {id} conflicts with the following action(s): "
        f"{first['id']}",
    )
    await ann.office.go_on()
    assert (await ann.act(cluster, check={}))["status"] == "SUCCEEDED"


async def test_what_runs_already_has_the_cluster_locked(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile(simulated_wait_time="60"), desired_capacity=1)
    id, path = cluster["id"], f"/clusters/{cluster['id']}/actions"
    for said, verb in (
        ({"check": {}}, "CLUSTER_CHECK"),
        ({"scale_out": {"count": 1}}, "CLUSTER_SCALE_OUT"),
        ({"resize": {"min_size": 0}}, "CLUSTER_RESIZE"),
        ({"recover": {}}, "CLUSTER_RECOVER"),
    ):
        text = f"{verb} for cluster '{id}' cannot be completed because it is already locked."
        assert await conflict(ann, "POST", path, said) == ("ResourceIsLocked", text)
    type, _ = await conflict(ann, "PATCH", f"/clusters/{id}", {"cluster": {"name": "x"}})
    assert type == "ResourceIsLocked"
    assert len(await ann.actions(target=id)) == 1, "what is refused leaves nothing behind"


async def test_a_node_is_locked_by_what_runs_on_it_but_not_for_deletion(ann: Caller) -> None:
    node = await ann.node(await ann.profile(simulated_wait_time="60"))
    path = f"/nodes/{node['id']}"
    text = f"NODE_CHECK for node '{node['id']}' cannot be completed because it is already locked."
    assert await conflict(ann, "POST", f"{path}/actions", {"check": {}}) == (
        "ResourceIsLocked",
        text,
    )
    assert (await ann.ask("POST", f"{path}/ops", {"reboot": {}})).status_code == 202
    assert (await ann.ask("DELETE", f"{path}?force=true")).status_code == 202


@pytest.mark.slow
async def test_a_hundred_clusters_at_once_lose_nothing(ann: Caller) -> None:
    profile = await ann.profile()

    async def each(method: str, path: str, body: Any) -> list[Any]:
        asked = [ann.ask(method, path.format(n), _filled(body, n)) for n in range(100)]
        answers = await asyncio.gather(*asked)
        assert {answer.status_code for answer in answers} == {202}
        await ann.office.go_on()
        ids = [answer.headers["location"].rpartition("/")[2] for answer in answers]
        assert len(set(ids)) == 100
        statuses = [(await ann.action(id))["status"] for id in ids[::10]]
        assert set(statuses) == {"SUCCEEDED"}
        return answers

    said = {"cluster": {"name": "c{}", "profile_id": str(profile.id), "desired_capacity": 1}}
    await each("POST", "/clusters", said)
    await each("POST", "/clusters/c{}/actions", {"scale_out": {"count": 1}})
    await each("POST", "/clusters/c{}/actions", {"check": {}})
    shown = (await ann.get("/clusters"))["clusters"]
    assert {(e["status"], e["desired_capacity"], len(e["nodes"])) for e in shown} == {
        ("ACTIVE", 2, 2)
    }
    await each("DELETE", "/clusters/c{}", None)
    assert (await ann.get("/clusters"))["clusters"] == []
    assert (await ann.get("/nodes"))["nodes"] == []


def _filled(body: Any, number: int) -> Any:
    """Return the body with every `{}` in its names replaced."""
    if isinstance(body, dict):
        return {name: _filled(value, number) for name, value in body.items()}
    return body.format(number) if isinstance(body, str) and "{}" in body else body


async def test_of_many_who_scale_at_once_one_is_heard_and_none_is_lost(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile(), desired_capacity=1)
    path = f"/clusters/{cluster['id']}/actions"
    asked = [ann.ask("POST", path, {"scale_out": {"count": 1}}) for _ in range(20)]
    statuses = [answer.status_code for answer in await asyncio.gather(*asked)]
    assert sorted(statuses) == [202, *[409] * 19]
    await ann.office.go_on()
    again = await ann.again(cluster)
    assert (again["desired_capacity"], len(again["nodes"])) == (2, 2)


async def test_other_projects_know_nothing_of_all_this(ann: Caller, bob: Caller) -> None:
    cluster = await ann.cluster(await ann.profile(), desired_capacity=1)
    await ann.attach(cluster, await ann.policy("batch-1.0", "batch"))
    [node], alone = await ann.nodes(cluster), await ann.node(await ann.profile("p2"))
    theirs = await bob.cluster(await bob.profile("pb"), name="cb", desired_capacity=1)
    c, n = f"/clusters/{cluster['id']}", f"/nodes/{node['id']}"
    for method, path, said in (
        ("GET", c, None),
        ("PATCH", c, {"cluster": {"name": "x"}}),
        ("DELETE", c, None),
        ("POST", f"{c}/actions", {"check": {}}),
        ("POST", f"{c}/ops", {"reboot": {}}),
        ("GET", f"{c}/attrs/name", None),
        ("GET", f"{c}/policies", None),
        ("GET", f"{c}/policies/batch", None),
        ("GET", n, None),
        ("PATCH", n, {"node": {"name": "x"}}),
        ("DELETE", n, None),
        ("POST", f"{n}/actions", {"check": {}}),
        ("POST", f"{n}/ops", {"reboot": {}}),
    ):
        assert (await bob.ask(method, path, said)).status_code == 404, (method, path)
    assert {each["id"] for each in (await bob.get("/nodes"))["nodes"]} == set(theirs["nodes"])
    path = f"/clusters/{theirs['id']}/actions"
    for said, text in (
        ({"add_nodes": {"nodes": [alone["id"]]}}, f"Nodes not found: ['{alone['id']}']."),
        ({"del_nodes": {"nodes": [node["id"]]}}, f"Nodes not found: ['{node['id']}']."),
        (
            {"policy_attach": {"policy_id": "batch"}},
            "The specified policy 'batch' could not be found.",
        ),
    ):
        assert (await bob.refusal("POST", path, said))[::2] == (400, text)
    for said, text in (
        ({"name": "x", "profile_id": "p1"}, "The specified profile 'p1' could not be found."),
        (
            {"name": "x", "profile_id": "pb", "cluster_id": cluster["id"]},
            f"The specified cluster '{cluster['id']}' could not be found.",
        ),
    ):
        assert (await bob.refusal("POST", "/nodes", {"node": said}))[::2] == (400, text)


async def test_a_timeout_of_nothing_is_no_timeout(ann: Caller) -> None:
    profile = await ann.profile(simulated_wait_time="8000")
    body = {"name": "c1", "profile_id": "p1", "desired_capacity": 1}
    for timeout, status in ((0, "WAITING"), (10, "FAILED")):
        answer = await ann.ask("POST", "/clusters", {"cluster": {**body, "timeout": timeout}})
        await ann.office.go_on()
        ann.office.clock.advance(60)
        id = UUID(answer.json()["cluster"]["id"])
        await ann.office.desk.store.write(lambda tx, id=id: tx.marks.mark(id))
        await ann.office.go_on()
        action = await ann.action(answer.headers["location"].rpartition("/")[2])
        assert action["status"] == status, profile
    assert action["status_reason"] == f"CLUSTER_CREATE [{action['id'][:8]}] timeout"


async def test_a_password_is_set_and_seen_by_nobody(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile(), desired_capacity=1)
    [node] = await ann.nodes(cluster)
    for path, said in (
        (f"/nodes/{node['id']}/ops", {"change_password": {"admin_pass": "s3cret"}}),
        ("/clusters/c1/ops", {"change_password": {"params": {"admin_pass": "s3cret"}}}),
    ):
        action = await ann.done("POST", path, said)
        assert (action["status"], action["inputs"]["params"]) == (
            "SUCCEEDED",
            {"admin_pass": "***"},
        )
    for path in ("/actions", "/events"):
        assert "s3cret" not in str(await ann.get(path))
    for path in (f"/nodes/{node['id']}/ops", "/clusters/c1/ops"):
        action = await ann.done("POST", path, {"change_password": {}})
        text = "The operation 'change_password' needs the parameter 'admin_pass'."
        assert (action["status"], action["status_reason"]) == ("FAILED", text)
