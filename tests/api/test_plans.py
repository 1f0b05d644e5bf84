"""Wishes about clusters that are planned first, and held to their plan."""

import pytest

from api.made import nodes_of, patched
from office import WEB, Office, path


async def test_a_plan_says_what_would_happen_and_changes_nothing(office: Office) -> None:
    planned = await office.call("POST", "/v1/clusters?plan=true", dict(WEB))
    assert planned.status_code == 200
    plan = planned.json()["plan"]
    assert any("web-001" in step for step in plan["steps"]), plan
    assert plan["hash"]
    assert (await office.call("GET", "/v1/clusters")).json()["clusters"] == []
    assert (await office.call("GET", "/v1/events")).json()["events"] == []


async def test_a_plan_tells_of_rules_that_no_step_would_show(office: Office) -> None:
    made = await office.made(scale_out_threshold=0.7, scale_in_threshold=0.2)
    where = f"{path(made)}?plan=true"
    for body, steps in (
        ({"scale_out_threshold": 0.9}, ["set scaling"]),
        ({"update_strategy": {"canary": 1}}, ["set strategy"]),
        ({"health": {"failures": 9}, "drain_seconds": 5}, ["set service", "set healing"]),
        ({"scale_out_threshold": 0.7}, []),
    ):
        answer = await office.call("PATCH", where, body)
        told = answer.json()["plan"]["steps"]
        assert [each for each in told if each.startswith("set ")] == steps


@pytest.mark.parametrize("query", ["plan=true", "plan=false", "plan_hash=0123"])
async def test_nothing_is_made_of_a_plain_cluster_that_was_only_to_be_planned(
    office: Office, query: str
) -> None:
    body = {"cluster": {"name": "plain", "profile_id": "any", "desired_capacity": 1}}
    answer = await office.call("POST", f"/v1/clusters?{query}", body)
    assert answer.status_code == 400
    assert "Invalid parameter plan" in answer.json()["error"]["message"]


async def test_every_wish_can_be_planned_held_to_its_plan_and_refused_when_stale(
    office: Office,
) -> None:
    made = await office.made()
    for method, where, body in (
        ("PATCH", path(made), {"desired_size": 3}),
        ("PATCH", path(made), {"image": "demo-web-v2"}),
        ("POST", f"{path(made)}/pause", None),
        ("POST", f"{path(made)}/resume", None),
        ("POST", f"{path(made)}/rollback", None),
        ("DELETE", path(made), None),
    ):
        before = await office.stored(made["stack_id"])
        answer = await office.call(method, f"{where}?plan=true", body)
        assert answer.status_code == 200, answer.text
        plan = answer.json()["plan"]
        assert set(plan) == {"steps", "loses", "reversible", "hash"}
        assert await office.stored(made["stack_id"]) == before
        stale = await office.call(method, f"{where}?plan_hash=0123", body)
        assert stale.status_code == 409
        assert stale.json()["error"]["type"] == "stale_plan"
        assert await office.stored(made["stack_id"]) == before
        done = await office.call(method, f"{where}?plan_hash={plan['hash']}", body)
        assert done.status_code == 202, done.text


async def test_a_plan_is_stale_once_somebody_else_has_wished(office: Office) -> None:
    made = await office.made()
    plan = (await patched(office, made, {"desired_size": 4}, "?plan=true")).json()["plan"]
    await patched(office, made, {"desired_size": 5})
    answer = await patched(office, made, {"desired_size": 4}, f"?plan_hash={plan['hash']}")
    assert answer.status_code == 409


async def test_creation_is_held_to_its_plan(office: Office) -> None:
    plan = (await office.call("POST", "/v1/clusters?plan=true", dict(WEB))).json()["plan"]
    other = {**WEB, "desired_size": 3}
    stale = await office.call("POST", f"/v1/clusters?plan_hash={plan['hash']}", other)
    assert stale.status_code == 409
    done = await office.call("POST", f"/v1/clusters?plan_hash={plan['hash']}", dict(WEB))
    assert done.status_code == 202


async def test_the_plan_of_a_deletion_says_what_is_lost(office: Office) -> None:
    made = await office.made()
    await office.put(*nodes_of(made, 2))
    plan = (await office.call("DELETE", f"{path(made)}?plan=true")).json()["plan"]
    assert plan["reversible"] is False
    assert plan["loses"]
