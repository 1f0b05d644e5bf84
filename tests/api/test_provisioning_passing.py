"""Servers asked and told by their own interface, over Muster: passed on, refused, and answered."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from fleet import ABOUT, NETWORK, FakeFleet, FakeMachine
from machines import a_machine, a_server_cluster
from muster.base.errors import Permanent
from muster.decide.passing import refusal
from muster.model.machine import Machine
from muster.model.server_cluster import ServerClusterStatus
from muster.model.server_job import JobKind, JobStatus
from muster.ports.store import Query
from office import Office, opened

OS = "/1.0/provisioning/servers/m1/os"
KERNEL = "/os/1.0/system/kernel"


@dataclass
class Rack:
    office: Office
    machine: FakeMachine

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        client = self.office.clients["all"]
        said = {"x-name": "root", **{k.replace("_", "-"): v for k, v in headers.items()}}
        return await client.request(method, path, json=body, headers=said)

    async def refused(self, method: str, path: str, body: Any = None) -> tuple[int, str]:
        answer = await self.ask(method, path, body)
        return answer.status_code, answer.json()["error"]

    async def row(self) -> Machine:
        [there] = await self.office.desk.store.read(lambda tx: tx.machines.find(Query()))
        return there


@pytest.fixture
async def rack(tmp_path: Path) -> AsyncIterator[Rack]:
    machine, there = FakeMachine(), a_machine()
    machine.answers = {**ABOUT, KERNEL: {"config": {}, "state": {}}}
    fleet = FakeFleet()
    fleet.put(there.connection_url, machine)
    async with opened(tmp_path) as office:
        office.desk = office.app.state.desk = replace(office.desk, agents=fleet)
        await office.desk.store.write(lambda tx: tx.machines.put(there))
        yield Rack(office, machine)


async def test_what_is_asked_is_passed_on_and_its_urls_lead_back_here(rack):
    answer = await rack.ask("GET", f"{OS}/1.0/applications")
    assert answer.json()["metadata"] == ["/os/1.0/applications/incus"]
    [order] = rack.machine.told
    assert (order.path, order.known_as, order.within_s) == ("/os/1.0/applications", OS, 15.0)
    rack.machine.answers["/os/1.0/debug/log?unit=incus.service"] = "all is well"
    answer = await rack.ask("GET", f"{OS}/1.0/debug/log?unit=incus.service")
    assert answer.json()["metadata"] == "all is well"
    assert (await rack.ask("GET", OS)).status_code == 404  # this machine has nothing there
    assert rack.machine.told[-1].path == "/os"


async def test_what_is_told_is_passed_on_and_the_server_is_looked_at_again(rack):
    body = {"config": {"network": {"netdev_max_backlog": 2000}}}
    assert (await rack.ask("PUT", f"{OS}/1.0/system/kernel", body)).status_code == 200
    assert rack.machine.config("system/kernel") == body["config"]
    assert rack.machine.told[-1].within_s > 60
    assert (await rack.row()).polled_at is None
    assert (await rack.ask("POST", f"{OS}/1.0/system/network/:confirm", {})).status_code == 200
    await rack.ask("PUT", f"{OS}/1.0/system/network", {"config": {"interfaces": []}})
    assert ((await rack.row()).status, (await rack.row()).detail) == ("pending", "re-configuring")


async def test_no_secret_of_a_server_is_passed_on(rack):
    rack.machine.answers["/os/1.0/services/ceph"] = {"config": {"key": "hush"}}
    answer = await rack.ask("GET", f"{OS}/1.0/services/ceph")
    assert answer.json()["metadata"]["config"]["key"]["set"] is True
    assert "hush" not in answer.text


@pytest.mark.parametrize(
    ("status", "becomes"), [(400, 400), (404, 404), (409, 409), (501, 400), (500, 500)]
)
async def test_what_a_server_complains_of_is_told_as_it_means_it(rack, status, becomes):
    async def complains() -> None:
        raise Permanent("GET /os/1.0/system/kernel: no such device", status=status)

    rack.office.desk.agents.meanwhile = complains
    answer = await rack.refused("GET", f"{OS}/1.0/system/kernel")
    assert answer == (becomes, "server 'm1': GET /os/1.0/system/kernel: no such device")


async def test_a_server_that_does_not_answer_is_said_to(rack):
    rack.machine.silent = True
    status, text = await rack.refused("GET", f"{OS}/1.0")
    assert (status, "no answer" in text, "still" in text) == (503, True, False)
    status, text = await rack.refused("PUT", f"{OS}/1.0/system/kernel", {"config": {}})
    assert (status, "it may be at it still" in text) == (503, True)


@pytest.mark.parametrize(
    ("method", "path", "why"),
    [
        ("PUT", "1.0/system/provider", "belong to somebody else"),
        ("POST", "1.0/system/:reboot", "servers/NAME/system/:reboot"),
        ("POST", "1.0/system/:factory-reset", "servers/NAME/system/:factory-reset"),
        ("POST", "1.0/applications/incus/:backup", "files are not passed on"),
        ("POST", "1.0/debug/:run-script", "sign in"),
        ("GET", "internal/tui", "must be a path"),
        ("GET", "1.0/../../1.0/instances", "must be a path"),
        ("POST", "1.0/system/./:reboot", "must be a path"),
        ("GET", "1.0/%2e%2e", "must be a path"),
        ("GET", "1.0/a b", "must be a path"),
        ("DELETE", "1.0/system/kernel", "takes GET, POST, PUT"),
        ("PUT", "", "nothing to change"),
    ],
)
def test_what_would_go_behind_its_back_is_not_passed_on(method, path, why):
    assert why in refusal(method, path)


async def test_nothing_that_is_refused_reaches_the_server(rack):
    status, text = await rack.refused("POST", f"{OS}/1.0/system/:poweroff", {})
    assert (status, "ask Muster" in text, rack.machine.told) == (400, True, [])
    assert (await rack.refused("DELETE", f"{OS}/1.0/system/kernel"))[0] == 404
    assert (await rack.refused("GET", f"{OS}/1.0/%2e%2e/%2e%2e/1.0/instances"))[0] in (400, 404)
    assert rack.machine.told == []


async def test_a_server_whose_cluster_is_at_something_is_changed_by_force_alone(rack):
    job = replace(a_server_cluster().job, kind=JobKind.REBOOT, status=JobStatus.RUNNING)
    cluster = a_server_cluster(job=job, status=ServerClusterStatus.READY)

    def put(tx):
        tx.server_clusters.put(cluster)
        tx.machines.put(a_machine(cluster="c1"))

    await rack.office.desk.store.write(put)
    body = {"config": {}}
    status, text = await rack.refused("PUT", f"{OS}/1.0/system/kernel", body)
    assert (status, "is at something: reboot" in text) == (400, True)
    assert (await rack.ask("GET", f"{OS}/1.0/system/kernel")).status_code == 200
    answer = await rack.ask("PUT", f"{OS}/1.0/system/kernel?force=true", body)
    assert answer.status_code == 200


async def test_network_storage_and_update_are_held_to_what_was_seen(rack):
    here = "/1.0/provisioning/servers/m1/system"
    seen = await rack.ask("GET", f"{here}/network")
    assert seen.json()["metadata"] == ABOUT[NETWORK]
    body = {"config": {"interfaces": []}}
    first = await rack.ask("PUT", f"{here}/network", body, if_match=seen.headers["etag"])
    assert first.status_code == 200
    late = await rack.ask("PUT", f"{here}/network", body, if_match=seen.headers["etag"])
    assert late.status_code == 412
    assert (await rack.refused("GET", f"{here}/kernel"))[0] == 400


async def test_who_has_not_registered_cannot_be_asked(rack):
    await rack.office.desk.store.write(lambda tx: tx.machines.put(a_machine(connection_url="")))
    assert "has not registered" in (await rack.refused("GET", f"{OS}/1.0"))[1]
