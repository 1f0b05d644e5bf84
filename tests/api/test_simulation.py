"""Rules of a cluster tried out on a load, over HTTP."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from office import WEB, Office, opened

RULED = {**WEB, "scale_out_threshold": 0.7, "scale_in_threshold": 0.2, "max_size": 8}
RISE = [[0, 100], [600, 100], [900, 600], [3600, 600]]


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with opened(tmp_path) as made:
        yield made


async def place(office: Office, body: dict[str, Any]) -> str:
    answer = await office.call("POST", "/v1/clusters", body)
    assert answer.status_code == 202, answer.text
    return f"/v1/clusters/{body['name']}/{answer.json()['id']}"


async def tried(office: Office, where: str, body: dict[str, Any], status: int = 200) -> Any:
    answer = await office.call("POST", f"{where}/simulate", body)
    assert answer.status_code == status, answer.text
    return answer.json()


def named(error: Any) -> list[str]:
    return [each["field"] for each in error["error"]["errors"]]


async def test_a_rise_of_load_is_followed_as_the_rules_say(office: Office) -> None:
    where = await place(office, RULED)
    [now] = (await tried(office, where, {"load": RISE}))["simulations"]
    assert now["name"] == "now"
    assert max(now["ready"]) == 8  # 600 of load takes eight members that carry 100
    assert now["seconds"][:2] == [0.0, 15.0]
    assert len({len(now[key]) for key in ("seconds", "load", "needed", "ready", "lost")}) == 1
    assert now["score"]["lost"] > 0


async def test_other_rules_are_shown_beside_those_that_there_are(office: Office) -> None:
    where = await place(office, RULED)
    body = {"load": RISE, "max_size": 3, "plant": {"boot_seconds": 10}}
    now, asked = (await tried(office, where, body))["simulations"]
    assert (now["name"], asked["name"]) == ("now", "asked")
    assert (max(now["ready"]), max(asked["ready"])) == (8, 3)


async def test_nothing_is_changed(office: Office) -> None:
    where = await place(office, RULED)
    before = (await office.call("GET", where)).json()
    await tried(office, where, {"load": RISE, "max_size": 100})
    after = (await office.call("GET", where)).json()
    assert after["max_size"] == before["max_size"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "load"),
        ({"load": [[0, 1]]}, "load"),
        ({"load": [[0, 1], [0, 2]]}, "load"),
        ({"load": [[0, 1], [60, -1]]}, "load"),
        ({"load": [[0, 1], [60, True]]}, "load"),
        ({"load": [[0, 1], [10_000_000, 1]]}, "load"),
        ({"load": RISE, "scale_in_threshold": 0.8}, "scale_in_threshold"),
        ({"load": RISE, "min_size": 9}, "min_size"),
        ({"load": RISE, "plant": {"noise": 2}}, "plant.noise"),
        ({"load": RISE, "metric": "custom", "target": 5}, "metric"),
    ],
)
async def test_what_cannot_be_tried_is_told_at_its_field(
    office: Office, body: dict[str, Any], field: str
) -> None:
    where = await place(office, RULED)
    assert field in named(await tried(office, where, body, 400))


async def test_a_cluster_without_rules_takes_some_to_be_tried(office: Office) -> None:
    plain = {k: v for k, v in RULED.items() if not k.startswith("scale_")}
    where = await place(office, plain)
    assert named(await tried(office, where, {"load": RISE}, 400)) == ["scale_out_threshold"]
    body = {"load": RISE, "scale_out_threshold": 0.6, "scale_in_threshold": 0.2}
    [asked] = (await tried(office, where, body))["simulations"]
    assert asked["name"] == "asked"
    assert max(asked["ready"]) > 2


async def test_it_is_no_business_of_other_projects(office: Office) -> None:
    where = await place(office, RULED)
    answer = await office.call("POST", f"{where}/simulate", {"load": RISE}, "bob")
    assert answer.status_code == 404
