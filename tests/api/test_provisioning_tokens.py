"""Tokens by which servers register: made, listed, changed while nobody else did, taken back."""

from uuid import uuid4

HERE = "/1.0/provisioning/tokens"
SAID = {"uses_remaining": 2, "expire_at": "2031-01-01T00:00:00Z", "description": "rack 7"}


async def made(office, **but):
    answer = await office.call("POST", HERE, {**SAID, **but}, "root")
    assert answer.status_code == 201, answer.text
    return answer.headers["location"]


async def test_a_token_is_made_and_shown_in_the_envelope(office):
    answer = await office.call("POST", HERE, SAID, "root")
    body = answer.json()
    token = body.pop("metadata")
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{HERE}/{token['uuid']}"
    assert body == {
        "type": "sync",
        "status": "Success",
        "status_code": 200,
        "operation": "",
        "error_code": 0,
        "error": "",
    }
    assert (token["uses_remaining"], token["description"], token["channel"]) == (2, "rack 7", "")
    shown = await office.call("GET", answer.headers["location"], None, "root")
    assert shown.json()["metadata"] == token


async def test_a_list_is_of_urls_or_with_recursion_of_objects(office):
    where = await made(office)
    urls = (await office.call("GET", HERE, None, "root")).json()["metadata"]
    assert urls == [where]
    whole = (await office.call("GET", f"{HERE}?recursion=1", None, "root")).json()["metadata"]
    assert [each["uuid"] for each in whole] == [where.rpartition("/")[2]]


async def test_what_is_wrong_is_said_in_the_envelope_with_every_field(office):
    answer = await office.call("POST", HERE, {"uses_remaining": -1, "nonsense": 1}, "root")
    body = answer.json()
    assert answer.status_code == 400
    assert (body["type"], body["error_code"], body["operation"]) == ("error", 400, "")
    assert {each["field"] for each in body["metadata"]["errors"]} == {
        "uses_remaining",
        "expire_at",
        "nonsense",
    }
    assert all(each["field"] in body["error"] for each in body["metadata"]["errors"])


async def test_errors_have_the_status_of_the_table(office):
    there = f"{HERE}/{uuid4()}"
    wanted = {
        400: ("GET", f"{HERE}?recursion=7", "root"),
        403: ("GET", HERE, "ann"),
        404: ("GET", there, "root"),
    }
    for status, (method, path, who) in wanted.items():
        answer = await office.call(method, path, None, who)
        assert (answer.status_code, answer.json()["error_code"]) == (status, status), path
    for where in (f"{HERE}/no-uuid", f"{there}/nothing"):
        assert (await office.call("GET", where, None, "root")).status_code == 404
    assert (await office.call("PATCH", HERE, None, "root")).json()["error_code"] == 404


async def test_a_change_is_held_to_what_its_maker_has_seen(office):
    where = await made(office)
    client = office.clients["all"]
    seen = (await office.call("GET", where, None, "root")).headers["etag"]
    held = {"x-name": "root", "if-match": seen}
    changed = {**SAID, "uses_remaining": 5}
    assert (await client.put(where, json=changed, headers=held)).status_code == 201
    late = await client.put(where, json={**SAID, "uses_remaining": 9}, headers=held)
    assert (late.status_code, late.json()["error_code"]) == (412, 412)
    shown = (await office.call("GET", where, None, "root")).json()["metadata"]
    assert shown["uses_remaining"] == 5


async def test_what_was_shown_can_be_sent_back(office):
    where = await made(office)
    shown = (await office.call("GET", where, None, "root")).json()["metadata"]
    answer = await office.call("PUT", where, {**shown, "description": "rack 8"}, "root")
    assert answer.status_code == 201, answer.text
    again = (await office.call("GET", where, None, "root")).json()["metadata"]
    assert again == {**shown, "description": "rack 8"}


async def test_a_token_that_was_taken_back_is_gone(office):
    where = await made(office)
    assert (await office.call("DELETE", where, None, "root")).json()["type"] == "sync"
    for method in ("GET", "DELETE"):
        assert (await office.call(method, where, None, "root")).status_code == 404


async def test_it_says_what_a_machine_has_to_be_told(office):
    where = await made(office)
    told = (await office.call("GET", f"{where}/provider-config", None, "root")).json()["metadata"]
    assert told["name"] == "operations-center"
    assert told["config"] == {
        "server_url": "http://127.0.0.1:8778",
        "server_token": where.rpartition("/")[2],
    }
