"""The life of a cluster through the API, with the engine at work on the simulated cloud."""

from typing import Any
from uuid import UUID

import pytest

from office import Office, path


async def shown(office: Office, made: dict[str, Any]) -> dict[str, Any]:
    answer = await office.call("GET", path(made))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def active(office: Office, **but: Any) -> dict[str, Any]:
    made = await office.made(**but)
    await office.go_on(5)
    seen = await shown(office, made)
    assert seen["status"] == "ACTIVE", seen
    return seen


async def test_a_cluster_comes_serves_grows_updates_and_goes(office: Office) -> None:
    seen = await active(office)
    assert seen["stack_status"] == "CREATE_COMPLETE"
    assert seen["running_instances"] == 2
    assert seen["load_balancer_url"].startswith("http://")
    assert seen["current_action"] is None

    await office.call("PATCH", path(seen), {"desired_size": 4})
    await office.go_on(5)
    seen = await shown(office, seen)
    assert (seen["running_instances"], seen["stack_status"]) == (4, "UPDATE_COMPLETE")

    await office.call("PATCH", path(seen), {"image": "demo-web-v2"})
    await office.go_on(60)
    seen = await shown(office, seen)
    assert seen["update"]["state"] == "done"
    assert {each["image"] for each in seen["instances"]} == {"demo-web-v2"}
    assert seen["image"] == "demo-web-v2"

    await office.call("DELETE", path(seen))
    await office.go_on(60)
    assert (await office.call("GET", path(seen))).status_code == 404
    assert (await office.call("GET", "/v1/instances")).json() == {"instances": []}
    ended = (await office.call("GET", "/v1/actions?sort=created_at")).json()["actions"]
    wishes = [each for each in ended if each["action"].startswith("CLUSTER_")]
    assert {each["status"] for each in wishes} == {"SUCCEEDED"}, wishes


async def test_what_fills_no_place_is_listed_to_its_project_only(office: Office) -> None:
    seen = await active(office)
    assert (await office.call("GET", "/v1/strays")).json() == {"strays": []}
    lost = UUID(seen["instances"][0]["id"])
    await office.desk.store.write(lambda tx: tx.nodes.drop(lost))
    (stray,) = (await office.call("GET", "/v1/strays")).json()["strays"]
    assert (stray["node_id"], stray["cluster_id"]) == (str(lost), seen["id"])
    assert (stray["name"], stray["seen"]) == (seen["instances"][0]["name"], "running")
    assert (await office.call("GET", "/v1/strays", who="bob")).json() == {"strays": []}
    assert len((await office.call("GET", "/v1/strays", who="root")).json()["strays"]) == 1


@pytest.mark.slow
async def test_a_bad_image_is_rolled_back_to_the_pinned_revision(office: Office) -> None:
    strategy = {"progress_deadline_seconds": 20}
    seen = await active(office, update_strategy=strategy, health={"start_timeout_seconds": 10})
    await office.call("PATCH", path(seen), {"image": "demo-web-bad"})
    await office.go_on(120)
    seen = await shown(office, seen)
    assert seen["update"]["state"] == "rolled_back"
    assert seen["stack_status"] == "ROLLBACK_COMPLETE"
    assert {each["image"] for each in seen["instances"] if not each["leaving"]} == {"demo-web"}
    assert seen["update"]["reason"]


async def test_the_plan_of_a_deletion_names_what_is_lost(office: Office) -> None:
    seen = await active(office)
    plan = (await office.call("DELETE", f"{path(seen)}?plan=true")).json()["plan"]
    assert plan["reversible"] is False
    assert plan["loses"]
    assert len(plan["steps"]) >= 3
    assert (await shown(office, seen))["status"] == "ACTIVE"


async def test_an_instance_is_looked_at_saved_and_its_image_used(office: Office) -> None:
    seen = await active(office)
    first = seen["instances"][0]
    one = (await office.call("GET", f"/v1/instances/{first['name']}")).json()["instance"]
    assert (one["id"], one["seen"], one["cluster_name"]) == (first["id"], "running", "web")
    log = await office.call("GET", f"/v1/instances/{first['id']}/log?lines=5")
    assert log.status_code == 200
    assert log.headers["content-type"].startswith("text/plain")
    answer = await office.call("POST", f"/v1/instances/{first['id']}/snapshot", {"name": "saved"})
    assert answer.status_code == 202
    image = answer.json()["image"]
    await office.go_on(5)
    names = [each["name"] for each in (await office.call("GET", "/v1/images")).json()["images"]]
    assert "saved" in names
    kinds = (await office.call("GET", "/v1/events?kind=image.saved")).json()["events"]
    assert kinds[0]["oname"] == "saved"
    changed = await office.call("PATCH", path(seen), {"image": image["id"]})
    assert changed.status_code == 202, changed.text
    used = await office.call("DELETE", "/v1/images/saved")
    assert used.status_code == 409
    assert "web" in used.json()["error"]["message"]


@pytest.mark.slow
async def test_an_instance_is_replaced_in_a_cluster_that_keeps_its_size(office: Office) -> None:
    seen = await active(office)
    first = seen["instances"][0]
    answer = await office.call("POST", f"/v1/instances/{first['id']}/replace")
    assert answer.status_code == 202
    again = await office.call("POST", f"/v1/instances/{first['id']}/replace")
    assert again.status_code == 409
    await office.go_on(60)
    seen = await shown(office, seen)
    assert seen["running_instances"] == 2
    assert first["ref"] not in [each["ref"] for each in seen["instances"]]


@pytest.mark.slow
async def test_an_instance_is_removed_only_where_the_minimum_allows(office: Office) -> None:
    seen = await active(office, desired_size=3)
    first, second, _ = seen["instances"]
    assert (await office.call("DELETE", f"/v1/instances/{first['id']}")).status_code == 202
    await office.go_on(60)
    seen = await shown(office, seen)
    assert (seen["desired_size"], seen["running_instances"]) == (2, 2)
    refused = await office.call("DELETE", f"/v1/instances/{second['id']}")
    assert refused.status_code == 409
    assert "min_size" in refused.json()["error"]["message"]


@pytest.mark.slow
async def test_a_protected_instance_outlives_a_scale_in(office: Office) -> None:
    seen = await active(office, desired_size=4)
    last = seen["instances"][-1]
    await office.call("POST", f"/v1/instances/{last['id']}/protect")
    await office.call("PATCH", path(seen), {"desired_size": 2})
    await office.go_on(60)
    left = [each["id"] for each in (await shown(office, seen))["instances"]]
    assert len(left) == 2
    assert last["id"] in left


async def test_pushed_readings_scale_a_cluster(office: Office) -> None:
    seen = await active(office, metric="custom", target=10)
    where = f"{path(seen)}/samples"
    assert (await office.call("POST", where, {"value": 25})).status_code == 202
    await office.go_on(3)
    seen = await shown(office, seen)
    assert seen["desired_size"] == 5
    last = seen["scaling"]["last_decision"]
    assert last["reason"]
    why = (await office.call("GET", f"{path(seen)}/why")).json()
    assert why["decisions"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "value"),
        ({"value": "x"}, "value"),
        ({"value": 1, "at": "yesterday"}, "at"),
        ({"value": 1, "at": "2030-01-01T00:00:00"}, "at"),
        ({"value": 1, "at": "2039-01-01T00:00:00Z"}, "at"),
        ({"value": 1, "at": "0001-01-01T00:00:00+23:59"}, "at"),
    ],
)
async def test_a_wrong_reading_is_refused(office: Office, body: Any, field: str) -> None:
    made = await office.made(metric="custom", target=10)
    answer = await office.call("POST", f"{path(made)}/samples", body)
    assert answer.status_code == 400
    assert answer.json()["error"]["field"] == field


async def test_a_reading_nobody_looks_at_is_refused(office: Office) -> None:
    made = await office.made()
    answer = await office.call("POST", f"{path(made)}/samples", {"value": 1})
    assert answer.status_code == 409


async def test_a_port_that_is_taken_is_refused_by_name(office: Office) -> None:
    world = office.desk.clouds["simulated"]

    class Full:
        def __init__(self, inner: Any) -> None:
            self._inner = inner

        def __getattr__(self, name: str) -> Any:
            return getattr(self._inner, name)

        async def refusal(self, front: Any) -> str | None:
            return "somebody else listens there"

    from dataclasses import replace

    full = replace(world, balancer=Full(world.balancer))
    office.desk.clouds["simulated"] = full  # type: ignore[index]
    from office import WEB

    answer = await office.call("POST", "/v1/clusters", dict(WEB))
    assert answer.status_code == 409
    assert answer.json()["error"]["field"] == "port"
    assert (await office.call("GET", "/v1/clusters")).json() == {"clusters": []}
