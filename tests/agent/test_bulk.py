"""Bulk updates on real agents: what clusters are told, word for word, and what comes of it."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from agent.ground import KNOBS, Ground
from agent.test_network import CARDS, MAC
from bulks import a_bulk
from fleet import FakeFleet
from machines import a_machine
from memory import in_memory
from muster.agent.envelope import failure
from muster.agent.runner import Result
from muster.base.clock import ManualClock
from muster.base.errors import MusterError, Permanent
from muster.engine.pace import EnginePace
from muster.engine.worker import Engine
from muster.model.bulk import Bulk, BulkStatus
from muster.ports.agent import Line, Order
from muster.store.signals import LocalSignal

WWN = "0x5000c500a1b2c3d4"
IQN = {"target": "iqn.2026-01.example:a", "address": "10.9.0.1", "port": 3260}
NVME = {"transport": "tcp", "address": "10.9.0.1", "port": 4420, "nqn": "nqn.2026-01.example:f"}
TAGS = {"interface_name": "mgmt", "vlan_tags": [100, 200]}
SYSLOG = {"syslog": {"address": "10.0.0.9:514", "protocol": "tcp", "log_format": "rfc5424"}}
KERNEL = {
    "blacklist_modules": ["floppy"],
    "console": [{"device": "ttyS0", "baud_rate": 115200}],
    "memory": {"persistent_hugepages": 4, "zram_swap_size": ""},
    "network": {"tcp_congestion_algorithm": "bbr", "buffer_size": 1000000},
    "cpu": {},
    "pci": {},
}
UPDATES = {"auto_reboot": False, "channel": "stable", "check_frequency": "never"}
STICK = {"address": "10.9.0.1", "bus_id": "1-2"}
USBIP = {"service": "usbip", "config": {"enabled": True, "targets": [STICK]}}
PLAIN = {"interfaces": [{"name": "mgmt", "hwaddr": MAC, "addresses": ["10.0.0.5/24"]}]}
# Each: what it is told, and a word of what the machine then did, or has.
ACTIONS: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "add_network_interface_vlan_tags": (TAGS, "VLAN=200"),
    "update_system_logging": ({"config": SYSLOG}, 'target="10.0.0.9" port="514"'),
    "update_system_kernel": ({"config": KERNEL}, "install floppy /bin/false"),
    "add_application": ({"name": "debug"}, "install --no-install-recommends strace"),
    "add_iscsi_storage_target": (IQN, "-p 10.9.0.1:3260 --login"),
    "add_multipath_storage_target": ({"wwn": WWN}, f"multipath -a /dev/disk/by-id/wwn-{WWN}"),
    "add_nvme_storage_target": (NVME, "nvme connect --transport=tcp --traddr=10.9.0.1"),
    "update_system_dns": ({"config": {"nameservers": ["10.0.0.53"]}}, "DNS=10.0.0.53"),
    "update_system_time": ({"config": {"ntp_servers": ["ntp.example"]}}, "NTP=ntp.example"),
    "update_system_update": ({"config": UPDATES}, ""),
    "set_service": (USBIP, "usbip attach --remote=10.9.0.1 --busid=1-2"),
}
BACK = {
    each: each.replace("add_", "remove_")
    for each in ACTIONS
    if each.startswith("add_") and each != "add_application"
}


class Programs:
    """What a machine's programs answer, and which of them fails from now on."""

    def __init__(self) -> None:
        self.fails = ""
        self.installed: set[str] = set()

    def __call__(self, argv: tuple[str, ...]) -> Result | None:
        line = " ".join(argv)
        if self.fails and self.fails in line:
            return Result(1, err="no luck")
        if argv[0] == "apt-get" and "install" in argv:
            self.installed |= set(argv[argv.index("--no-install-recommends") + 1 :])
        if argv[0] == "dpkg-query":
            return Result(out="".join(f"{each} installed 1\n" for each in self.installed))
        return None


class AgentFleet(FakeFleet):
    """Machines that are agents, each on a made-up ground of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.grounds: dict[str, Ground] = {}

    async def call(self, line: Line, order: Order) -> Any:
        agent, path = self.grounds[line.url].agent, order.path.removeprefix("/os")
        said = (json.loads(json.dumps(order.body)), "/os")
        try:
            answer = await asyncio.to_thread(agent.answer, order.method, path, {}, said)
        except MusterError as error:
            answer = failure(error)
        told = json.loads(answer.body)
        if told["type"] == "error":
            raise Permanent(told["error"], status=answer.status)
        return told["metadata"]


class Yard:
    """Two machines of one cluster, and an engine that tells them what to be."""

    def __init__(self, folder: Path) -> None:
        self.signal, self.clock, self.fleet = LocalSignal(), ManualClock(), AgentFleet()
        self.programs = [Programs() for _ in range(2)]
        self.machines = [a_machine(n, cluster="c1") for n in (1, 2)]
        self.grounds = [Ground(folder / f"m{n}", self.programs[n - 1]) for n in (1, 2)]
        for ground, machine in zip(self.grounds, self.machines, strict=True):
            ground.begin({**KNOBS, **CARDS, f"/dev/disk/by-id/wwn-{WWN}": ""})
            ground.put("system/network", PLAIN)
            ground.lines.clear()
            self.fleet.grounds[machine.connection_url] = ground

    async def done(self, action: str, arguments: Mapping[str, Any], **more: Any) -> Bulk:
        bulk = a_bulk("m1", "m2", action=action, arguments=arguments, **more)

        def work(tx: Any) -> None:
            tx.bulks.put(bulk)
            tx.marks.mark(bulk.id)

        store = await in_memory(self.signal)
        for machine in self.machines:
            await store.write(lambda tx, each=machine: tx.machines.put(each))
        await store.write(work)
        engine = Engine(store, {}, self.clock, self.signal, EnginePace(owner="one"))
        engine.ask_machines_by(self.fleet)
        await engine.settle()
        found = await store.read(lambda tx: tx.bulks.get(bulk.id))
        await store.close()
        assert found is not None
        return found


def results(bulk: Bulk) -> list[str]:
    return [str(each.status) for each in bulk.servers]


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path)


@pytest.mark.parametrize("action", ACTIONS)
async def test_each_machine_becomes_what_it_is_told_and_again_nothing(
    yard: Yard, action: str
) -> None:
    arguments, word = ACTIONS[action]
    bulk = await yard.done(action, arguments)
    assert (bulk.status, results(bulk)) == (BulkStatus.DONE, ["changed"] * 2), bulk.servers
    for ground in yard.grounds:
        assert word in " ".join([*ground.lines, *ground.picture().values()])
        assert not ground.agent.keeper.memory.journal
    again = await yard.done(action, arguments)
    assert results(again) == ["unchanged"] * 2
    assert [ground.lines for ground in yard.grounds] == [[], []]


@pytest.mark.parametrize("action", BACK)
async def test_what_was_added_is_removed_again(yard: Yard, action: str) -> None:
    arguments, _ = ACTIONS[action]
    await yard.done(action, arguments)
    bulk = await yard.done(BACK[action], arguments)
    assert results(bulk) == ["changed"] * 2
    again = await yard.done(BACK[action], arguments)
    assert results(again) == ["unchanged"] * 2


@pytest.mark.parametrize(
    ("action", "fails"),
    [
        ("add_nvme_storage_target", "nvme connect"),
        ("add_iscsi_storage_target", "--login"),
        ("update_system_kernel", "update-grub"),
        ("add_network_interface_vlan_tags", "networkctl reload"),
        ("set_service", "usbip attach"),
    ],
)
async def test_a_machine_that_fails_is_as_it_was_and_so_is_the_one_before(
    yard: Yard, action: str, fails: str
) -> None:
    before = [
        {name: text.strip() for name, text in each.picture().items()} for each in yard.grounds
    ]
    yard.programs[1].fails = fails
    bulk = await yard.done(action, ACTIONS[action][0])
    assert results(bulk) == ["reverted", "failed"], bulk.servers
    assert "no luck" in bulk.turn("m2").error
    after = [{name: text.strip() for name, text in each.picture().items()} for each in yard.grounds]
    initiator = "etc/iscsi/initiatorname.iscsi"  # a service that was on once stays on
    changed = [
        {name for name in {*one, *other} - {initiator} if one.get(name) != other.get(name)}
        for one, other in zip(before, after, strict=True)
    ]
    assert changed == [set(), set()]
