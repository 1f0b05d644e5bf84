"""Every change of all servers of a cluster, on real machines of which the second fails."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from house import until
from metal_clusters import APPLICATION
from metal_sites import HERE, JOB_S, READY_S, Site, metal_site
from metal_tools import (
    DISK,
    broken,
    give_tools,
    read_only,
    told,
    waiting,
    without_agent,
    without_disk,
)
from muster.client.http import ApiError
from muster.decide.bulk.orders import LIMIT
from testbed.incus.place import address, lacking

pytestmark = [pytest.mark.system, pytest.mark.incus, pytest.mark.slow]

ALL = ("m1", "m2", "m3")
TAGS = {"interface_name": "data", "vlan_tags": [100, 200]}
NVME = {"transport": "tcp", "address": "10.9.0.1", "port": 4420}
ISCSI = {"target": "iqn.2001-04.org:disk", "address": "10.9.0.2", "port": 3260}
WWN = {"wwn": DISK.removeprefix("wwn-")}
SYSLOG = {"address": "10.0.0.9:514", "protocol": "tcp", "log_format": "rfc5424"}
# Every key of the contract, most of which say nothing.
KERNEL = {
    "console": [],
    "blacklist_modules": ["floppy"],
    "cpu": {},
    "memory": {},
    "network": {"tcp_congestion_algorithm": "reno"},
    "pci": {},
}
KNOB = "/proc/sys/net/ipv4/tcp_congestion_control"
NETWORK = "system/network"
REVERT, STOP, CONTINUE = "revert", "stop", "continue"
ENDS = {
    REVERT: ("reverted", ["reverted", "failed", "skipped"]),
    STOP: ("failed", ["changed", "failed", "skipped"]),
    CONTINUE: ("failed", ["changed", "failed", "changed"]),
}


@dataclass(frozen=True, slots=True)
class Case:
    """A change, where it is seen, and what of the second server fails then."""

    action: str
    arguments: dict[str, Any]
    part: str
    fault: str
    policy: str


CASES = (
    Case("add_network_interface_vlan_tags", TAGS, NETWORK, "networkctl", REVERT),
    Case("remove_network_interface_vlan_tags", TAGS, NETWORK, "networkctl", STOP),
    Case(
        "update_system_logging",
        {"config": {"syslog": SYSLOG}},
        "system/logging",
        "rsyslog.service",
        CONTINUE,
    ),
    Case("update_system_kernel", {"config": KERNEL}, "system/kernel", f"ro {KNOB}", REVERT),
    Case("add_application", {"name": "debug"}, "applications", "apt-get", REVERT),
    Case("remove_application", {"name": "debug"}, "applications", "apt-get", CONTINUE),
    Case("add_iscsi_storage_target", ISCSI, "services/iscsi", "iscsiadm", REVERT),
    Case("remove_iscsi_storage_target", ISCSI, "services/iscsi", "iscsiadm --logout", STOP),
    Case("add_multipath_storage_target", WWN, "services/multipath", "no disk", REVERT),
    Case("remove_multipath_storage_target", WWN, "services/multipath", "multipath", CONTINUE),
    Case("add_nvme_storage_target", NVME, "services/nvme", "nvme", STOP),
    Case("remove_nvme_storage_target", NVME, "services/nvme", "nvmf-autoconnect.service", REVERT),
    Case(
        "set_service",
        {"service": "nvme", "config": {"enabled": True, "targets": [NVME]}},
        "services/nvme",
        "nvme",
        CONTINUE,
    ),
    Case(
        "update_system_dns",
        {"config": {"nameservers": ["10.0.0.53"]}},
        NETWORK,
        "systemd-resolved.service",
        REVERT,
    ),
    Case(
        "update_system_update",
        {"config": {"check_frequency": "6h"}},
        "system/update",
        "ro /var/lib/muster-agent",
        REVERT,
    ),
)


@pytest.fixture(scope="module")
def it(tmp_path_factory) -> Iterator[Site]:
    if why := lacking():
        pytest.skip(why)
    with metal_site(3, tmp_path_factory.mktemp("metal") / "home") as made:
        made.register(*ALL)
        made.create("c1", *ALL, application_seed_config=APPLICATION)
        job = made.job("c1")
        assert job["status"] == "done", job
        for name in ALL:
            give_tools(made.place, name)
            status, answer = made.agent(name, "PUT", f"/1.0/{NETWORK}", network(made, name))
            assert status == 200, answer
        yield made


def network(it: Site, name: str) -> Any:
    """Return a machine's network as it is, with a card beside."""
    plain = {"required_for_online": "no"}
    card = it.file(name, "/sys/class/net/eth0/address").strip()
    own = f"02:00:00:00:00:0{name[1:]}"
    mgmt = {"name": "mgmt", "hwaddr": card, "roles": ["management", "cluster"]}
    data = {"name": "data", "hwaddr": own, "roles": ["storage"]}
    said = [{**mgmt, **plain, "addresses": [f"{address(name)}/16"]}, {**data, **plain}]
    return {"config": {"interfaces": said}}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.action)
def test_a_change_that_the_second_server_fails_at_is_told_of_and_taken_back_as_was_asked(it, case):
    it.ready(*ALL)
    before = shown(it, case.part)
    with fails(it, "m2", case) as why:
        over = changed(it, case.action, case.arguments, on_failure=case.policy)
    ends(it, over, case, before)
    assert why in over["servers"][1]["error"], told_of(over)

    it.ready(*ALL)
    again = changed(it, case.action, case.arguments)
    left = {"changed": "unchanged"}
    wanted = [left.get(each["status"], "changed") for each in over["servers"]]
    assert (again["status"], statuses(again)) == ("done", wanted), told_of(again)
    for each in again["servers"]:
        assert said(shown(it, case.part)[each["name"]]) == said(each["after"][case.part])


def ends(it: Site, over: Any, case: Case, before: dict[str, Any]) -> None:
    """Hold the report to what was asked for, and every agent to the report."""
    assert (over["status"], statuses(over)) == ENDS[case.policy], told_of(over)
    assert (over["action"], over["policy"]) == (case.action, case.policy)
    now = shown(it, case.part)
    for each in over["servers"]:
        name, was = each["name"], before[each["name"]]
        if each["status"] == "changed":
            assert said(now[name]) == said(each["after"][case.part]) != said(was), told_of(over)
        else:
            assert said(now[name]) == said(was), told_of(over)
        assert bool(each["error"]) == (name == "m2"), told_of(over)
        assert (each["seconds"] is None) == (each["status"] == "skipped"), told_of(over)


def told_of(over: Any) -> str:
    return json.dumps(over["servers"], indent=1)


def said(config: Any) -> Any:
    """Return what a configuration says, without what says nothing, and for how long one may."""
    if isinstance(config, dict):
        inner = {name: said(each) for name, each in config.items() if name != LIMIT}
        return {name: each for name, each in inner.items() if each not in ("", 0, [], {}, None)}
    return [said(each) for each in config] if isinstance(config, list) else config


@contextmanager
def fails(it: Site, member: str, case: Case) -> Iterator[str]:
    word, _, path = case.fault.partition(" ")
    ways: dict[str, AbstractContextManager[str]] = {
        "ro": read_only(it, member, path),
        "no": without_disk(it, member, DISK),
    }
    with ways.get(word) or broken(it, member, case.fault) as why:
        yield why


def begun(it: Site, action: str, arguments: Any, **but: Any) -> str:
    """Return where one sees how far a change is."""
    asked = {"action": action, "arguments": arguments, **but}
    where: str = it.session.call("POST", f"{HERE}/clusters/c1/:bulk-update", asked)["operation"]
    return where


def ended(it: Site, where: str) -> Any:
    def over() -> Any:
        seen = it.session.call("GET", where)["metadata"]
        return seen if seen["status"] in ("done", "failed", "reverted") else None

    return until(over, JOB_S, lambda: it.session.call("GET", where)["metadata"])


def changed(it: Site, action: str, arguments: Any, **but: Any) -> Any:
    return ended(it, begun(it, action, arguments, **but))


def statuses(over: Any) -> list[str]:
    assert [each["name"] for each in over["servers"]] == list(ALL)
    return [each["status"] for each in over["servers"]]


def shown(it: Site, part: str) -> dict[str, Any]:
    """Return what every agent says itself of a part."""
    return {name: _shown(it, name, part) for name in ALL}


def _shown(it: Site, name: str, part: str) -> Any:
    status, answer = it.agent(name, "GET", f"/1.0/{part}")
    assert status == 200, answer
    told = json.loads(answer)["metadata"]
    if part == "applications":
        return sorted(each.rpartition("/")[2] for each in told)
    return told["config"]


def test_a_server_whose_agent_dies_before_its_turn_fails_and_who_was_changed_is_set_back(it):
    it.ready(*ALL)
    before = shown(it, NETWORK)
    case = Case("update_system_time", {"config": {"timezone": "Asia/Tokyo"}}, NETWORK, "", REVERT)
    with ExitStack() as until_over:
        with waiting(it, "m1", "timedatectl"):
            where = begun(it, case.action, case.arguments)
            until(lambda: "Asia/Tokyo" in told(it, "m1"), READY_S, "m1 is being changed")
            until_over.enter_context(without_agent(it, "m2"))
        over = ended(it, where)
    ends(it, over, case, before)
    assert it.file("m1", "/etc/timezone") == it.file("m3", "/etc/timezone")


def test_servers_that_belong_elsewhere_in_vain_belong_where_they_did(it):
    it.ready(*ALL)
    before = shown(it, "system/provider")
    terms = {"uses_remaining": 1, "expire_at": "2099-01-01T00:00:00Z"}
    token = it.ask("POST", "/tokens", terms)["uuid"]
    told = it.ask("GET", f"/tokens/{token}/provider-config")
    config = {"name": told["name"], "config": told["config"]}
    case = Case("update_system_provider", {"config": config}, "system/provider", "", REVERT)
    over = changed(it, case.action, case.arguments)
    ends(it, over, case, before)
    it.ready(*ALL)


def test_what_a_machine_cannot_be_is_refused_with_its_reason_before_any_is_changed(it):
    it.ready(*ALL)
    before = shown(it, NETWORK)
    stub = it.place.folder("m2") / "sbin" / "modprobe"
    kept = stub.read_text()
    stub.unlink()  # leaves the real one, and a kernel without modules
    try:
        with pytest.raises(ApiError) as refused:
            changed(it, "add_network_interface_vlan_tags", TAGS)
    finally:
        stub.write_text(kept)
        stub.chmod(0o755)
    assert refused.value.status == 409
    why = "server 'm2': network.vlan_tags: this kernel has no bridge that knows VLANs (8021q)"
    assert why in str(refused.value)
    with pytest.raises(ApiError) as refused:
        changed(
            it, "update_system_kernel", {"config": {"cpu": {"scaling_governor": "performance"}}}
        )
    assert refused.value.status == 409
    assert "this kernel has no frequency scaling" in str(refused.value)
    assert shown(it, NETWORK) == before
