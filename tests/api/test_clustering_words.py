"""What is under way is told in the words that users of the clustering API know."""

from typing import Any
from uuid import UUID

import pytest

from caller import Caller

SLOW = {"simulated_wait_time": "120"}


async def test_what_waits_is_found_as_waiting_and_what_runs_as_running(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile("slow", **SLOW))
    where = f"/clusters/{cluster['id']}/actions"
    wish = await ann.accepted("POST", where, {"scale_out": {"count": 2}})
    await ann.office.go_on()

    async def named(query: str) -> list[str]:
        return [each["action"] for each in (await ann.get(f"/actions?{query}"))["actions"]]

    assert await named("status=WAITING") == ["CLUSTER_SCALE_OUT"]
    assert await named("status=RUNNING") == ["NODE_CREATE"] * 2
    assert len(await named("status=RUNNING&status=WAITING&limit=2")) == 2
    shown = await ann.action(wish["id"])
    assert shown["status_reason"] == "Waiting for depended actions."
    assert UUID(shown["owner"])


async def test_an_update_is_told_without_how_far_it_is(ann: Caller) -> None:
    cluster = await ann.cluster(await ann.profile(), desired_capacity=1)
    await ann.profile("slow", **SLOW)
    await ann.accepted("PATCH", f"/clusters/{cluster['id']}", {"cluster": {"profile_id": "slow"}})
    await ann.office.go_on()
    shown = await ann.again(cluster)
    assert (shown["status"], shown["status_reason"]) == ("UPDATING", "Update in progress")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"scale_out": {}}, "Cluster scale out started."),
        ({"resize": {"adjustment_type": "EXACT_CAPACITY", "number": 2}}, "Cluster resize started."),
    ],
)
async def test_a_cluster_says_what_changes_its_size(
    ann: Caller, body: dict[str, Any], reason: str
) -> None:
    cluster = await ann.cluster(await ann.profile("slow", **SLOW))
    await ann.accepted("POST", f"/clusters/{cluster['id']}/actions", body)
    await ann.office.go_on()
    shown = await ann.again(cluster)
    assert (shown["status"], shown["status_reason"]) == ("RESIZING", reason)
