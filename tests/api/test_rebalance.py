"""What would better stand elsewhere, asked over HTTP, and carried out like any other operation."""

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from muster.base.clock import ManualClock
from muster.drivers.simulated.cloud import world_of
from muster.ports.store import Query
from office import WEB, Office, a_cloud, opened

WHERE = "/v1/clouds/simulated/rebalance"


@pytest.fixture
async def crowded(tmp_path: Path) -> AsyncIterator[Office]:
    """A cluster of six, of which nobody is on the two hosts that were away."""
    cloud = await a_cloud(tmp_path, ManualClock(), hosts=4, zones=["a"])
    async with opened(tmp_path, clouds={"simulated": cloud}) as office:
        world = world_of(cloud)
        for host in ("a-h3", "a-h4"):
            world.power_cut(host)
        body = {**WEB, "min_size": 6, "max_size": 6}
        answer = await office.call("POST", "/v1/clusters", body)
        assert answer.status_code == 202, answer.text
        await office.go_on(5)
        for host in ("a-h3", "a-h4"):
            world.power_back(host)
        yield office


async def asked(office: Office, away: str = "") -> dict[str, Any]:
    answer = await office.call("GET", f"{WHERE}?away={away}" if away else WHERE, None, "root")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["rebalance"]
    return found


async def hosts(office: Office) -> Counter[str]:
    nodes = await office.desk.store.read(lambda tx: tx.nodes.find(Query()))
    return Counter(node.host for node in nodes)


async def test_what_was_proposed_moves_and_nothing_more_is_proposed(crowded: Office) -> None:
    assert await hosts(crowded) == {"a-h1": 3, "a-h2": 3}
    said = await asked(crowded)
    assert Counter(each["target"] for each in said["transfers"]) == {"a-h3": 1, "a-h4": 1}
    assert {each["source"] for each in said["transfers"]} == {"a-h1", "a-h2"}
    assert " has 3 of web, a-h" in said["transfers"][0]["reason"]
    assert said["benefit"] > said["disruption"] > 0
    assert (said["complete"], said["unsolved"]) == (True, [])
    assert await hosts(crowded) == {"a-h1": 3, "a-h2": 3}  # so far it was a plan
    for each in said["transfers"]:
        body = {"evacuate": {"host": each["target"]}}
        wish = await crowded.call("POST", f"/v1/nodes/{each['node_id']}/ops", body, "root")
        assert wish.status_code == 202, wish.text
    await crowded.go_on(10)
    assert await hosts(crowded) == {"a-h1": 2, "a-h2": 2, "a-h3": 1, "a-h4": 1}
    again = await asked(crowded)
    assert again["transfers"] == []
    assert again["before"] == again["after"] == said["after"]


async def test_a_host_that_is_to_be_left_has_targets_for_all_on_it(crowded: Office) -> None:
    said = await asked(crowded, "a-h1")
    leaving = [each for each in said["transfers"] if each["source"] == "a-h1"]
    assert len(leaving) == 3
    assert {each["reason"] for each in leaving} == {"a-h1 is to be left"}
    assert "a-h1" not in {each["target"] for each in said["transfers"]}


async def test_only_who_operates_is_told_and_only_of_clouds_that_are_there(crowded: Office) -> None:
    for where, who, status in (
        (WHERE, "ann", 403),
        ("/v1/clouds/nowhere/rebalance", "root", 404),
        (f"{WHERE}?away=a-h1,a-h9", "root", 400),
    ):
        assert (await crowded.call("GET", where, None, who)).status_code == status
