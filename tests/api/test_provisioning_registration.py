"""Servers that register themselves by a token, and that call by themselves afterwards."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from drivers.pem.made import CERTIFICATE, NEXT
from fleet import FakeFleet, FakeMachine
from muster.base.certificates import fingerprint
from muster.base.ids import new_id
from muster.decide.server_clusters.effects import at_end
from muster.decide.server_clusters.leaving import loss
from muster.model.machine import Kind, Machine, MachineStatus
from muster.model.server_cluster import ServerCluster
from muster.model.server_job import EntryStatus, Job, JobKind
from muster.ports.store import Query
from office import Office, opened

HERE = "/1.0/provisioning/servers"
TOKENS = "/1.0/provisioning/tokens"
PROVIDER, MOVED = "/os/1.0/system/provider", "https://10.0.0.9:8443"
M1 = {
    "name": "m1",
    "connection_url": "https://10.0.0.1:8443",
    "machine_id": "a1",
    "system_uuid": "b1",
    "certificate": CERTIFICATE,
}


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with opened(tmp_path) as made:
        made.app.state.desk = replace(made.desk, agents=FakeFleet())
        yield made


def stands(office, url):
    """Have the machine be asked there; return it."""
    return office.app.state.desk.agents.put(url, FakeMachine())


async def token(office, uses=1, days=1, **but):
    until = office.clock.now() + timedelta(days=days)
    said = {"uses_remaining": uses, "expire_at": until.isoformat(), **but}
    answer = await office.call("POST", TOKENS, said, "root")
    assert answer.status_code == 201, answer.text
    return answer.json()["metadata"]["uuid"]


async def uses_left(office, uuid):
    answer = await office.call("GET", f"{TOKENS}/{uuid}", None, "root")
    return answer.json()["metadata"]["uses_remaining"]


async def register(office, uuid, **but):
    return await office.call("POST", f"{HERE}?token={uuid}", {**M1, **but}, "")


async def registered(office, uuid, **but):
    answer = await register(office, uuid, **but)
    assert answer.status_code == 201, answer.text
    return answer.json()["metadata"]


async def shown(office, name="m1"):
    answer = await office.call("GET", f"{HERE}/{name}", None, "root")
    return answer.json()["metadata"]


async def call(office, secret, **said):
    headers = {"authorization": f"Bearer {secret}"}
    return await office.clients["all"].put(f"{HERE}/:self", json=said, headers=headers)


async def test_a_server_registers_and_is_told_whom_to_trust(office):
    uuid = await token(office, uses=2, channel="stable")
    answer = await register(office, uuid)
    assert (answer.status_code, answer.headers["location"]) == (201, f"{HERE}/m1")
    told = answer.json()["metadata"]
    assert (told["certificate"], told["name"]) == (NEXT, "m1")
    server = await shown(office)
    assert (server["server_status"], server["server_status_detail"]) == ("pending", "registering")
    assert (server["channel"], server["fingerprint"]) == ("stable", fingerprint(CERTIFICATE))
    assert told["secret"] not in str(server)
    assert await uses_left(office, uuid) == 1


async def test_a_token_that_is_unknown_or_over_lets_nobody_in(office):
    for strange in ("nonsense", "00000000-0000-4000-8000-000000000000"):
        answer = await register(office, strange)
        assert (answer.status_code, answer.json()["error_code"]) == (403, 403)
    used_up = await token(office, uses=0)
    assert (await register(office, used_up)).status_code == 400
    old = await token(office, days=1)
    office.clock.advance(86400)
    answer = await register(office, old)
    assert (answer.status_code, "good until" in answer.json()["error"]) == (400, True)
    assert (await office.call("GET", HERE, None, "root")).json()["metadata"] == []


async def test_who_comes_back_too_late_from_a_reset_is_told_of_and_comes_once_its_token_is_longer(
    office,
):
    uuid = await token(office, days=1)
    there = Machine(
        id=new_id(),
        name="m1",
        token_id=UUID(uuid),
        status=MachineStatus.UNREGISTERED,
        created_at=office.clock.now(),
    )
    await office.desk.store.write(lambda tx: tx.machines.put(there))
    office.clock.advance(2 * 86400)
    for _ in range(2):
        assert (await register(office, uuid)).status_code == 400
        assert (
            "turned away: this token was good until"
            in (await shown(office))["server_status_reason"]
        )
    until = (office.clock.now() + timedelta(hours=1)).isoformat()
    said = {"uses_remaining": 1, "expire_at": until}
    await office.call("PUT", f"{TOKENS}/{uuid}", said, "root")
    await registered(office, uuid)
    server = await shown(office)
    assert (server["server_status"], server["server_status_reason"]) == ("pending", "")


async def test_of_many_at_once_as_many_get_in_as_the_token_has_uses(office):
    uuid = await token(office, uses=2)
    answers = await asyncio.gather(
        *(register(office, uuid, name=f"m{n}", certificate="") for n in range(5))
    )
    assert sorted(each.status_code for each in answers) == [201, 201, 400, 400, 400]
    assert await uses_left(office, uuid) == 0
    assert len((await office.call("GET", HERE, None, "root")).json()["metadata"]) == 2


async def test_a_registration_that_is_refused_takes_no_use(office):
    uuid = await token(office, uses=2)
    await registered(office, uuid)
    assert (await register(office, uuid, certificate=NEXT)).status_code == 400  # the name is taken
    assert (await register(office, uuid, certificate="no PEM")).status_code == 400
    assert (await register(office, uuid, connection_url="ftp://x")).status_code == 400
    assert await uses_left(office, uuid) == 1


async def test_a_server_that_is_set_back_to_its_token_of_before_takes_no_further_use(office):
    stands(office, M1["connection_url"])
    first, second, third = [await token(office) for _ in range(3)]
    for uuid in (first, second, first, second):
        await registered(office, uuid)
    assert [await uses_left(office, uuid) for uuid in (first, second)] == [0, 0]
    await registered(office, third)
    assert (await register(office, first)).status_code == 400  # which is too long ago
    stranger = {"name": "m2", "machine_id": "a2", "system_uuid": "b2", "certificate": ""}
    assert (await register(office, second, **stranger)).status_code == 400


async def test_a_server_whose_answer_was_lost_registers_again_without_a_further_use(office):
    uuid = await token(office)
    first = await registered(office, uuid)
    stands(office, MOVED)
    again = await registered(office, uuid, name="other", connection_url=MOVED)
    assert (again["name"], await uses_left(office, uuid)) == ("m1", 0)
    assert (await shown(office))["connection_url"] == MOVED
    assert (await call(office, first["secret"])).status_code == 403
    assert (await call(office, again["secret"])).status_code == 200


async def test_who_cannot_show_a_servers_certificate_takes_nothing_over(office):
    uuid, live = await token(office), await token(office)
    first = await registered(office, uuid)
    for by in (uuid, live):
        assert (await register(office, by, connection_url=MOVED)).status_code == 500  # nobody there
    stands(office, MOVED).certificate = NEXT
    for by in (uuid, live):
        assert (await register(office, by, connection_url=MOVED)).status_code == 403
    assert (await shown(office))["connection_url"] == M1["connection_url"]
    assert (await call(office, first["secret"])).status_code == 200
    assert await uses_left(office, live) == 1


async def test_a_server_that_was_heard_of_is_registered_until_it_says_otherwise(office):
    uuid = await token(office)
    await registered(office, uuid)
    (there,) = await office.desk.store.read(lambda tx: tx.machines.find(Query()))
    heard = replace(there, whole_at=office.clock.now())
    await office.desk.store.write(lambda tx: tx.machines.put(heard))
    machine = stands(office, M1["connection_url"])
    assert (await register(office, uuid)).status_code == 403, "by whoever knows its address"
    machine.answers[PROVIDER] = {"state": {"registered": True}}
    assert (await register(office, uuid)).status_code == 403
    machine.answers[PROVIDER] = {"state": {"registered": False}}
    assert (await register(office, uuid)).status_code == 201


async def test_nobody_is_taken_for_a_lost_server_that_registered_by_the_same_token(office):
    uuid = await token(office, uses=2)
    await registered(office, uuid)
    now = office.clock.now()
    entries = tuple(replace(each, status=EntryStatus.DONE) for each in loss(["m1"]))
    job = Job(id=new_id(), kind=JobKind.REMOVE, entries=entries, asked_at=now)
    cluster = ServerCluster(id=new_id(), name="c1", kind=Kind.INCUS, job=job, created_at=now)

    def let_go(tx):
        tx.machines.put(*at_end(cluster, 1, tx.machines.find(Query()), now))

    await office.desk.store.write(let_go)
    other = {"machine_id": "a2", "system_uuid": "b2", "certificate": NEXT}
    assert (await registered(office, uuid, name="m2", **other))["name"] == "m2"
    assert await uses_left(office, uuid) == 0
    named = Query(where={"name": ("m1",)})
    (lost,) = await office.desk.store.read(lambda tx: tx.machines.find(named))
    assert lost.owes_reset


async def test_an_expected_server_keeps_the_name_it_was_expected_by(office):
    for name, said in (("by-id", {"machine_id": "a1"}), ("by-board", {"system_uuid": "b1"})):
        made = await office.call("POST", HERE, {"name": name, "channel": "c", **said}, "root")
        assert made.status_code == 201, made.text
    uuid = await token(office)
    assert (await registered(office, uuid))["name"] == "by-board"  # which says more
    server = await shown(office, "by-board")
    assert (server["server_status"], server["channel"]) == ("pending", "c")
    assert (await shown(office, "by-id"))["server_status"] == "unregistered"
    assert await uses_left(office, uuid) == 0


async def test_a_server_calls_by_its_secret_and_by_nothing_else(office):
    told = await registered(office, await token(office))
    gone = await call(office, told["secret"], cause="system-reboot-triggered")
    assert gone.status_code == 200, gone.text
    server = await shown(office)
    assert (server["server_status"], server["server_status_detail"]) == ("offline", "rebooting")
    moved = {"cause": "network-config-changed", "connection_url": "https://10.0.0.2:8443"}
    assert (await call(office, told["secret"], **moved)).status_code == 200
    assert (await shown(office))["connection_url"] == "https://10.0.0.2:8443"
    for secret in ("", "nonsense", told["secret"] + "x", told["secret"].partition(".")[0]):
        assert (await call(office, secret, cause="")).status_code == 403
    answer = await office.clients["all"].put(f"{HERE}/:self", json={})
    assert answer.status_code == 403


async def test_a_cause_that_nobody_knows_is_refused_with_those_there_are(office):
    told = await registered(office, await token(office))
    answer = await call(office, told["secret"], cause="boredom")
    assert (answer.status_code, "system-is-ready" in answer.json()["error"]) == (400, True)


async def test_nobody_lists_or_expects_servers_who_does_not_operate(office):
    for who in ("ann", "rita", ""):
        for method, body in (("GET", None), ("POST", {"name": "m1"})):
            answer = await office.call(method, HERE, body, who)
            assert (answer.status_code, answer.json()["type"]) == (403, "error")


async def test_resync_is_for_those_that_have_registered(office):
    await office.call("POST", HERE, {"name": "late"}, "root")
    assert (await office.call("POST", f"{HERE}/late/:resync", None, "root")).status_code == 400
    await registered(office, await token(office))
    assert (await office.call("POST", f"{HERE}/m1/:resync", None, "root")).status_code == 200
