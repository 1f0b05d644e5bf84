"""Rules about what a query gives, as they are asked for."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from muster.model.cloud import Ability
from office import Office, opened

ASKED = {"metric": "prometheus", "query": "avg(depth)", "target": 10}


async def path(office: Office, made: dict[str, Any]) -> str:
    return f"/v1/clusters/{made['name']}/{made['id']}"


async def test_a_query_is_shown_as_it_was_given_and_can_be_changed(office: Office) -> None:
    made = await office.made(**ASKED)
    where = await path(office, made)
    await office.go_on(5)
    shown = (await office.call("GET", where)).json()
    assert {name: shown[name] for name in ASKED} == ASKED
    assert (await office.call("PATCH", where, {"query": "sum(depth)"})).status_code == 202
    await office.go_on(2)
    shown = (await office.call("GET", where)).json()
    assert (shown["query"], shown["target"]) == ("sum(depth)", 10)


@pytest.mark.parametrize(
    ("but", "field"),
    [
        ({"query": None}, "query"),
        ({"query": ""}, "query"),
        ({"query": 7}, "query"),
        ({"query": "x" * 5000}, "query"),
        ({"metric": "cpu", "target": 0.5}, "query"),
        ({"target": None}, "target"),
    ],
)
async def test_a_query_that_does_not_fit_is_refused(
    office: Office, but: dict[str, Any], field: str
) -> None:
    said = {"name": "web", "image": "demo-web", "flavor": "tiny", "min_size": 1, "max_size": 2}
    answer = await office.call("POST", "/v1/clusters", {**said, "port": 8080, **ASKED, **but})
    assert answer.status_code == 400
    assert answer.json()["error"]["field"] == field


async def test_where_no_server_is_set_the_reason_is_told(tmp_path: Path) -> None:
    async with opened(tmp_path) as office:
        cloud = office.desk.clouds["simulated"]
        cannot = {Ability.QUERIES: "no Prometheus server is set"}
        poor = replace(cloud, about=replace(cloud.about, cannot=cannot))
        office.desk.clouds["simulated"] = poor  # type: ignore[index]
        said = {"name": "web", "image": "demo-web", "flavor": "tiny", "min_size": 1, "max_size": 2}
        answer = await office.call("POST", "/v1/clusters", {**said, "port": 8080, **ASKED})
        assert answer.status_code == 400
        assert answer.json()["error"]["field"] == "query"
        assert "no Prometheus server is set" in answer.json()["error"]["message"]
