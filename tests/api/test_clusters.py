"""Changing, planning, listing and deleting clusters."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from api.made import nodes_of, patched
from muster.model.cluster import ClusterStatus
from muster.model.placement import Placement
from muster.model.rollout import RolloutState
from office import Office, path


async def settled(office: Office, made: dict[str, Any]) -> None:
    """Have the cluster be what was asked, as the engine would leave it."""
    cluster = await office.stored(made["stack_id"])
    await office.put(
        replace(
            cluster,
            status=ClusterStatus.ACTIVE,
            created_at=office.clock.now(),
            settled_generation=cluster.generation,
        )
    )


async def test_a_resize_is_a_wish_and_an_event(office: Office) -> None:
    made = await office.made()
    answer = await patched(office, made, {"desired_size": 4})
    assert answer.status_code == 202
    assert answer.json()["desired_size"] == 4
    actions = (await office.call("GET", "/v1/actions?sort=created_at")).json()["actions"]
    newest = next(each for each in actions if each["action"] == "CLUSTER_RESIZE")
    assert newest["inputs"] == {"changes": ["size 2 -> 4"], "before": 2, "desired_size": 4}
    events = (await office.call("GET", "/v1/events?sort=seq:desc")).json()["events"]
    assert events[0]["kind"] == "cluster.resized"
    assert events[0]["action_id"] == newest["id"]


async def test_the_same_again_is_no_change(office: Office) -> None:
    made = await office.made()
    before = await office.stored(made["stack_id"])
    answer = await patched(office, made, {"image": "demo-web", "desired_size": 2, "port": 8080})
    assert answer.status_code == 200
    assert await office.stored(made["stack_id"]) == before


async def test_another_image_starts_a_rolling_update_from_a_pinned_revision(
    office: Office,
) -> None:
    made = await office.made()
    answer = (await patched(office, made, {"image": "demo-web-v2"})).json()
    assert answer["update"]["state"] == "rolling"
    assert answer["update"]["from"]["image"] == "demo-web"
    assert answer["update"]["to"]["image"] == "demo-web-v2"
    assert answer["update"]["can"] == ["pause", "rollback"]
    cluster = await office.stored(made["stack_id"])
    assert str(cluster.profile_id) == made["revision"]  # written only when it has succeeded


async def test_an_opportunistic_update_is_in_force_at_once(office: Office) -> None:
    made = await office.made(update_strategy={"kind": "opportunistic"})
    await patched(office, made, {"image": "demo-web-v2"})
    cluster = await office.stored(made["stack_id"])
    assert cluster.rollout is None
    assert str(cluster.profile_id) != made["revision"]
    assert cluster.revisions == (UUID(made["revision"]),)


async def test_a_second_update_waits_for_the_first_unless_forced(office: Office) -> None:
    made = await office.made()
    await patched(office, made, {"image": "demo-web-v2"})
    again = await patched(office, made, {"image": "demo-web-bad"})
    assert again.status_code == 409
    assert "?force=true" in again.json()["error"]["message"]
    assert (await patched(office, made, {"desired_size": 3})).status_code == 202
    forced = await patched(office, made, {"image": "demo-web-bad"}, "?force=true")
    assert forced.status_code == 202
    assert forced.json()["update"]["from"]["image"] == "demo-web"


async def test_a_resize_keeps_what_the_engine_did_to_an_update_meanwhile(office: Office) -> None:
    made = await office.made()
    await patched(office, made, {"image": "demo-web-v2"})
    cluster = await office.stored(made["stack_id"])
    assert cluster.rollout is not None
    baking = cluster.rollout.turned(RolloutState.BAKING, office.clock.now(), "the canary is in")
    await office.put(replace(cluster, rollout=baking))
    await patched(office, made, {"desired_size": 3})
    after = await office.stored(made["stack_id"])
    assert after.rollout == baking


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "other"}, "name"),
        ({"cloud": "elsewhere"}, "cloud"),
        ({"backend_network": "private-2"}, "backend_network"),
        ({"dnsName": "a.example.org"}, "dnsName"),
        ({"protocol": "tcp"}, "protocol"),
        ({"create_bastion": True}, "create_bastion"),
        ({"min_size": 7}, "min_size"),
        ({"maxSize": 1}, "maxSize"),
        ({"desired_size": 9}, "desired_size"),
        ({"image": "no-such"}, "image"),
        ({"min_size": None}, "min_size"),
        ({"scale_out_threshold": 0.5}, "scale_in_threshold"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_a_wrong_change_is_refused_and_changes_nothing(
    office: Office, body: dict[str, Any], field: str
) -> None:
    made = await office.made()
    before = await office.stored(made["stack_id"])
    answer = await patched(office, made, body)
    assert answer.status_code == 400, answer.text
    assert field in {each["field"] for each in answer.json()["error"]["errors"]}
    assert await office.stored(made["stack_id"]) == before


async def test_no_more_are_asked_for_than_the_region_takes(office: Office) -> None:
    made = await office.made()
    cluster = await office.stored(made["stack_id"])
    await office.put(replace(cluster, placement=Placement(cap=3)))
    answer = await patched(office, made, {"desired_size": 4})
    [error] = answer.json()["error"]["errors"]
    assert (answer.status_code, error["field"]) == (400, "desired_size")
    assert "Its region takes 3." in error["message"]
    assert (await patched(office, made, {"desired_size": 3})).status_code == 202


async def test_null_takes_rules_back(office: Office) -> None:
    made = await office.made(scale_out_threshold=0.7, scale_in_threshold=0.2)
    body = {"scale_out_threshold": None, "scaleInThreshold": None}
    answer = await patched(office, made, body)
    assert answer.json()["scaling"] is None


async def test_new_bounds_carry_the_size_along(office: Office) -> None:
    made = await office.made()
    assert (await patched(office, made, {"min_size": 4})).json()["desired_size"] == 4
    lower = (await patched(office, made, {"min_size": 0, "max_size": 3})).json()
    assert lower["desired_size"] == 3


async def test_pausing_resuming_and_rolling_back(office: Office) -> None:
    made = await office.made()
    assert (await office.call("POST", f"{path(made)}/pause")).status_code == 409
    await patched(office, made, {"image": "demo-web-v2"})
    paused = await office.call("POST", f"{path(made)}/pause")
    assert paused.status_code == 202
    assert paused.json()["update"]["state"] == "paused"
    assert (await office.call("POST", f"{path(made)}/pause")).status_code == 409
    resumed = await office.call("POST", f"{path(made)}/resume")
    assert resumed.json()["update"]["state"] == "rolling"
    back = await office.call("POST", f"{path(made)}/rollback")
    assert back.json()["update"]["state"] == "rolling_back"
    assert back.json()["stack_status"] == "ROLLBACK_IN_PROGRESS"
    assert (await office.call("POST", f"{path(made)}/rollback")).status_code == 409


async def test_resuming_a_canary_that_is_watched_lets_it_pass(office: Office) -> None:
    made = await office.made(update_strategy={"canary": 1})
    await patched(office, made, {"image": "demo-web-v2"})
    cluster = await office.stored(made["stack_id"])
    assert cluster.rollout is not None
    baking = cluster.rollout.turned(RolloutState.BAKING, office.clock.now(), "")
    await office.put(replace(cluster, rollout=baking))
    answer = await office.call("POST", f"{path(made)}/resume")
    assert answer.json()["update"]["canary_passed"] is True


async def test_rolling_back_a_finished_update_is_an_update_to_the_revision_before(
    office: Office,
) -> None:
    made = await office.made()
    assert (await office.call("POST", f"{path(made)}/rollback")).status_code == 409
    await patched(office, made, {"image": "demo-web-v2"})
    cluster = await office.stored(made["stack_id"])
    assert cluster.rollout is not None
    done = cluster.rollout.turned(RolloutState.DONE, office.clock.now(), "")
    to, old = done.to_profile, cluster.profile_id
    await office.put(replace(cluster, rollout=done, profile_id=to, revisions=(old,)))
    answer = (await office.call("POST", f"{path(made)}/rollback")).json()
    assert answer["update"]["to"]["image"] == "demo-web"
    assert answer["update"]["state"] == "rolling"


async def test_deleting_is_accepted_once_and_again(office: Office) -> None:
    made = await office.made()
    first = await office.call("DELETE", path(made))
    assert first.status_code == 202
    assert first.json()["stack_status"] == "DELETE_IN_PROGRESS"
    assert (await office.call("DELETE", path(made))).status_code == 202
    assert (await patched(office, made, {"desired_size": 3})).status_code == 409
    actions = (await office.call("GET", "/v1/actions")).json()["actions"]
    assert [each["action"] for each in actions].count("CLUSTER_DELETE") == 1


@pytest.mark.parametrize("late", [False, True])
async def test_a_deletion_that_somebody_insists_on_waits_for_no_host(office: Office, late) -> None:
    made = await office.made()
    if late:
        await office.call("DELETE", path(made))
        assert not (await office.stored(made["id"])).insisted
    assert (await office.call("DELETE", f"{path(made)}?force=true")).status_code == 202
    assert (await office.stored(made["id"])).insisted
    await office.go_on(5)
    assert (await office.call("GET", path(made))).status_code == 404


async def test_a_name_that_does_not_match_the_id_is_not_found(office: Office) -> None:
    made = await office.made()
    other = await office.made(name="web2")
    for method, body in (("GET", None), ("PATCH", {"desired_size": 3}), ("DELETE", None)):
        for where in (
            f"/v1/clusters/web2/{made['stack_id']}",
            f"/v1/clusters/nobody/{made['stack_id']}",
            f"/v1/clusters/web/{other['stack_id']}",
            "/v1/clusters/web/not-an-id",
        ):
            assert (await office.call(method, where, body)).status_code == 404


async def test_details_show_each_instance_with_its_three_kinds_of_health(office: Office) -> None:
    made = await office.made()
    await office.put(*nodes_of(made, 2))
    seen = (await office.call("GET", path(made))).json()
    assert seen["running_instances"] == 2
    first = seen["instances"][0]
    assert first["health"] == {
        "infrastructure": "good",
        "load_balancer": "good",
        "application": "good",
    }
    assert (first["image"], first["revision"]) == ("demo-web", made["revision"])
    listed = (await office.call("GET", "/v1/clusters")).json()["clusters"][0]
    assert listed["running_instances"] == 2
    assert len(listed["nodes"]) == 2


async def test_a_settled_cluster_is_complete(office: Office) -> None:
    made = await office.made()
    await settled(office, made)
    assert (await office.call("GET", path(made))).json()["stack_status"] == "CREATE_COMPLETE"
    await patched(office, made, {"desired_size": 3})
    assert (await office.call("GET", path(made))).json()["stack_status"] == "UPDATE_IN_PROGRESS"
    await settled(office, made)
    assert (await office.call("GET", path(made))).json()["stack_status"] == "UPDATE_COMPLETE"


async def test_one_is_found_by_name_id_and_beginning_of_an_id(office: Office) -> None:
    made = await office.made()
    for said in ("web", made["id"], made["id"][:8]):
        answer = await office.call("GET", f"/v1/clusters/{said}")
        assert answer.json()["cluster"]["id"] == made["id"]
    assert (await office.call("GET", "/v1/clusters/nobody")).status_code == 404


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("bogus=1", 400, "Invalid parameter 'bogus'"),
        ("limit=x", 400, "The value for limit must be an integer: 'x'."),
        ("limit=-1", 400, "Value must be >= 0 for field 'limit'."),
        ("marker=x", 400, "The value for marker is not a valid UUID: 'x'."),
        ("sort=bogus", 400, "Unsupported sort key 'bogus' for 'sort'."),
        ("sort=name:up", 400, "Unsupported sort dir 'up' for 'sort'."),
        ("status=bogus", 400, "Field value bogus is invalid"),
        ("global_project=x", 400, "Invalid value 'x' specified for 'global_project'"),
        ("global_project=true", 403, "You are not authorized to complete this operation."),
    ],
)
async def test_a_wrong_query_is_refused_in_the_clustering_apis_words(
    office: Office, query: str, status: int, words: str
) -> None:
    answer = await office.call("GET", f"/v1/clusters?{query}")
    assert answer.status_code == status
    assert answer.json()["error"]["message"] == words
    assert answer.json()["code"] == status


async def test_lists_are_paged_sorted_and_filtered(office: Office) -> None:
    for name in ("c", "a", "b"):
        await office.made(name=name)

    async def names(query: str) -> list[str]:
        answer = await office.call("GET", f"/v1/clusters?{query}")
        return [each["name"] for each in answer.json()["clusters"]]

    assert await names("sort=name") == ["a", "b", "c"]
    assert await names("sort=name:desc&limit=2") == ["c", "b"]
    first = (await office.call("GET", "/v1/clusters?sort=name&limit=1")).json()["clusters"]
    assert await names(f"sort=name&marker={first[0]['id']}") == ["b", "c"]
    assert await names("limit=0") == []
    assert await names("name=a&name=b&sort=name") == ["a", "b"]
    assert await names("status=ACTIVE") == []


async def test_withdrawing_a_resize_brings_the_size_before_back(office: Office) -> None:
    made = await office.made()
    await patched(office, made, {"desired_size": 4})
    actions = (await office.call("GET", "/v1/actions?action=CLUSTER_RESIZE")).json()["actions"]
    where = f"/v1/actions/{actions[0]['id']}"
    cancel = {"action": {"status": "CANCELLED"}}
    answer = await office.call("PATCH", where, cancel)
    assert answer.status_code == 202
    assert answer.json()["action"]["status"] == "CANCELLED"
    assert (await office.stored(made["stack_id"])).desired == 2
    assert (await office.call("PATCH", where, cancel)).status_code == 409
    assert (await office.call("PATCH", where, {"action": {"status": "X"}})).status_code == 400


async def test_withdrawing_an_update_rolls_it_back(office: Office) -> None:
    made = await office.made()
    await patched(office, made, {"image": "demo-web-v2"})
    actions = (await office.call("GET", "/v1/actions?action=CLUSTER_UPDATE")).json()["actions"]
    cancel = {"action": {"status": "CANCELLED"}}
    await office.call("PATCH", f"/v1/actions/{actions[0]['id']}", cancel)
    seen = (await office.call("GET", path(made))).json()
    assert seen["update"]["state"] == "rolling_back"


async def test_a_creation_withdrawn_is_content_with_what_was_made(office: Office) -> None:
    made = await office.made()
    action = (await office.call("GET", "/v1/actions")).json()["actions"][0]
    cancel = {"action": {"status": "CANCELLED"}}
    answer = await office.call("PATCH", f"/v1/actions/{action['id']}", cancel)
    assert answer.status_code == 202
    left = await office.stored(made["stack_id"])
    assert (left.desired, left.min_size) == (0, 0)
    await office.go_on(5)
    assert (await office.call("GET", "/v1/instances")).json() == {"instances": []}


async def test_why_says_something_even_without_decisions(office: Office) -> None:
    made = await office.made(scale_out_threshold=0.7, scale_in_threshold=0.2)
    said = (await office.call("GET", f"{path(made)}/why")).json()
    assert said["reason"] == "no scaling decision has been taken yet"
    assert (await office.call("GET", f"{path(made)}/decisions")).json() == {"decisions": []}
