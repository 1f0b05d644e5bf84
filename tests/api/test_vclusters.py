"""Virtual clusters over the API: where everything would be, why nowhere, and what is refused."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from muster.base.clock import ManualClock
from muster.model.placing import USUAL, Answer, Limit, Problem, Undecided
from muster.ports.solver import Tell, nobody
from muster.wiring.rules import calls_of
from office import Office, a_cloud, opened
from vclusters import ONE_VOLUME, REDUNDANT, body, repeated, rule, server, volume

WHERE = "/v2/demo/vclusters"


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """Three hosts in three zones, each with room for four tiny ones and 20 GiB."""
    cloud = await a_cloud(
        tmp_path, ManualClock(), hosts=3, host_vcpus=4, host_memory_mib=512, host_disk_gib=20
    )
    limits = {"max_cluster_size": 20, "max_clusters": 2}
    async with opened(tmp_path, clouds={"simulated": cloud}, **limits) as made:
        yield made


async def asked(office: Office, said: Any, who: str = "ann", where: str = WHERE) -> Any:
    content = said if isinstance(said, str) else json.dumps(said)
    headers = {"x-name": who, "content-type": "application/json"}
    return await office.clients["all"].post(f"{where}?plan=true", content=content, headers=headers)


async def planned(office: Office, said: Any) -> dict[str, Any]:
    answer = await asked(office, said)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def refused(office: Office, said: Any, status: int = 400) -> dict[str, Any]:
    answer = await asked(office, said)
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()["error"]
    return found


def places(found: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["host"] for each in found["vcluster"]["instances"]}


@pytest.mark.parametrize("form", [json.dumps, repeated])
async def test_one_volume_goes_to_the_host_of_its_server(office: Office, form: Any) -> None:
    found = await planned(office, form(ONE_VOLUME))
    at = places(found)
    assert at["db"] == at["db-vol"]
    [one, other] = found["vcluster"]["instances"]
    assert (one["type"], one["attached_to"], one["id"]) == ("server", None, None)
    assert (other["type"], other["attached_to"]) == ("volume", "db")
    assert one["zone"] == one["host"].split("-")[0]
    [grouping] = found["vcluster"]["groupings"]
    assert (grouping["state"], grouping["membersRef"]) == ("satisfied", ["db", "db-vol"])
    assert found["vcluster"]["status"] == "PLANNED"
    assert found["placement"] == {"best": True, "moves": []}


@pytest.mark.parametrize("form", [json.dumps, repeated])
async def test_redundant_data_lies_on_two_hosts(office: Office, form: Any) -> None:
    at = places(await planned(office, form(REDUNDANT)))
    assert at["db-1"] == at["db-1-vol"] != at["db-2"] == at["db-2-vol"]


async def test_what_was_shown_is_what_is_made_or_nothing(office: Office) -> None:
    shown = (await planned(office, REDUNDANT))["hash"]
    other = body([server("other"), volume("other-vol", 15)])
    refused = await office.call("POST", f"{WHERE}?plan_hash={shown}", other)
    assert (refused.status_code, refused.json()["error"]["type"]) == (409, "stale_plan")
    made = await office.call("POST", f"{WHERE}?plan_hash={shown}", REDUNDANT)
    assert made.status_code == 202, made.text


async def test_a_plan_is_the_same_each_time_and_leaves_nothing(office: Office) -> None:
    assert await planned(office, REDUNDANT) == await planned(office, REDUNDANT)
    assert (await office.call("GET", WHERE)).json() == {"vclusters": []}
    cloud = office.desk.clouds["simulated"]
    assert cloud.volumes
    assert not await cloud.compute.list_servers()
    assert not await cloud.volumes.list_volumes()


async def test_a_zone_that_is_asked_for_is_kept(office: Office) -> None:
    found = await planned(office, body([server("a", availability_zone="z2")]))
    assert places(found) == {"a": "z2-h1"}


async def test_what_is_wanted_and_not_kept_is_told_with_who(office: Office) -> None:
    four = [server(name) for name in "abcd"]
    found = await planned(office, body(four, [rule("soft-anti-affinity", *"abcd")]))
    [grouping] = found["vcluster"]["groupings"]
    assert grouping["state"] == "violated"
    assert len(grouping["violated_by"]) == 2
    assert grouping["spec"] == {"rule": "soft-anti-affinity", "scope": "host"}


async def test_an_impossible_request_is_told_why_and_what_would_do(office: Office) -> None:
    four = [server(name) for name in "abcd"]
    error = await refused(office, body(four, [rule("anti-affinity", *"abcd", name="far")]), 409)
    assert error["type"] == "unplaceable"
    assert error["conflict"]["minimal"] is True
    assert error["conflict"]["instances"] == list("abcd")
    assert error["conflict"]["rules"] == [{"number": 0, "name": "far", "rule": "anti-affinity"}]
    assert error["message"] == error["conflict"]["text"]
    costs = [each["cost"] for each in error["relaxations"]]
    assert costs == sorted(costs)
    assert error["relaxations"][0]["changes"][0]["change"] == "raise"
    assert set(error["relaxations"][0]["placement"]) == set("abcd")


async def test_a_volume_larger_than_every_host_is_told_by_the_room_that_there_is(
    office: Office,
) -> None:
    error = await refused(office, body([volume("big", 21)]), 409)
    assert "big" in error["message"]
    assert "21 GiB" in error["message"]


INSTANCES = "vcluster.instances"


@pytest.mark.parametrize(
    ("said", "field", "word"),
    [
        (body([server("a"), server("a")]), f"{INSTANCES}[1].name", "'a'"),
        (body([server("a", imageRef="x")]), f"{INSTANCES}[0].spec.imageRef", "'x'"),
        (body([server("a", flavorRef="x")]), f"{INSTANCES}[0].spec.flavorRef", "'x'"),
        (body([server("a", key_name="x")]), f"{INSTANCES}[0].spec.key_name", "'x'"),
        (body([server("a", networks=["x"])]), f"{INSTANCES}[0].spec.networks", "'x'"),
        (body([server("a", networks=["private", "y"])]), f"{INSTANCES}[0].spec.networks", "one"),
        (
            body([server("a", availability_zone="z9")]),
            f"{INSTANCES}[0].spec.availability_zone",
            "z1, z2, z3",
        ),
        (body([volume("v", volume_type="x")]), f"{INSTANCES}[0].spec.volume_type", "'x'"),
        (body([volume("v", imageRef="x")]), f"{INSTANCES}[0].spec.imageRef", "empty"),
        (body([volume("v", attach_to="x")]), f"{INSTANCES}[0].spec.attach_to", "'x'"),
        (body([volume("v", 0)]), f"{INSTANCES}[0].spec.size", "between 1"),
        (body([server("a")], cloud="x"), "vcluster.cloud", "simulated"),
        (
            body([server("a")], [rule("affinity", "a", "x")]),
            "vcluster.groupings[0].membersRef",
            "'x'",
        ),
        (
            body(
                [server("a"), server("b")],
                [rule("affinity", "a", "b"), rule("anti-affinity", "a", "b")],
            ),
            "vcluster.groupings[1]",
            "on different hosts",
        ),
    ],
)
async def test_bad_input_is_named_by_its_field(
    office: Office, said: Any, field: str, word: str
) -> None:
    error = await refused(office, said)
    assert error["field"] == field
    assert word in error["message"]


async def test_bad_input_in_repeated_keys_is_named_as_it_is_written(office: Office) -> None:
    said = repeated(body([server("a"), server("b", imageRef="x")]))
    assert (await refused(office, said))["field"] == f"{INSTANCES}.instance[1].spec.imageRef"


async def test_contradictions_are_told_before_any_cloud_is_asked(office: Office) -> None:
    two = [server("a"), volume("huge", 10**6, attach_to="a")]
    error = await refused(office, body(two, [rule("anti-affinity", "a", "huge")]))
    assert error["field"] == "vcluster.groupings[0]"


async def test_more_than_the_quota_is_refused_as_such(office: Office) -> None:
    error = await refused(office, body([volume(f"v{n}", 1) for n in range(21)]), 403)
    assert (error["type"], error["field"]) == ("quota_exceeded", INSTANCES)


async def test_the_project_in_the_path_is_the_callers(office: Office) -> None:
    for method in ("GET", "POST"):
        answer = await office.call(method, "/v2/other/vclusters", ONE_VOLUME)
        assert answer.status_code == 403
    assert (await asked(office, ONE_VOLUME, "bob", "/v2/other/vclusters")).status_code == 200
    assert (await asked(office, ONE_VOLUME, "rita")).status_code == 403


async def test_a_cloud_that_does_not_tell_of_its_hosts_is_named(office: Office) -> None:
    silent = replace(office.desk.clouds["simulated"], hosts=None)
    async with opened(office.home, clouds={"silent": silent}) as other:
        error = await refused(other, ONE_VOLUME)
    assert "does not tell what its hosts have free" in error["message"]


async def test_the_calls_have_names_that_rules_can_say(office: Office) -> None:
    known = calls_of(office.app)
    assert {"vclusters:index", "vclusters:get", "vclusters:create"} <= known.keys()


async def test_what_is_not_there_is_not_found(office: Office) -> None:
    assert (await office.call("GET", f"{WHERE}/none")).status_code == 404


async def test_nobody_of_another_project_sees_or_touches_one(office: Office) -> None:
    made = (await office.call("POST", WHERE, ONE_VOLUME)).json()["vcluster"]
    for method, said in (("GET", None), ("PATCH", {"vcluster": {}}), ("DELETE", None)):
        for name in (made["id"], made["name"]):
            theirs = await office.call(method, f"{WHERE}/{name}", said, "bob")
            own = await office.call(method, f"/v2/other/vclusters/{name}", said, "bob")
            assert (theirs.status_code, own.status_code) == (403, 404)
    assert (await office.call("GET", f"{WHERE}/{made['id']}")).json()["vcluster"] == made


async def test_lists_are_read_page_by_page_filtered_and_in_order(tmp_path: Path) -> None:
    async with opened(tmp_path) as office:
        for number in (2, 0, 4, 1, 3):
            said = body([volume("v", 1)], name=f"n{number}")
            assert (await office.call("POST", WHERE, said)).status_code == 202
        names: list[str] = []
        marker = ""
        while page := await listed(office, f"limit=2&sort=name:desc{marker}"):
            assert len(page) <= 2
            names += [each["name"] for each in page]
            marker = f"&marker={page[-1]['id']}"
        assert names == ["n4", "n3", "n2", "n1", "n0"]
        assert [each["name"] for each in await listed(office, "name=n3")] == ["n3"]
        assert await listed(office, "status=ACTIVE") == []
        assert (await office.call("GET", f"{WHERE}?limit=no")).status_code == 400
        assert (await office.call("GET", f"{WHERE}?sort=host")).status_code == 400


async def listed(office: Office, query: str) -> list[dict[str, Any]]:
    answer = await office.call("GET", f"{WHERE}?{query}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["vclusters"]
    return found


class TimeIsUp:
    """A solver whose time is always up before it has found the last place."""

    async def solve(self, problem: Problem, limit: Limit = USUAL, tell: Tell = nobody) -> Answer:
        first, *others = problem.items
        left = tuple(each.id for each in others)
        places = {first.id: problem.hosts[0].id}
        return Undecided(places=places, unplaced=left, reason="no time")

    async def close(self) -> None:
        return None


async def test_a_search_that_ends_neither_way_is_told_as_such_and_claims_nothing(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, solver=TimeIsUp()) as office:
        for plan in ("", "?plan=true"):
            answer = await office.call("POST", f"{WHERE}{plan}", ONE_VOLUME)
            assert answer.status_code == 409
            error = answer.json()["error"]
            assert (error["type"], error["undecided"]) == ("undecided", True)
            assert (error["unplaced"], set(error["placement"])) == (["db-vol"], {"db"})
            assert not {"conflict", "relaxations"} & error.keys()
        assert await listed(office, "") == []
