"""Warnings shown and acknowledged, and gone once all is in order."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from drivers.pem.made import CERTIFICATE
from fleet import FakeFleet, FakeMachine
from machines import a_machine, a_server_cluster
from muster.drivers.papers import made
from muster.model.admission import Admitted, cloud_id
from muster.ports.agent import OUR_CERTIFICATE
from office import Office, opened

HERE = "/1.0/warnings"


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    fleet = FakeFleet()
    async with opened(tmp_path) as made:
        made.desk = replace(made.desk, agents=fleet)
        made.app.state.desk = made.desk
        made.engine.ask_machines_by(fleet)
        machine = a_machine(1, channel="daily")
        await made.desk.store.write(lambda tx: tx.machines.put(machine))
        fleet.put(machine.connection_url, FakeMachine())
        yield made


async def looked(office: Office, seconds: float = 0.0) -> list[dict]:
    office.clock.advance(seconds)
    await asyncio.gather(*await office.engine.ticks.machines())
    answer = await office.call("GET", f"{HERE}?recursion=1", None, "root")
    return answer.json()["metadata"]


async def test_a_warning_is_there_for_as_long_as_it_lasts(office):
    server = office.desk.agents.there("https://10.0.0.1:8443")
    [mismatch] = await looked(office)
    assert (mismatch["type"], mismatch["scope"]["entity"]) == ("Update channel mismatch", "m1")
    server.silent = True
    found = await looked(office, 301)
    assert {each["type"] for each in found} == {"Server unreachable", "Update channel mismatch"}
    found = await looked(office, 11)
    [silent] = [each for each in found if each["type"] == "Server unreachable"]
    assert silent["count"] == 2
    assert silent["first_occurrence"] < silent["last_occurrence"]
    assert "no answer" in silent["messages"][0]
    server.silent = False
    assert [each["type"] for each in await looked(office, 11)] == ["Update channel mismatch"]


async def test_whoever_acknowledges_a_warning_sees_it_as_known(office):
    await looked(office)
    [url] = (await office.call("GET", HERE, None, "root")).json()["metadata"]
    answer = await office.call("PUT", url, {"status": "acknowledged"}, "root")
    assert answer.status_code == 200
    [again] = await looked(office, 3601)
    assert (again["status"], again["count"]) == ("acknowledged", 2)
    assert (await office.call("GET", url, None, "root")).json()["metadata"] == again
    wrong = await office.call("PUT", url, {"status": "forgotten"}, "root")
    assert wrong.status_code == 400
    assert (await office.call("GET", f"{HERE}/7", None, "root")).status_code == 404
    await office.call("DELETE", "/1.0/provisioning/servers/m1", None, "root")
    assert (await office.call("GET", HERE, None, "root")).json()["metadata"] == []


async def test_a_certificate_is_warned_of_before_it_expires_and_not_once_it_is_another(office):
    pem, _ = made("m1", office.clock.now() - timedelta(days=3640))
    machine = a_machine(1, certificate=pem)
    await office.desk.store.write(lambda tx: tx.machines.put(machine))
    await office.engine.ticks.certificates()
    [found] = (await office.call("GET", f"{HERE}?recursion=1", None, "root")).json()["metadata"]
    assert (found["type"], found["scope"]["entity"]) == ("Certificate expiration", "m1")
    assert "its certificate expires at" in found["messages"][0]
    renewed = replace(machine, certificate=CERTIFICATE)
    await office.desk.store.write(lambda tx: tx.machines.put(renewed))
    await office.engine.ticks.certificates()
    assert (await office.call("GET", HERE, None, "root")).json()["metadata"] == []


async def test_certificates_of_clusters_clouds_and_ours_are_looked_at_too(office):
    pem, _ = made("all", office.clock.now() - timedelta(days=3651))
    cloud = Admitted(
        id=cloud_id("lab"),
        name="lab",
        created_at=office.clock.now(),
        options={"kind": "incus"},
        papers={"certificate": pem, "key": "a key", "server_certificate": CERTIFICATE},
    )

    def put(tx):
        tx.server_clusters.put(a_server_cluster(certificate=pem))
        tx.clouds.put(cloud, replace(cloud, id=cloud_id("c1"), name="c1", servers=cloud.id))
        tx.settings.put(OUR_CERTIFICATE, pem)

    await office.desk.store.write(put)
    await office.engine.ticks.certificates()
    answer = await office.call("GET", f"{HERE}?recursion=1", None, "root")
    said = {(e["scope"]["entity_type"], e["scope"]["entity"]) for e in answer.json()["metadata"]}
    assert said == {("muster", "muster"), ("cluster", "c1"), ("cloud", "lab")}
    assert {each["type"] for each in answer.json()["metadata"]} == {"Certificate invalid"}
