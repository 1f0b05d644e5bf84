"""Volumes over the API: whose they are, who has them, and what is refused."""

from typing import Any

import pytest

from muster.drivers.simulated.cloud import world_of
from office import Office

DATA = {"name": "data", "size_gib": 5}


async def made(office: Office, who: str = "ann", **but: Any) -> dict[str, Any]:
    answer = await office.call("POST", "/v1/volumes", {**DATA, **but}, who)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()["volume"]
    return found


async def instances(office: Office) -> list[dict[str, Any]]:
    """Have a cluster of two, and return its instances."""
    await office.made()
    await office.go_on(5)
    found: list[dict[str, Any]] = (await office.call("GET", "/v1/instances")).json()["instances"]
    return found


async def test_a_volume_is_made_shown_and_deleted(office: Office) -> None:
    volume = await made(office, zone="z2")
    assert (volume["status"], volume["zone"], volume["size_gib"]) == ("available", "z2", 5)
    for said in (volume["id"], "data"):
        assert (await office.call("GET", f"/v1/volumes/{said}")).json()["volume"] == volume
    listed = await office.call("GET", "/v1/volumes?cloud=simulated")
    assert listed.json()["volumes"] == [volume]
    assert (await office.call("DELETE", "/v1/volumes/data")).status_code == 204
    assert (await office.call("GET", "/v1/volumes")).json()["volumes"] == []
    assert (await office.call("DELETE", "/v1/volumes/data")).status_code == 404


async def test_an_instance_has_it_until_it_is_taken_away(office: Office) -> None:
    one, other = await instances(office)
    await made(office)
    where = "/v1/volumes/data"
    attached = await office.call("POST", f"{where}/attach", {"instance": one["name"]})
    assert attached.status_code == 200, attached.text
    volume = attached.json()["volume"]
    assert (volume["status"], volume["instance_id"]) == ("in-use", one["id"])
    assert (volume["host"], volume["path"]) == (one["host"], "/mnt/data")
    for refused in (
        await office.call("POST", f"{where}/attach", {"instance": other["name"]}),
        await office.call("DELETE", where),
        await office.call("POST", f"{where}/move", {"host": other["host"]}),
    ):
        assert refused.status_code == 409
        assert one["name"] in refused.json()["error"]["message"]
    freed = await office.call("POST", f"{where}/detach")
    assert freed.json()["volume"]["instance_id"] is None
    moved = await office.call("POST", f"{where}/move", {"host": other["host"]})
    assert moved.json()["volume"]["host"] == other["host"]


async def test_how_a_move_went_is_told_and_a_host_that_is_not_there_named(office: Office) -> None:
    one, other = await instances(office)
    await made(office)
    where = "/v1/volumes/data/move"
    refused = await office.call("POST", where, {"host": "nowhere"})
    assert (refused.status_code, refused.json()["error"]["field"]) == (400, "host")
    for host in (one["host"], other["host"], other["host"]):  # there already: nothing to tell
        assert (await office.call("POST", where, {"host": host})).status_code == 200
    world_of(office.desk.clouds["simulated"]).fail("move_volume", "permanent")
    assert (await office.call("POST", where, {"host": one["host"]})).status_code == 502
    events = (await office.call("GET", "/v1/events?every=true")).json()["events"]
    said = [(e["oname"], e["status"]) for e in events if e["kind"] == "volume.moved"]
    assert said[-2:] == [("data", "end"), ("data", "error")]


async def test_a_volume_grows_and_does_not_shrink(office: Office) -> None:
    await made(office)
    larger = await office.call("POST", "/v1/volumes/data/resize", {"size_gib": 7})
    assert larger.json()["volume"]["size_gib"] == 7
    smaller = await office.call("POST", "/v1/volumes/data/resize", {"size_gib": 6})
    assert smaller.status_code == 400
    assert "7" in smaller.json()["error"]["message"]


async def test_a_volume_is_its_projects_own(office: Office) -> None:
    await made(office)
    assert (await office.call("GET", "/v1/volumes", None, "bob")).json()["volumes"] == []
    for method, rest in (("GET", ""), ("DELETE", ""), ("POST", "/detach")):
        answer = await office.call(method, f"/v1/volumes/data{rest}", None, "bob")
        assert answer.status_code == 404
    assert (await office.call("POST", "/v1/volumes", DATA, "rita")).status_code == 403
    assert (await office.call("POST", "/v1/volumes", DATA)).status_code == 409
    await made(office, who="bob")
    seen = (await office.call("GET", "/v1/volumes", None, "root")).json()["volumes"]
    assert {each["project"] for each in seen} == {"demo", "other"}


async def test_nobody_gets_a_volume_into_anothers_instance(office: Office) -> None:
    one, _ = await instances(office)
    await made(office, who="bob")
    answer = await office.call("POST", "/v1/volumes/data/attach", {"instance": one["id"]}, "bob")
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"name", "size_gib"}),
        ({"name": "../up", "size_gib": 0, "colour": 1}, {"name", "size_gib", "colour"}),
        ({**DATA, "zone": "nowhere"}, {"zone"}),
        ({**DATA, "cloud": "nowhere"}, {"cloud"}),
    ],
)
async def test_what_is_wrong_is_named(office: Office, body: Any, fields: set[str]) -> None:
    answer = await office.call("POST", "/v1/volumes", body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert {each["field"] for each in error["errors"]} == fields


async def test_a_plan_says_what_is_lost_and_does_nothing(office: Office) -> None:
    await made(office)
    answer = await office.call("DELETE", "/v1/volumes/data?plan=true")
    plan = answer.json()["plan"]
    assert plan["loses"] == ["volume data (5 GiB) and what is in it"]
    assert not plan["reversible"]
    assert len((await office.call("GET", "/v1/volumes")).json()["volumes"]) == 1
