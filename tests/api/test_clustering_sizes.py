"""Resizing a cluster, and scaling it out and in, with policies and without."""

from typing import Any

import pytest

from caller import Caller

BAD = "HTTPBadRequest"
Shown = dict[str, Any]


async def sizes(ann: Caller, cluster: Shown) -> tuple[int, int, int]:
    """Return min, desired, max as shown; the nodes are as many as desired."""
    again = await ann.again(cluster)
    assert len(again["nodes"]) == again["desired_capacity"]
    return again["min_size"], again["desired_capacity"], again["max_size"]


async def test_scaling_without_a_count_changes_by_one(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile(), desired_capacity=2)
    for said in ({}, {"count": None}):
        action = await ann.act(cluster, scale_out=said)
        assert (action["status"], action["inputs"]) == ("SUCCEEDED", {})
    assert action["name"] == f"cluster_scale_out_{cluster['id'][:8]}"
    assert await sizes(ann, cluster) == (0, 4, -1)
    action = await ann.act(cluster, scale_in={"count": "3", "more": 1})
    assert (action["action"], action["inputs"]) == ("CLUSTER_SCALE_IN", {"count": 3})
    assert await sizes(ann, cluster) == (0, 1, -1)


async def test_scaling_in_by_more_than_there_are_empties_the_cluster(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile(), desired_capacity=2)
    assert (await ann.act(cluster, scale_in={"count": 1000}))["status"] == "SUCCEEDED"
    assert await sizes(ann, cluster) == (0, 0, -1)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (
            {"scale_out": {"count": 3}},
            "The target capacity (5) is greater than the cluster's max_size (4).",
        ),
        (
            {"scale_in": {"count": 2}},
            "The target capacity (0) is less than the cluster's min_size (1).",
        ),
    ],
)
async def test_scaling_past_the_clusters_own_bounds_is_accepted_and_fails(
    ann: Caller, said: Shown, reason: str
) -> None:
    cluster = await ann.cluster(await ann.profile(), desired_capacity=2, min_size=1, max_size=4)
    action = await ann.act(cluster, **said)
    assert (action["status"], action["status_reason"]) == ("FAILED", reason)
    assert action["end_time"] is not None
    assert await sizes(ann, cluster) == (1, 2, 4)
    assert (await ann.again(cluster))["status"] == "ACTIVE"


@pytest.mark.parametrize(
    ("said", "type", "message"),
    [
        ({"scale_out": {"count": 0}}, "BadRequest", "Count for scale-out request cannot be 0."),
        ({"scale_in": {"count": 0}}, "BadRequest", "Count for scale-in request cannot be 0."),
        ({"scale_out": {"count": -1}}, BAD, "Value must be >= 0 for field 'count'."),
        ({"scale_in": {"count": "x"}}, BAD, "The value for count must be an integer: 'x'."),
        (
            {"scale_out": {"count": 1000}},
            "BadRequest",
            "The target capacity (1001) is greater than the maximum number of nodes allowed per "
            "cluster (1000).",
        ),
        ({"resize": {}}, BAD, "Not enough parameters to do resize action."),
        ({"resize": {"strict": True}}, BAD, "Not enough parameters to do resize action."),
        (
            {"resize": {"adjustment_type": "EXACT_CAPACITY"}},
            BAD,
            "Missing number value for size adjustment.",
        ),
        ({"resize": {"number": 1}}, BAD, "Missing adjustment_type value for size adjustment."),
        (
            {"resize": {"adjustment_type": "BOGUS", "number": 1}},
            BAD,
            "Value 'BOGUS' is not acceptable for field 'adjustment_type'.",
        ),
        (
            {"resize": {"min_size": 5, "max_size": 2}},
            BAD,
            "The specified min_size (5) is greater than the specified max_size (2).",
        ),
        (
            {"resize": {"adjustment_type": "EXACT_CAPACITY", "number": -2}},
            "BadRequest",
            "The 'number' must be non-negative integer for adjustment type 'EXACT_CAPACITY'.",
        ),
        (
            {"resize": {"adjustment_type": "CHANGE_IN_PERCENTAGE", "number": 1e308}},
            BAD,
            "The server could not comply with the request since it is either malformed or "
            "otherwise incorrect.",
        ),
        (
            {"resize": {"adjustment_type": "EXACT_CAPACITY", "number": 9, "max_size": 5}},
            "BadRequest",
            "The target capacity (9) is greater than the specified max_size (5).",
        ),
        (
            {"resize": {"min_size": 3}},
            "BadRequest",
            "The specified min_size (3) is greater than the current desired_capacity (1) of the "
            "cluster.",
        ),
        (
            {"resize": {"max_size": 0}},
            "BadRequest",
            "The specified max_size (0) is less than the current desired_capacity (1) of the "
            "cluster.",
        ),
    ],
)
async def test_what_is_wrong_with_a_size_is_said(
    ann: Caller, said: Shown, type: str, message: str
) -> None:
    cluster = await ann.cluster(await ann.profile(), desired_capacity=1)
    path = f"/clusters/{cluster['id']}/actions"
    assert await ann.refusal("POST", path, said) == (400, type, message)
    assert await sizes(ann, cluster) == (0, 1, -1)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            {"adjustment_type": "EXACT_CAPACITY", "number": 3, "min_size": 1, "max_size": 8},
            (1, 3, 8),
        ),
        ({"adjustment_type": "CHANGE_IN_CAPACITY", "number": -1}, (0, 1, -1)),
        ({"adjustment_type": "CHANGE_IN_PERCENTAGE", "number": 50}, (0, 3, -1)),
        ({"adjustment_type": "CHANGE_IN_PERCENTAGE", "number": 10, "min_step": 2}, (0, 4, -1)),
        ({"min_size": "1", "max_size": -1}, (1, 2, -1)),
        ({"adjustment_type": "EXACT_CAPACITY", "number": 2}, (0, 2, -1)),
        ({"min_size": 4, "strict": False}, (4, 4, -1)),
        ({"max_size": 1, "strict": False}, (0, 1, 1)),
    ],
)
async def test_a_resize_writes_sizes_and_bounds(
    ann: Caller, said: Shown, expected: tuple[int, int, int]
) -> None:
    cluster = await ann.cluster(await ann.profile(), desired_capacity=2)
    action = await ann.act(cluster, resize=said)
    assert action["status"] == "SUCCEEDED", action["status_reason"]
    assert set(action["inputs"]) == {
        "adjustment_type",
        "number",
        "min_size",
        "max_size",
        "min_step",
        "strict",
    }
    assert await sizes(ann, cluster) == expected


async def test_a_scaling_policy_says_by_how_much_and_how_often(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile(), desired_capacity=1)
    policy = await ann.policy(
        "scaling-1.0", event="CLUSTER_SCALE_OUT", adjustment={"number": 2, "cooldown": 60}
    )
    assert (await ann.attach(cluster, policy))["status"] == "SUCCEEDED"
    assert (await ann.act(cluster, scale_out={}))["status"] == "SUCCEEDED"
    assert await sizes(ann, cluster) == (0, 3, -1)
    path = f"/clusters/{cluster['id']}/actions"
    status, type, text = await ann.refusal("POST", path, {"scale_out": {}})
    assert (status, type) == (409, "ActionCooldown")
    assert text == (
        f"The CLUSTER_SCALE_OUT action for cluster {cluster['id']} cannot be processed due to "
        f"Policy {policy.id} cooldown still in progress"
    )
    assert (await ann.act(cluster, scale_in={}))["status"] == "SUCCEEDED", "it is not for this"
    ann.office.clock.advance(61)
    assert (await ann.act(cluster, scale_out={"count": 1}))["status"] == "SUCCEEDED"
    assert await sizes(ann, cluster) == (0, 3, -1)


async def test_what_was_refused_does_not_start_a_cooldown(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile(), desired_capacity=1, max_size=2)
    policy = await ann.policy(
        "scaling-1.0", event="CLUSTER_SCALE_OUT", adjustment={"number": 2, "cooldown": 60}
    )
    await ann.attach(cluster, policy)
    action = await ann.act(cluster, scale_out={})
    assert action["status"] == "FAILED"
    assert action["status_reason"] == (
        "Policy check failure: Failed policy 'scaling': The target capacity (3) is greater than "
        "the cluster's max_size (2)."
    )
    assert (await ann.act(cluster, scale_out={"count": 1}))["status"] == "SUCCEEDED"


async def test_best_effort_takes_what_there_is_room_for(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile(), desired_capacity=1, max_size=2)
    adjustment = {"number": 5, "best_effort": True}
    await ann.attach(
        cluster, await ann.policy("scaling-1.0", event="CLUSTER_SCALE_OUT", adjustment=adjustment)
    )
    assert (await ann.act(cluster, scale_out={}))["status"] == "SUCCEEDED"
    assert await sizes(ann, cluster) == (0, 2, 2)


async def test_a_policy_switched_off_has_no_say(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile(), desired_capacity=1)
    adjustment = {"number": 5, "cooldown": 60}
    policy = await ann.policy("scaling-1.0", event="CLUSTER_SCALE_OUT", adjustment=adjustment)
    await ann.attach(cluster, policy, enabled=False)
    for _ in range(2):
        assert (await ann.act(cluster, scale_out={}))["status"] == "SUCCEEDED"
    assert await sizes(ann, cluster) == (0, 3, -1)
