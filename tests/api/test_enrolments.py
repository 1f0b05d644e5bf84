"""Ways in over the API: who may make them, and that secrets are shown once or never."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from muster.base.handshake import kept_of, key_of, new_terms
from muster.model.enrolment import Doorway, read_string
from office import Office, opened

DOORWAY = Doorway(address="10.0.0.1:8779", fingerprint="ab" * 32)
WAYS = "/v1/enrolments"


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with opened(tmp_path) as made:
        made.app.state.desk = replace(made.desk, doorway=DOORWAY)
        yield made


async def test_a_string_is_shown_once_and_says_where_to_go(office):
    made = await office.call("POST", WAYS, {"name": "m2", "expires_in_seconds": 60}, "root")
    assert made.status_code == 201
    string = read_string(made.json()["enrolment"]["string"])
    assert (string.address, string.fingerprint) == (DOORWAY.address, DOORWAY.fingerprint)
    listed = await office.call("GET", WAYS, who="root")
    assert string.secret not in listed.text
    assert [each["name"] for each in listed.json()["enrolments"]] == ["m2"]
    office.clock.advance(60)
    assert (await office.call("GET", WAYS, who="root")).json()["enrolments"] == []


async def test_of_a_password_only_what_is_kept_is_told_and_never_again(office):
    terms = new_terms(16)
    kept = kept_of(key_of("correct horse", terms))
    body = {"salt": terms.salt, "cost": terms.cost, "kept": kept}
    where = f"{WAYS}/password"
    assert (await office.call("PUT", where, body, "root")).status_code == 200
    listed = await office.call("GET", WAYS, who="root")
    assert [each["kind"] for each in listed.json()["enrolments"]] == ["password"]
    assert kept not in listed.text
    assert (await office.call("DELETE", where, who="root")).status_code == 204
    assert (await office.call("DELETE", where, who="root")).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"salt": "zz" * 16, "cost": 16, "kept": "00" * 32},
        {"salt": "00" * 16, "cost": 2**30, "kept": "00" * 32},
        {"salt": "00" * 16, "cost": 16, "kept": "correct horse"},
        {"password": "correct horse"},
    ],
)
async def test_what_is_no_such_thing_is_refused(office, body):
    assert (await office.call("PUT", f"{WAYS}/password", body, "root")).status_code == 400


async def test_a_string_is_taken_back(office):
    made = (await office.call("POST", WAYS, {}, "root")).json()["enrolment"]
    assert (await office.call("DELETE", f"{WAYS}/{made['id']}", who="root")).status_code == 204
    assert (await office.call("DELETE", f"{WAYS}/{made['id']}", who="root")).status_code == 404


@pytest.mark.parametrize("who", ["ann", "rita"])
async def test_only_whoever_runs_the_servers_lets_machines_in(office, who):
    for method, where in (("GET", WAYS), ("POST", WAYS), ("DELETE", f"{WAYS}/password")):
        assert (await office.call(method, where, {}, who)).status_code == 403


async def test_without_a_door_it_is_said_how_one_is_opened(office):
    office.app.state.desk = office.desk
    answer = await office.call("POST", WAYS, {}, "root")
    assert answer.status_code == 400
    assert "muster init --control" in answer.text
