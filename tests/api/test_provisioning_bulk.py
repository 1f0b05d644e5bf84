"""Bulk updates asked for: what is refused and why, what would be, and what becomes of it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from machines import a_server_cluster
from muster.model.machine import Detail, MachineStatus
from muster.model.server_cluster import ServerClusterStatus
from muster.ports.store import Query
from office import Office
from racks import (
    ALL,
    DISK,
    HERE,
    ISCSI,
    READY,
    ask,
    carried_out,
    keep,
    opened_racks,
    over,
    server,
    stands,
    told,
)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with opened_racks(tmp_path) as made:
        yield made


ACTIONS = [
    (
        "add_network_interface_vlan_tags",
        {"interface_name": "mgmt", "vlan_tags": [100, 200]},
        "system/network",
        {"vlan_tags": [100, 200]},
    ),
    (
        "update_system_logging",
        {
            "config": {
                "syslog": {"address": "10.0.0.9:514", "protocol": "tcp", "log_format": "rfc5424"}
            }
        },
        "system/logging",
        {"syslog": {"address": "10.0.0.9:514", "protocol": "tcp", "log_format": "rfc5424"}},
    ),
    (
        "update_system_kernel",
        {"config": {"memory": {"persistent_hugepages": 8}}},
        "system/kernel",
        {"memory": {"persistent_hugepages": 8}},
    ),
    ("add_iscsi_storage_target", ISCSI, "services/iscsi", {"enabled": True, "targets": [ISCSI]}),
    (
        "add_multipath_storage_target",
        {"wwn": "0x5000c500a1b2c3d4"},
        "services/multipath",
        {"enabled": True, "wwns": ["0x5000c500a1b2c3d4"]},
    ),
    ("add_nvme_storage_target", DISK, "services/nvme", {"enabled": True, "targets": [DISK]}),
    (
        "set_service",
        {"service": "multipath", "config": {"enabled": True}},
        "services/multipath",
        {"enabled": True},
    ),
    (
        "update_system_time",
        {"config": {"timezone": "UTC"}},
        "system/network",
        {"time": {"timezone": "UTC"}},
    ),
    (
        "update_system_update",
        {"config": {"check_frequency": "6h"}},
        "system/update",
        {"channel": "stable", "check_frequency": "6h"},
    ),
    (
        "update_system_provider",
        {"config": {"name": "operations-center", "config": {"server_url": "https://a:1"}}},
        "system/provider",
        {"name": "operations-center", "config": {"server_url": "https://a:1"}},
    ),
]


@pytest.mark.parametrize(("action", "arguments", "part", "wanted"), ACTIONS)
async def test_every_action_does_what_it_says_to_every_server(
    office, action, arguments, part, wanted
):
    shown = await carried_out(office, action, arguments)
    assert (told(shown), shown["status"], shown["policy"]) == (ALL, "done", "revert")
    for number in (1, 2, 3):
        there = server(office, number).config(part)
        there = {**there, **(there.get("interfaces") or [{}])[0]}
        assert {name: there[name] for name in wanted} == wanted
        assert shown["servers"][number - 1]["seconds"] >= 0


async def test_a_cluster_says_how_far_the_newest_change_to_all_its_servers_is(office):
    where = f"{HERE}/clusters/c1"
    assert (await office.call("GET", where, None, "root")).json()["metadata"]["bulk_update"] is None
    await carried_out(office, "add_nvme_storage_target", DISK)
    office.clock.advance(1)
    newest = await carried_out(office, "add_iscsi_storage_target", ISCSI)
    told_of = (await office.call("GET", where, None, "root")).json()["metadata"]["bulk_update"]
    assert (told_of["uuid"], told_of["action"]) == (newest["uuid"], "add_iscsi_storage_target")
    assert (told_of["status"], told_of["done"], told_of["total"]) == ("done", 3, 3)


async def test_each_addition_has_a_removal_that_leaves_nothing_of_it(office):
    for kind, arguments, part, left in (
        ("nvme_storage_target", DISK, "services/nvme", {"enabled": True, "targets": []}),
        ("iscsi_storage_target", ISCSI, "services/iscsi", {"enabled": True, "targets": []}),
        ("multipath_storage_target", {"wwn": "0x5000c500"}, "services/multipath", None),
        ("application", {"name": "debug"}, "", None),
        ("network_interface_vlan_tags", {"interface_name": "mgmt", "vlan_tags": [7]}, "", None),
    ):
        for verb in ("add", "remove"):
            shown = await carried_out(office, f"{verb}_{kind}", arguments)
            assert told(shown) == ALL, (verb, kind)
        again = await carried_out(office, f"remove_{kind}", arguments)
        assert {each["status"] for each in again["servers"]} == {"unchanged"}
        if left:
            assert server(office, 2).config(part) == left
    assert server(office, 1).config("system/network")["interfaces"][0]["vlan_tags"] == []


async def test_names_that_differ_from_server_to_server_stay(office):
    await carried_out(office, "update_system_dns", {"config": {"nameservers": ["10.0.0.53"]}})
    assert server(office, 2).config("system/network")["dns"] == {
        "hostname": "m2",
        "nameservers": ["10.0.0.53"],
    }
    refused = await ask(office, "update_system_dns", {"config": {"hostname": "all"}})
    assert "each server's own" in refused.json()["error"]


async def test_a_dry_run_says_what_would_be_and_does_nothing(office):
    server(office, 2).answers["/os/1.0/services/nvme"]["config"] = {
        "enabled": True,
        "targets": [DISK],
    }
    answer = await ask(office, "add_nvme_storage_target", DISK, dry_run=True)
    seen = answer.json()["metadata"]
    assert answer.status_code == 200
    assert told(seen) == [("m1", "changed"), ("m2", "unchanged"), ("m3", "changed")]
    assert seen["servers"][0]["after"]["services/nvme"]["targets"] == [DISK]
    assert all(server(office, number).changes == [] for number in (1, 2, 3))
    assert await office.desk.store.read(lambda tx: tx.bulks.find(Query())) == []


async def test_a_server_that_lacks_what_it_takes_is_told_before_anybody_is_changed(office):
    there = server(office, 2)
    why = "this kernel has no bridge that knows VLANs (8021q)"
    there.answers["/os/1.0/capabilities"] = {"network.vlan_tags": {"can": "absent", "reason": why}}
    arguments = {"interface_name": "mgmt", "vlan_tags": [7]}
    refused = await ask(office, "add_network_interface_vlan_tags", arguments)
    assert refused.status_code == 409
    assert refused.json()["error"].startswith("server 'm2': ")
    assert why in refused.json()["error"]
    assert server(office, 1).changes == []


async def test_a_kernel_need_not_be_able_to_do_what_nothing_is_said_of(office):
    for number in (1, 2, 3):
        absent = {"can": "absent", "reason": "this kernel has no frequency scaling"}
        there = server(office, number)
        there.answers["/os/1.0/capabilities"] = {"kernel.cpu": absent, "kernel.console": absent}
    said = {"console": [], "cpu": {"scaling_governor": ""}, "memory": {"persistent_hugepages": 8}}
    shown = await carried_out(office, "update_system_kernel", {"config": said})
    assert told(shown) == ALL
    said = {"cpu": {"scaling_governor": "performance"}}
    refused = await ask(office, "update_system_kernel", {"config": said})
    assert (refused.status_code, "no frequency scaling" in refused.text) == (409, True)


async def test_an_interface_that_one_server_does_not_have_is_told_before_anybody_is_changed(office):
    arguments = {"interface_name": "bond0", "vlan_tags": [7]}
    refused = await ask(office, "add_network_interface_vlan_tags", arguments)
    assert refused.status_code == 400
    for name in ("m1", "m2", "m3"):
        assert (
            f"server '{name}': it has no interface and no bond 'bond0'" in refused.json()["error"]
        )
    silent = server(office, 3)
    silent.silent = True
    refused = await ask(office, "add_nvme_storage_target", DISK)
    assert (refused.status_code, "server 'm3'" in refused.json()["error"]) == (400, True)


async def test_every_server_has_to_be_ready_and_all_that_are_not_are_named(office):
    await stands(office, 1, detail=Detail.EVACUATING)
    await stands(office, 3, status=MachineStatus.OFFLINE, reason="no route")
    refused = await ask(office, "add_nvme_storage_target", DISK)
    assert refused.status_code == 400
    assert "server 'm1' is evacuating" in refused.json()["error"]
    assert "server 'm3' is offline: no route" in refused.json()["error"]


async def test_a_cluster_that_is_not_ready_or_at_something_is_left_alone(office):
    await keep(office, replace(READY, status=ServerClusterStatus.PENDING))
    refused = await ask(office, "add_nvme_storage_target", DISK)
    assert (refused.status_code, "not ready" in refused.json()["error"]) == (400, True)
    await keep(office, a_server_cluster(status=ServerClusterStatus.READY))
    refused = await ask(office, "add_nvme_storage_target", DISK)
    assert (refused.status_code, "is at something" in refused.json()["error"]) == (400, True)


async def test_nothing_else_is_begun_with_while_servers_are_changed(office):
    assert (await ask(office, "add_nvme_storage_target", DISK)).status_code == 202
    refused = await office.call("POST", f"{HERE}/clusters/c1/:reboot", {"force": True}, "root")
    assert (refused.status_code, "is under way" in refused.text) == (400, True)


@pytest.mark.parametrize(
    ("action", "arguments", "field"),
    [
        ("add_everything", {}, "action"),
        ("add_nvme_storage_target", None, "arguments"),
        ("add_nvme_storage_target", {}, "arguments.transport"),
        ("add_nvme_storage_target", {**DISK, "port": "x"}, "arguments.port"),
        ("add_nvme_storage_target", {**DISK, "hostnqn": "x"}, "arguments.hostnqn"),
        ("add_nvme_storage_target", {"transport": "tcp", "address": "a"}, "arguments.port"),
        ("add_iscsi_storage_target", {**ISCSI, "target": "disk"}, "arguments.target"),
        ("add_multipath_storage_target", {"wwn": "5000"}, "arguments.wwn"),
        ("add_application", {"name": "../x"}, "arguments.name"),
        ("update_system_kernel", {}, "arguments.config"),
        ("update_system_logging", {"config": []}, "arguments.config"),
        (
            "add_network_interface_vlan_tags",
            {"interface_name": "a", "vlan_tags": [4095]},
            "vlan_tags",
        ),
        ("set_service", {"service": "smb", "config": {}}, "arguments.service"),
        ("set_service", {"service": "lvm", "config": {}}, "arguments.config.enabled"),
    ],
)
async def test_what_is_wrong_is_told_by_its_field(office, action, arguments, field):
    refused = await ask(office, action, arguments)
    assert refused.status_code == 400, refused.text
    assert field in refused.json()["metadata"]["errors"][0]["field"]


async def test_one_update_of_a_cluster_at_a_time(office):
    assert (await ask(office, "add_nvme_storage_target", DISK)).status_code == 202
    refused = await ask(office, "add_iscsi_storage_target", ISCSI)
    assert (refused.status_code, "is under way" in refused.json()["error"]) == (400, True)
    await office.engine.settle()
    assert (await ask(office, "add_iscsi_storage_target", ISCSI)).status_code == 202
    await office.engine.settle()
    listed = await office.call("GET", f"{HERE}/clusters/c1/bulk-updates?recursion=1", None, "root")
    assert {each["action"] for each in listed.json()["metadata"]} == {
        "add_nvme_storage_target",
        "add_iscsi_storage_target",
    }


async def test_whoever_shares_disks_gets_a_number_of_his_own(office):
    arguments = {"service": "lvm", "config": {"enabled": True, "system_id": 7}}
    shown = await carried_out(office, "set_service", arguments)
    assert told(shown) == ALL
    found = [server(office, n).config("services/lvm")["system_id"] for n in (1, 2, 3)]
    assert found == [1, 2, 3]


async def test_what_is_secret_is_shown_to_nobody(office):
    arguments = {"config": {"name": "x", "config": {"server_token": "s3cret"}}}
    answer = await ask(office, "update_system_provider", arguments)
    shown = await over(office, answer)
    assert server(office, 1).config("system/provider")["config"]["server_token"] == "s3cret"
    assert "s3cret" not in answer.text + repr(shown)
    assert shown["servers"][0]["after"]["system/provider"]["config"]["server_token"]["set"] is True


async def test_where_there_is_no_cluster_nothing_is_to_be_changed(office):
    where = f"{HERE}/clusters/c9"
    said = {"action": "add_nvme_storage_target", "arguments": DISK}
    assert (await office.call("POST", f"{where}/:bulk-update", said, "root")).status_code == 404
    for path in ("bulk-updates", "desired-config", "desired-config/drift"):
        assert (await office.call("GET", f"{where}/{path}", None, "root")).status_code == 404
    missing = await office.call("GET", f"{HERE}/bulk-updates/7", None, "root")
    assert missing.status_code == 404
