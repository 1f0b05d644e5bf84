"""What Incus does about its members that one would not expect, each thing seen on real ones."""

import asyncio
import json
from base64 import b64decode
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from drivers.incus.scripted import Scripted, member, refused, told
from muster.base.errors import Conflict, DriverError, Permanent
from muster.drivers.incus.founding import Founding
from muster.drivers.incus.gate import IncusGate

MEMBERS = "/1.0/cluster/members"
AWAY = "Missing event connection with target cluster member"
FULL = "Node still has the following instances: n3"


@pytest.fixture
async def incus(tmp_path: Path) -> AsyncIterator[Scripted]:
    made = Scripted()
    made.says("GET /1.0", told({"environment": {"certificate": "CERT", "server_name": "m1"}}))
    made.says("GET /1.0/cluster", told({"member_config": None}))
    made.says("GET /1.0/operations", told({}))
    made.says("GET /1.0/instances", told([{"name": "n1", "location": "m1"}]))
    made.says(f"GET {MEMBERS}", told([member("m1"), member("m2")]))
    server = await asyncio.start_unix_server(made.serve, tmp_path / "socket")
    yield made
    server.close()


@pytest.fixture
async def gate(incus: Scripted, tmp_path: Path) -> AsyncIterator[IncusGate]:
    made = IncusGate({"url": f"unix:{tmp_path}/socket"})
    yield made
    await made.close()


async def test_a_token_is_an_operation_that_nobody_waits_for(
    incus: Scripted, gate: IncusGate
) -> None:
    said = {
        "addresses": ["10.77.0.11:8443"],
        "secret": "s",
        "fingerprint": "f",
        "expiresAt": "2030-01-01T00:00:00Z",
        "serverName": "m2",
    }
    operation = {"id": "7", "class": "token", "status_code": 103, "metadata": said}
    answer = {"type": "async", "operation": "/1.0/operations/7", "metadata": operation}
    incus.says(f"POST {MEMBERS}", (202, answer))
    grant = await gate.admit("m2")
    assert not any("/wait" in line for line in incus.lines())
    token = json.loads(b64decode(grant.token))
    assert (token["server_name"], token["secret"]) == ("m2", "s")
    assert (grant.address, grant.certificate) == ("10.77.0.11:8443", "CERT")


def forced(incus: Scripted) -> list[bool]:
    """Return, of each time that m2 was struck out, whether that was by force."""
    return ["force" in x.query for x in incus.requests if x.line == f"DELETE {MEMBERS}/m2"]


async def test_force_is_only_for_members_that_cannot_be_asked(
    incus: Scripted, gate: IncusGate
) -> None:
    incus.says(f"DELETE {MEMBERS}/m2", told({}))
    await gate.withdraw("m2")
    assert forced(incus) == [False]
    incus.says(f"GET {MEMBERS}", told([member("m1"), member("m2", status="Offline")]))
    await gate.withdraw("m2")
    assert forced(incus) == [False, True]


async def test_one_that_is_away_and_has_instances_is_not_struck_out(
    incus: Scripted, gate: IncusGate
) -> None:
    incus.says(f"GET {MEMBERS}", told([member("m1"), member("m2", status="Offline")]))
    incus.says("GET /1.0/instances", told([{"name": "n3", "location": "m2"}]))
    with pytest.raises(Conflict, match="m2 is away and n3 would be lost"):
        await gate.withdraw("m2")
    assert forced(incus) == []
    [asked] = [each for each in incus.requests if each.line == "GET /1.0/instances"]
    assert "project" not in asked.query, "Incus refuses one beside all of them"


async def test_one_that_dies_while_it_is_asked_is_struck_out_by_force(
    incus: Scripted, gate: IncusGate
) -> None:
    incus.says(f"DELETE {MEMBERS}/m2", (500, refused(AWAY)), told({}))
    await gate.withdraw("m2")
    assert forced(incus) == [False, True]


async def test_a_member_that_is_well_and_has_instances_is_never_struck_out(
    incus: Scripted, gate: IncusGate
) -> None:
    """By force it would go, and all of its instances from the database with it."""
    incus.says(f"DELETE {MEMBERS}/m2", (500, refused(FULL)))
    with pytest.raises(Permanent, match="n3"):
        await gate.withdraw("m2")
    assert forced(incus) == [False]


def about(name: str = "", **clustered: bool) -> object:
    return told({"environment": {"server_name": name, **clustered}})


async def test_one_that_was_let_go_is_alone_once_it_answers_anew(
    incus: Scripted, tmp_path: Path
) -> None:
    """It answers as a member for a moment, then not at all, and then as a server by itself."""
    still, starting = about("m2", server_clustered=True), (503, refused("starting up", 503))
    incus.says("GET /1.0", still, starting, about(server_clustered=False))
    incus.says(f"GET {MEMBERS}", (500, refused("sql: database is closed")))
    server = Founding(tmp_path / "socket")
    assert await server.is_alone()
    await server.close()
    assert incus.lines().count("GET /1.0") == 3


async def test_one_that_was_struck_out_and_not_let_go_is_never_alone(
    incus: Scripted, tmp_path: Path
) -> None:
    incus.says("GET /1.0", about("m3", server_clustered=True))
    server = Founding(tmp_path / "socket")
    assert not await server.is_alone()
    await server.close()


async def test_the_server_s_own_settings_are_put_whole(incus: Scripted, tmp_path: Path) -> None:
    """A PATCH that is refused takes the server's own address away."""
    before, there = {"user.theirs": "kept"}, {"core.https_address": "10.0.0.1:8443"}
    about = {"environment": {}}
    incus.says("GET /1.0", told(about | {"config": before}), told(about | {"config": there}))
    incus.says("PUT /1.0", told({}))
    server = Founding(tmp_path / "socket")
    await server.listen("10.0.0.1:8443")
    await server.close()
    [asked] = [each for each in incus.requests if each.method not in ("GET",)]
    assert (asked.line, asked.body["config"]) == ("PUT /1.0", before | there)


async def test_why_an_instance_did_not_run_is_told_though_it_cannot_be_removed(
    incus: Scripted, tmp_path: Path
) -> None:
    """One that is just ending is neither to be stopped nor to be removed."""
    there = "/1.0/instances/muster-check-m2"
    ended, running = (400, refused("already stopped", 400)), (400, refused("is running", 400))
    incus.says(f"PUT {there}/state", (404, refused("no such instance", 404)), ended)
    incus.says(f"DELETE {there}", (404, refused("no such instance", 404)), running)
    incus.says("POST /1.0/instances", (500, refused("Failed to mount proc")))
    server = Founding(tmp_path / "socket")
    with pytest.raises(DriverError, match="Failed to mount proc"):
        await server.try_out("m2", "small")
    await server.close()
