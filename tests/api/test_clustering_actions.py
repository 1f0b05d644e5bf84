"""What was asked for and what happened, in the clustering API; and taking back what was asked."""

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from caller import Caller
from muster.model.action import Action, ActionStatus, Verb
from muster.ports.store import Transaction
from office import Office

CANCEL = {"action": {"status": "CANCELLED"}}
SLOW = {"simulated_wait_time": "10"}


async def slow_cluster(ann: Caller, size: int = 2) -> tuple[dict[str, Any], dict[str, Any]]:
    """Ask for a cluster whose servers take ten seconds, and return it with its creation."""
    profile = await ann.profile("slow", **SLOW)
    body = {"name": "c1", "profile_id": str(profile.id), "desired_capacity": size}
    answer = await ann.ask("POST", "/clusters", {"cluster": body})
    assert answer.status_code == 202, answer.text
    await ann.office.go_on()
    action = await ann.action(answer.headers["location"].rpartition("/")[2])
    return await ann.again(answer.json()), action


async def cancelled(ann: Caller, action: dict[str, Any], query: str = "") -> Any:
    return await ann.ask("PATCH", f"/actions/{action['id']}{query}", CANCEL)


async def test_an_action_says_who_asked_for_what_and_how_it_went(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile(), desired_capacity=1)
    action = (await ann.get("/actions?action=CLUSTER_CREATE"))["actions"][0]
    assert action == {
        "id": action["id"],
        "name": f"cluster_create_{cluster['id'][:8]}",
        "action": "CLUSTER_CREATE",
        "target": cluster["id"],
        "cluster_id": cluster["id"],
        "cause": "RPC Request",
        "owner": action["owner"],
        "interval": -1,
        "start_time": action["start_time"],
        "end_time": action["end_time"],
        "timeout": 3600,
        "status": "SUCCEEDED",
        "status_reason": "Action completed successfully.",
        "inputs": action["inputs"],
        "outputs": action["outputs"],
        "data": action["data"],
        "depends_on": [],
        "depended_by": [],
        "created_at": "2030-01-01T00:00:00Z",
        "updated_at": action["updated_at"],
        "user": "ann",
        "project": "demo",
    }
    assert isinstance(action["start_time"], float)
    for said in (action["id"], action["id"][:8], action["name"]):
        assert await ann.get(f"/actions/{said}") == {"action": action}


async def test_old_clients_are_not_told_of_an_actions_cluster_and_cannot_ask(ann: Caller) -> None:
    await ann.cluster(await ann.profile())
    [new] = (await ann.get("/actions"))["actions"]
    for version in ("1.0", "1.13"):
        for query in ("", f"?cluster_id={uuid4()}"):
            answer = await ann.ask("GET", f"/actions{query}", version=version)
            [old] = answer.json()["actions"]
            assert new == old | {"cluster_id": new["target"]}
            assert "cluster_id" not in old
    assert await ann.get(f"/actions?cluster_id={uuid4()}") == {"actions": []}
    assert await ann.get("/actions?cluster_id=nosuch") == {"actions": []}
    for said in ("c1", new["target"], new["target"][:8]):
        assert await ann.get(f"/actions?cluster_id={said}") == {"actions": [new]}


async def with_children(ann: Caller, wish: dict[str, Any], *of: tuple[Verb, str]) -> list[str]:
    """Have something under way for a wish, and return the ids of that."""

    def work(tx: Transaction) -> list[str]:
        first = tx.actions.get(UUID(wish["id"]))
        assert first
        children = [
            replace(
                first, id=uuid4(), parent=first.id, verb=verb, status=ActionStatus(status), name="x"
            )
            for verb, status in of
        ]
        tx.actions.put(*children)
        return sorted(str(each.id) for each in children)

    return await ann.office.desk.store.write(work)


async def test_a_wish_waits_for_what_is_done_for_it_until_that_has_ended(ann: Caller) -> None:
    _, wish = await slow_cluster(ann)
    check = Verb.NODE_CHECK
    open_ones = await with_children(ann, wish, (check, "READY"), (check, "RUNNING"))
    [ended] = await with_children(ann, wish, (check, "SUCCEEDED"))
    building = [str(each.id) for each in await ann.actions(action=Verb.NODE_CREATE)]
    assert building
    [listed] = (await ann.get(f"/actions?name={wish['name']}"))["actions"]
    for shown in (await ann.action(wish["id"]), listed):
        assert set(shown["depends_on"]) == {*open_ones, *building}
        assert shown["depended_by"] == []
    for id in open_ones:
        assert (await ann.action(id))["depended_by"] == [wish["id"]]
    assert (await ann.action(ended))["depended_by"] == []
    await cancelled(ann, wish, "?force=true")
    for id in (*open_ones, ended, wish["id"]):
        shown = await ann.action(id)
        assert (shown["depends_on"], shown["depended_by"]) == ([], [])


async def test_actions_are_filtered_by_what_they_are_called_and_how_they_are(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile(), desired_capacity=1)
    [node] = cluster["nodes"]
    await ann.done("POST", f"/nodes/{node}/actions", {"check": {}})

    async def verbs(query: str) -> list[str]:
        return [each["action"] for each in (await ann.get(f"/actions?{query}"))["actions"]]

    assert await verbs(f"target={node}&action=NODE_CHECK") == ["NODE_CHECK"]
    both = "action=NODE_CHECK&action=CLUSTER_CREATE&sort=action:desc"
    assert await verbs(both) == ["NODE_CHECK", "CLUSTER_CREATE"]
    assert await verbs("status=FAILED") == []
    assert await verbs(f"name=node_check_{node[:8]}") == ["NODE_CHECK"]
    for query in ("status=BOGUS", "action=BOGUS", "status=succeeded"):
        word = query.partition("=")[2]
        text = f"Field value {word} is invalid"
        assert await ann.refusal("GET", f"/actions?{query}") == (400, "HTTPBadRequest", text)


async def test_nobody_makes_an_action(ann: Caller) -> None:
    text = "You are not authorized to complete this operation."
    for body in ({}, {"action": "CLUSTER_CHECK"}):
        assert await ann.refusal("POST", "/actions", body) == (403, "Forbidden", text)


async def test_a_creation_withdrawn_stops_at_what_was_made(ann: Caller) -> None:
    cluster, wish = await slow_cluster(ann)
    answer = await cancelled(ann, wish)
    assert (answer.status_code, "location" in answer.headers) == (202, False)
    assert answer.json()["action"]["status"] == "CANCELLED"
    await ann.office.go_on(20)
    shown = await ann.again(cluster)
    assert (shown["desired_capacity"], shown["nodes"], shown["status"]) == (0, [], "ACTIVE")
    assert (await ann.action(wish["id"]))["status"] == "CANCELLED"


async def test_what_has_begun_ends_by_itself_or_by_force(ann: Caller) -> None:
    _, wish = await slow_cluster(ann)
    check, create = Verb.NODE_CHECK, Verb.NODE_CREATE
    [ready] = await with_children(ann, wish, (check, "READY"))
    [running] = await with_children(ann, wish, (check, "RUNNING"))
    await cancelled(ann, wish)
    statuses = [(await ann.action(id))["status"] for id in (wish["id"], ready, running)]
    assert statuses == ["CANCELLED", "CANCELLED", "RUNNING"]
    [step] = await with_children(ann, wish, (create, "RUNNING"))
    assert (await cancelled(ann, {"id": step})).status_code == 202
    assert (await ann.action(step))["status"] == "RUNNING"  # it ends with its step
    for id, query in ((running, ""), (step, "?force=True")):
        assert (await cancelled(ann, {"id": id}, query)).status_code == 202
        assert (await ann.action(id))["status"] == "CANCELLED"


async def test_scaling_withdrawn_brings_the_size_before_back(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile("slow", **SLOW))
    where = f"/clusters/{cluster['id']}/actions"
    action = await ann.accepted("POST", where, {"scale_out": {"count": 3}})
    assert (await ann.again(cluster))["desired_capacity"] == 3
    await cancelled(ann, action)
    assert (await ann.again(cluster))["desired_capacity"] == 0
    await ann.office.go_on(20)
    assert (await ann.again(cluster))["nodes"] == []


async def test_an_older_size_does_not_come_back_over_a_newer_one(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile("slow", **SLOW))
    where = f"/clusters/{cluster['id']}/actions"
    old = await ann.accepted("POST", where, {"scale_out": {"count": 3}})
    newer = await stored_like(ann, old, desired=5)
    assert (await cancelled(ann, old)).status_code == 202
    assert (await ann.again(cluster))["desired_capacity"] == 5
    assert (await ann.action(str(newer.id)))["status"] == "READY"


async def stored_like(ann: Caller, shown: dict[str, Any], *, desired: int) -> Action:
    """Write a second resize of the cluster, as somebody who does not queue up would."""
    ann.office.clock.advance(1)
    now = ann.office.clock.now()

    def work(tx: Any) -> Action:
        first = tx.actions.get(UUID(shown["id"]))
        cluster = tx.clusters.get(first.target)
        tx.clusters.put(replace(cluster, desired=desired))
        second = replace(first, id=uuid4(), created_at=now, status=ActionStatus.READY)
        tx.actions.put(second)
        return second

    made: Action = await ann.office.desk.store.write(work)
    return made


async def test_an_update_withdrawn_is_rolled_back(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile("old"), desired_capacity=1)
    await ann.profile("new", **SLOW)
    change = {"cluster": {"profile_id": "new"}}
    action = await ann.accepted("PATCH", f"/clusters/{cluster['id']}", change)
    await ann.office.go_on()
    assert (await cancelled(ann, action)).status_code == 202
    await ann.office.go_on(30)
    shown = await ann.again(cluster)
    assert (shown["profile_name"], shown["status"]) == ("old", "ACTIVE")


async def test_a_deletion_runs_to_its_end(ann: Caller) -> None:
    cluster, _ = await slow_cluster(ann)
    action = await ann.accepted("DELETE", f"/clusters/{cluster['id']}?force=true")
    path = f"/actions/{action['id']}"
    assert (await cancelled(ann, action)).status_code == 202
    assert (await ann.get(path))["action"]["status"] == "READY"
    status, _, text = await ann.refusal("PATCH", f"{path}?force=true", CANCEL)
    assert (status, text.startswith("a deletion cannot be withdrawn")) == (409, True)
    await ann.office.go_on(30)
    assert (await ann.get(path))["action"]["status"] == "SUCCEEDED"


async def test_an_operation_withdrawn_before_it_began_is_not_done(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile(), desired_capacity=1)
    action = await ann.accepted("POST", f"/clusters/{cluster['id']}/ops", {"stop": {}})
    await cancelled(ann, action)
    await ann.office.go_on(3)
    [node] = await ann.nodes(cluster)
    assert node["status"] == "ACTIVE"
    verbs = {each["action"] for each in (await ann.get("/actions"))["actions"]}
    assert "NODE_OPERATION" not in verbs


async def test_what_is_asked_of_a_node_alone_is_withdrawn_too(ann: Caller) -> None:
    node = await ann.node(await ann.profile())
    action = await ann.accepted("POST", f"/nodes/{node['id']}/ops", {"stop": {}})
    answer = await cancelled(ann, action)
    assert answer.json()["action"]["status_reason"] == "Action execution cancelled"
    await ann.office.go_on(3)
    assert (await ann.node_again(node))["status"] == "ACTIVE"


async def test_what_has_ended_stays_ended(ann: Caller) -> None:
    await ann.cluster(await ann.profile())
    [action] = (await ann.get("/actions"))["actions"]
    for query in ("", "?force=true"):
        status, kind, _ = await ann.refusal("PATCH", f"/actions/{action['id']}{query}", CANCEL)
        assert (status, kind) == (409, "ActionImmutable")
    assert await ann.action(action["id"]) == action


@pytest.mark.parametrize(
    ("path", "body", "status", "kind", "words"),
    [
        ("{id}", {"x": 1}, 400, "HTTPBadRequest", "missing 'action' key in request body."),
        ("{id}", {"action": {}}, 400, "HTTPBadRequest", "'status' is a required property"),
        (
            "{id}",
            {"action": {"status": "SUCCEEDED"}},
            400,
            "BadRequest",
            "Unknown status SUCCEEDED for action",
        ),
        ("{id}?force=maybe", CANCEL, 400, "HTTPBadRequest", "Invalid value 'maybe' specified"),
        ("{name}", CANCEL, 404, "ResourceNotFound", "could not be found."),
        (f"{UUID(int=7)}", CANCEL, 404, "ResourceNotFound", "could not be found."),
    ],
)
async def test_a_wrong_cancellation_is_told(
    ann: Caller, path: str, body: Any, status: int, kind: str, words: str
) -> None:
    _, wish = await slow_cluster(ann)
    said = await ann.refusal("PATCH", f"/actions/{path.format(**wish)}", body)
    assert said[:2] == (status, kind)
    assert words in said[2]
    assert (await ann.action(wish["id"]))["status"] == "WAITING"


async def test_a_cancellation_can_be_foretold(ann: Caller) -> None:
    _, wish = await slow_cluster(ann)
    answer = await cancelled(ann, wish, "?plan=true")
    assert answer.json()["plan"]["steps"] == [f"withdraw CLUSTER_CREATE of {wish['name']}"]
    assert (await ann.action(wish["id"]))["status"] == "WAITING"


async def test_another_project_withdraws_nothing(ann: Caller, bob: Caller) -> None:
    _, wish = await slow_cluster(ann)
    for query in ("", "?force=true"):
        assert (await cancelled(bob, wish, query)).status_code == 404
    assert (await cancelled(Caller(ann.office, who="rita"), wish)).status_code == 403
    assert (await cancelled(Caller(ann.office, who="root"), wish)).status_code == 202


async def test_every_action_is_told_of_as_it_begins_and_ends(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile(), desired_capacity=1)
    [node] = cluster["nodes"]
    await ann.done("POST", f"/nodes/{node}/actions", {"check": {}})
    told = (await ann.get("/events"))["events"]
    for verb, otype, oid in (
        ("CLUSTER_CREATE", "CLUSTER", cluster["id"]),
        ("NODE_CHECK", "NODE", node),
    ):
        mine = [each for each in told if each["action"] == verb]
        assert {each["status"] for each in mine} == {"start", "end"}
        assert {(each["otype"], each["oid"]) for each in mine} == {(otype, oid)}
        assert {each["cluster_id"] for each in mine} == {cluster["id"]}
    assert {each["status"] for each in told} <= {"start", "end", "error"}
    event = told[0]
    assert (
        event.items()
        >= {
            "timestamp": "2030-01-01T00:00:00Z",
            "level": "INFO",
            "oname": "c1",
            "user": "ann",
            "project": "demo",
            "action": "CLUSTER_CREATE",
            "status": "start",
        }.items()
    )
    assert isinstance(event["meta_data"], dict)
    assert "cluster" not in event
    for said in (event["id"], event["id"][:8]):
        assert await ann.get(f"/events/{said}") == {"event": event}


async def test_events_have_no_names_to_be_found_by(ann: Caller, bob: Caller) -> None:
    await ann.cluster(await ann.profile(), name="web")  # no beginning of any id
    event = (await ann.get("/events"))["events"][0]
    missing = (404, "ResourceNotFound")
    assert (await ann.refusal("GET", "/events/web"))[:2] == missing
    for said in (event["id"], event["id"][:8]):
        assert (await bob.refusal("GET", f"/events/{said}"))[:2] == missing


async def test_events_are_filtered(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile(), desired_capacity=1)

    async def kinds(query: str) -> list[str]:
        return [each["kind"] for each in (await ann.get(f"/events?{query}"))["events"]]

    assert await kinds(f"oid={cluster['id']}&action=CLUSTER_CREATE&level=INFO") == [
        "cluster.created",
        "cluster.created",
    ]
    assert await kinds("cluster_id=c1&otype=CLUSTER&oname=c1&limit=1") == ["cluster.created"]
    assert await kinds("cluster_id=nosuch") == []
    assert await kinds("oname=nosuch") == []
    assert await kinds("otype=nosuch") == []
    assert "node.ready" in await kinds("every=true")
    assert set(await kinds("kind=node.ready")) == {"node.ready"}
    for query in ("level=BOGUS", "level=20", "action=BOGUS"):
        word = query.partition("=")[2]
        text = f"Field value {word} is invalid"
        assert await ann.refusal("GET", f"/events?{query}") == (400, "HTTPBadRequest", text)
    assert (await ann.refusal("GET", "/events?obj_id=x"))[2] == "Invalid parameter obj_id"


async def test_a_refused_wish_is_an_action_that_failed(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile(), max_size=1, desired_capacity=1)
    action = await ann.act(cluster, scale_out={"count": 5})
    assert action["status"] == "FAILED"
    [error] = [each for each in (await ann.get("/events"))["events"] if each["status"] == "error"]
    assert (error["level"], error["action"]) == ("ERROR", Verb.CLUSTER_SCALE_OUT)
    assert error["status_reason"] == action["status_reason"]


async def test_a_list_of_actions_shows_projects_apart(office: Office) -> None:
    ann, bob = Caller(office), Caller(office, who="bob")
    await ann.cluster(await ann.profile())
    await bob.cluster(await bob.profile())
    for caller, projects in ((ann, {"demo"}), (Caller(office, who="root"), {"demo", "other"})):
        for noun in ("actions", "events"):
            listed = (await caller.get(f"/{noun}"))[noun]
            assert {each["project"] for each in listed} == projects
