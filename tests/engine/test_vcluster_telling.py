"""What is told of virtual clusters as they are made, changed and taken away."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from engine.whole import WHERE, made, patched, settled, there, world
from muster.base.clock import ManualClock
from office import Office, a_cloud, opened
from vclusters import ONE_VOLUME, server


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """Three hosts in three zones, each with room for two small ones and 20 GiB."""
    cloud = await a_cloud(tmp_path, ManualClock(), hosts=3, host_vcpus=2, host_disk_gib=20)
    async with opened(tmp_path, clouds={"simulated": cloud}) as made:
        yield made


async def kinds(office: Office) -> list[str]:
    found = (await office.call("GET", "/v1/events?limit=100")).json()["events"]
    told = sorted((each for each in found if each["otype"] == "VCLUSTER"), key=_seq)
    return [f"{each['kind']} {each['status']}".strip() for each in told]


def _seq(event: Any) -> int:
    return int(event["seq"])


async def test_what_becomes_of_one_is_told(office: Office) -> None:
    before = await there(office, ONE_VOLUME)
    await patched(office, before["id"], instances=[server("x")])
    await settled(office, before["id"])
    world(office).fail("create_server", "permanent")
    await patched(office, before["id"], instances=[server("y")])
    await settled(office, before["id"])
    await office.call("DELETE", f"{WHERE}/{before['id']}")
    await office.go_on(10)
    assert await kinds(office) == [
        "vcluster.created start",
        "vcluster.created end",
        "vcluster.updated start",
        "vcluster.updated end",
        "vcluster.updated start",
        "vcluster.updated error",
        "vcluster.deleted start",
        "vcluster.deleted end",
    ]


async def test_one_that_cannot_be_made_is_told_with_why(office: Office) -> None:
    world(office).fail("create_server", "permanent")
    await settled(office, (await made(office, ONE_VOLUME))["id"])
    assert await kinds(office) == [
        "vcluster.created start",
        "vcluster.created error",
        "vcluster.rolled_back end",
    ]
