"""An office, and a cluster of three servers that are changed together over the API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from fleet import NETWORK, FakeFleet, FakeMachine
from machines import a_clusterable_machine, a_server_cluster
from muster.model.server_cluster import ServerCluster, ServerClusterStatus
from office import Office, opened

HERE = "/1.0/provisioning"
WHERE = f"{HERE}/clusters/c1/:bulk-update"
READY = a_server_cluster(status=ServerClusterStatus.READY, job=None)
ALL = [("m1", "changed"), ("m2", "changed"), ("m3", "changed")]
DISK = {"transport": "tcp", "address": "10.9.0.1", "port": 4420}
ISCSI = {"target": "iqn.2001-04.org:disk", "address": "10.9.0.2", "port": 3260}


@asynccontextmanager
async def opened_racks(home: Path) -> AsyncIterator[Office]:
    """Open an office that looks after a ready cluster of three servers."""
    fleet = FakeFleet()
    async with opened(home) as made:
        made.desk = replace(made.desk, agents=fleet)
        made.app.state.desk = made.desk
        await keep(made, READY)
        for number in (1, 2, 3):
            await stands(made, number)
        made.engine.ask_machines_by(fleet)
        yield made


async def keep(office: Office, cluster: ServerCluster) -> None:
    await office.desk.store.write(lambda tx: tx.server_clusters.put(cluster))


async def stands(office: Office, number: int, **but) -> FakeMachine:
    machine = a_clusterable_machine(number, **{"cluster": "c1"} | but)
    await office.desk.store.write(lambda tx: tx.machines.put(machine))
    there = office.desk.agents.put(machine.connection_url, FakeMachine())
    for part in ("services/nvme", "services/iscsi", "services/multipath", "services/lvm"):
        there.answers[f"/os/1.0/{part}"] = {"config": {}, "state": {}}
    for part in ("kernel", "logging", "provider"):
        there.answers[f"/os/1.0/system/{part}"] = {"config": {}, "state": {}}
    config = {"interfaces": [{"name": "mgmt", "hwaddr": f"aa:bb:cc:00:00:0{number}"}]}
    state = there.answers[NETWORK]["state"]
    there.answers[NETWORK] = {
        "config": {**config, "dns": {"hostname": f"m{number}"}},
        "state": state,
    }
    return there


def server(office: Office, number: int) -> FakeMachine:
    return office.desk.agents.there(f"https://10.0.0.{number}:8443")


async def ask(office, action, arguments, **but):
    said = {"action": action, "arguments": arguments, **but}
    return await office.call("POST", WHERE, said, "root")


async def carried_out(office, action, arguments, **but):
    """Return an update as it ended."""
    answer = await ask(office, action, arguments, **but)
    assert answer.status_code == 202, answer.text
    return await over(office, answer)


async def over(office, answer):
    assert answer.headers["location"] == answer.json()["operation"]
    await office.engine.settle()
    shown = await office.call("GET", answer.json()["operation"], None, "root")
    return shown.json()["metadata"]


def told(shown):
    return [(each["name"], each["status"]) for each in shown["servers"]]
