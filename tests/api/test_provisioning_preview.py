"""What a cluster of servers would be: everything that speaks against it at once, nothing done."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from fleet import FakeFleet, FakeMachine
from machines import a_clusterable_machine, a_machine, a_machine_template
from muster.model.host_number import HostNumber
from muster.model.machine import Detail, Facts, MachineStatus
from muster.ports.store import Query
from office import Office, opened

WHERE = "/1.0/provisioning/clusters/:preview"
INCUS = {
    "environment": {
        "server_clustered": False,
        "storage_supported_drivers": [{"Name": "dir"}, {"Name": "zfs"}],
    },
    "api_extensions": ["clustering", "daemon_storage_logs"],
}
SETTINGS = {
    "configs": {
        "server": {
            "misc": {"keys": [{"storage.backups_volume": {}}, {"core.proxy_http": {}}]},
        }
    }
}


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    fleet = FakeFleet()
    async with opened(tmp_path) as made:
        made.desk = replace(made.desk, agents=fleet)
        made.app.state.desk = made.desk
        yield made


async def stands(office, machine, **answers):
    """Keep a machine, and let it answer as one with Incus does."""
    await office.desk.store.write(lambda tx: tx.machines.put(machine))
    there = office.desk.agents.put(machine.connection_url, FakeMachine())
    there.answers |= {"/1.0": INCUS, "/1.0/metadata/configuration": SETTINGS, **answers}
    return there


async def preview(office, *names, **but):
    said = {"name": "c1", "server_names": list(names), "server_type": "incus", **but}
    answer = await office.call("POST", WHERE, said, "root")
    assert answer.status_code == 200, answer.text
    return answer.json()["metadata"]


def found(told):
    return {(each["server"], each["what"]) for each in told["findings"]}


async def test_where_nothing_speaks_against_it_that_is_said_with_all_that_would_be_set(office):
    for number in (1, 2, 3):
        await stands(office, a_clusterable_machine(number))
    services = {"nvme": {"enabled": True}, "lvm": {"enabled": True, "system_id": 77}}
    seed = {"config": {"core.proxy_http": "x", "user.rack": "7"}}
    told = await preview(
        office, "m1", "m2", "m3", services_config=services, application_seed_config=seed
    )
    assert (told["findings"], told["possible"]) == ([], True)
    orders = told["services_config"]
    assert [each["service"] for each in orders["m1"]] == ["nvme", "lvm"]
    assert [orders[name][1]["config"]["system_id"] for name in ("m1", "m2", "m3")] == [1, 2, 3]
    got = told["application_seed_config"]
    assert got["config"]["core.proxy_http"] == "x"
    assert got["config"]["storage.logs_volume"] == "local/logs"
    assert got["storage_pools"][0]["driver"] == "zfs"


async def test_nothing_is_done_and_no_number_is_given(office):
    there = await stands(office, a_clusterable_machine(1))
    await preview(office, "m1", services_config={"lvm": {"enabled": True}})
    assert {each.method for each in there.told} == {"GET"}
    assert await office.desk.store.read(lambda tx: tx.host_numbers.find(Query())) == []


async def test_who_bears_a_number_already_keeps_it(office):
    machine = a_clusterable_machine(1)
    await stands(office, machine)
    number = HostNumber(domain="", number=9, machine_id=machine.id)
    await office.desk.store.write(lambda tx: tx.host_numbers.put(number))
    told = await preview(office, "m1", services_config={"lvm": {"enabled": True}})
    assert told["services_config"]["m1"][0]["config"]["system_id"] == 9


async def test_everything_that_speaks_against_it_is_told_at_once(office):
    await stands(office, a_clusterable_machine(1, cluster="c0"))
    await stands(office, a_clusterable_machine(2, detail=Detail.UPDATING, channel="daily"))
    (await stands(office, a_clusterable_machine(3))).silent = True
    clustered = {**INCUS, "environment": {"server_clustered": True}}
    await stands(office, a_clusterable_machine(4), **{"/1.0": clustered})
    await stands(office, a_machine(5, status=MachineStatus.OFFLINE, reason="no route"))
    told = await preview(
        office,
        *("m1", "m1", "m2", "m3", "m4", "m5", "m9"),
        services_config={"ovn": {"enabled": True}, "smb": {}, "lvm": {}},
        application_seed_config={"config": {"core.proxi": "x"}, "networks": [{}]},
    )
    assert not told["possible"]
    wanted = {
        ("m1", "twice"),
        ("m9", "unknown"),
        ("m1", "clustered"),
        ("m2", "busy"),
        ("m2", "channel"),
        ("m3", "silent"),
        ("m4", "incus_clustered"),
        ("m5", "not_ready"),
        ("m5", "no_incus"),
        ("", "document"),
    }
    assert wanted <= found(told)
    assert {("m1", "no_service"), ("m1", "no_setting")} <= found(told)
    texts = "\n".join(each["text"] for each in told["findings"])
    for word in (
        "no route",
        "core.proxi",
        "services_config.smb",
        "lvm.enabled",
        "networks[0].name",
    ):
        assert word in texts


async def test_servers_that_do_not_go_together_are_told(office):
    old = Facts(
        applications=({"name": "incus", "version": "6.0.0"},),
        network=a_clusterable_machine(1).facts.network,
        update={"state": {"needs_reboot": True}},
    )
    await stands(office, a_clusterable_machine(1))
    await stands(office, a_clusterable_machine(2, facts=old))
    told = await preview(office, "m1", "m2")
    assert found(told) == {
        ("m2", "versions"),
        ("m2", "needs_reboot"),
        ("m1", "same_address"),
        ("m2", "same_address"),
    }
    wrong_type = await preview(office, "m1", server_type="incus-lts-7.0")
    assert found(wrong_type) == {("m1", "server_type")}


async def test_a_cluster_of_nobody_is_none(office):
    assert found(await preview(office)) == {("", "no_servers")}


async def test_what_only_some_can_do_is_not_taken_for_granted(office):
    await stands(office, a_clusterable_machine(1))
    plain = {"environment": {"storage_supported_drivers": [{"Name": "dir"}]}, "api_extensions": []}
    await stands(office, a_clusterable_machine(2), **{"/1.0": plain})
    got = (await preview(office, "m1", "m2"))["application_seed_config"]
    assert got["storage_pools"][0]["driver"] == "dir"
    assert "storage.logs_volume" not in got["config"]


async def test_where_incus_does_not_answer_beside_the_agent_it_is_left_out(office):
    there = await stands(office, a_clusterable_machine(1))
    del there.answers["/1.0"]
    told = await preview(office, "m1", application_seed_config={"config": {"core.proxi": "x"}})
    assert told["findings"] == []


async def test_a_template_stands_for_both_documents(office):
    await stands(office, a_clusterable_machine(1))
    await office.desk.store.write(lambda tx: tx.machine_templates.put(a_machine_template()))
    values = {"RACK": 7}
    told = await preview(
        office,
        "m1",
        cluster_template="storage",
        cluster_template_variable_values=values,
        services_config={"smb": {}},  # which a template makes meaningless
    )
    assert told["findings"] == []
    assert told["services_config"]["m1"][0]["config"]["system_id"] == 1
    assert told["application_seed_config"]["config"]["user.rack"] == "7"
    broken = await preview(
        office,
        "m1",
        cluster_template="storage",
        cluster_template_variable_values={
            "RACK": 7,
            "LVM": "[",
        },
    )
    assert found(broken) == {("", "document")}


@pytest.mark.parametrize(
    ("but", "field", "status"),
    [
        ({"server_type": "unknown"}, "server_type", 400),
        ({"server_names": "m1"}, "server_names", 400),
        ({"services_config": "lvm"}, "services_config", 400),
        ({"name": "a:b"}, "name", 400),
        ({"cluster_template": "nowhere"}, "", 404),
    ],
)
async def test_what_is_no_cluster_is_refused_by_its_field(office, but, field, status):
    said = {"name": "c1", "server_names": [], "server_type": "incus", **but}
    answer = await office.call("POST", WHERE, said, "root")
    assert (answer.status_code, answer.json()["error_code"]) == (status, status)
    if field:
        assert answer.json()["metadata"]["errors"][0]["field"] == field


async def test_when_no_number_is_left_that_is_told(office):
    await stands(office, a_clusterable_machine(1))
    every = [
        HostNumber(domain="", number=n, machine_id=a_machine(n + 10).id) for n in range(1, 2001)
    ]
    await office.desk.store.write(lambda tx: tx.host_numbers.put(*every))
    told = await preview(office, "m1", services_config={"lvm": {"enabled": True}})
    assert found(told) == {("", "no_number")}
    assert found(await preview(office, "m1", services_config={"lvm": {"enabled": False}})) == set()
