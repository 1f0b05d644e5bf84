"""Services by difference: what stays is not touched, what is others' is not either."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.ground import KNOBS, Ground
from muster.agent import nvme
from muster.agent.failures import Undone
from muster.agent.nvme import Target
from muster.agent.runner import Result, answering
from muster.base.errors import Invalid, Unsupported

LVM, NVME = "services/lvm", "services/nvme"
ISCSI, MULTIPATH = "services/iscsi", "services/multipath"
A, B, C = (f"iqn.2026-01.example:{name}" for name in "abc")
SUBSYSTEM = "nqn.2026-01.example:fast"
SYSTEMD = {**KNOBS, "/run/systemd/system/there": ""}


@dataclass
class Iscsiadm:
    """As much of iscsiadm as is asked of it, with sessions of its own."""

    sessions: list[str] = field(default_factory=list)
    away: frozenset[str] = frozenset()

    def __call__(self, argv: tuple[str, ...]) -> Result | None:
        if argv[:3] == ("iscsiadm", "-m", "session"):
            lines = [f"tcp: [{n}] {each} (non-flash)" for n, each in enumerate(self.sessions)]
            return Result(0 if lines else 21, "\n".join(lines))
        if argv[0] != "iscsiadm":
            return None
        target, portal = argv[4], argv[6]
        if argv[-1] == "--login":
            if target in self.away:
                return Result(8, err="connection timed out")
            self.sessions.append(f"{portal},1 {target}")
        if argv[-1] == "--logout":
            self.sessions.remove(f"{portal},1 {target}")
        return Result()


@dataclass
class Fabrics:
    """As much of nvme-cli as is asked of it: its controllers are files of the machine."""

    ground: Ground | None = None
    away: frozenset[str] = frozenset()
    count: int = 0

    def __call__(self, argv: tuple[str, ...]) -> Result | None:
        said = dict(each[2:].split("=", 1) for each in argv if each.startswith("--"))
        if argv[:2] in (("nvme", "connect"), ("nvme", "connect-all")):
            if said["traddr"] in self.away:
                return Result(1, err="failed to connect: timed out")
            self.add(said["transport"], said["traddr"], said.get("nqn", SUBSYSTEM))
        if argv[:2] == ("nvme", "disconnect"):
            self.remove(said["device"])
        if argv[0] == "sh":
            address = argv[2].split("traddr=")[1].split(",")[0]
            for name in self.names():
                if f"traddr={address}," in self.machine.line(f"{nvme.CLASS}/{name}/address"):
                    self.remove(name)
        return None

    @property
    def machine(self):  # type: ignore[no-untyped-def]
        assert self.ground
        return self.ground.machine

    def names(self) -> list[str]:
        return self.machine.names(nvme.CLASS)

    def add(self, transport: str, address: str, nqn: str, port: str = "4420") -> None:
        place = f"{nvme.CLASS}/nvme{self.count}"
        self.machine.put(f"{place}/transport", transport)
        self.machine.put(f"{place}/address", f"traddr={address},trsvcid={port},src_addr=10.0.0.1")
        self.machine.put(f"{place}/subsysnqn", nqn)
        self.machine.put(f"{place}/state", "live")
        self.machine.put(f"{place}/nvme{self.count}n1", "")
        self.count += 1

    def remove(self, name: str) -> None:
        for each in self.machine.names(f"{nvme.CLASS}/{name}"):
            self.machine.put(f"{nvme.CLASS}/{name}/{each}", None)
        self.machine.place(f"{nvme.CLASS}/{name}").rmdir()


def iscsi(*targets: str, enabled: bool = True) -> dict[str, object]:
    return {
        "enabled": enabled,
        "targets": [{"target": each, "address": "10.0.0.9"} for each in targets],
    }


def over_tcp(*addresses: str, nqn: str = SUBSYSTEM) -> dict[str, object]:
    return {
        "enabled": True,
        "targets": [{"transport": "tcp", "address": each, "nqn": nqn} for each in addresses],
    }


def node(target: str, *more: str) -> str:
    return " ".join(("iscsiadm -m node -T", target, "-p 10.0.0.9:3260", *more))


def joining(target: str) -> list[str]:
    return [
        node(target, "-o new"),
        node(target, "-o update -n node.startup -v automatic"),
        node(target, "--login"),
    ]


def leaving(target: str) -> list[str]:
    return [
        node(target, "--logout"),
        node(target, "-o update -n node.startup -v manual"),
        node(target, "-o delete"),
    ]


@pytest.fixture
def disks(tmp_path: Path) -> tuple[Ground, Iscsiadm]:
    script = Iscsiadm(["10.9.9.9:3260,1 iqn.of.somebody:else"])
    return Ground(tmp_path, script).begin(), script


def test_iscsi_logs_in_once_and_never_again(disks: tuple[Ground, Iscsiadm]) -> None:
    ground, _ = disks
    assert ground.put(ISCSI, iscsi(A, B))
    assert ground.lines == [*joining(A), *joining(B)]
    assert not ground.put(ISCSI, iscsi(A, B))
    assert ground.lines == []


def test_iscsi_logs_out_of_what_is_no_longer_told_and_of_nothing_else(
    disks: tuple[Ground, Iscsiadm],
) -> None:
    ground, script = disks
    ground.put(ISCSI, iscsi(A, B))
    ground.lines.clear()
    ground.put(ISCSI, iscsi(B, C))
    assert ground.lines == [*leaving(A), *joining(C)]
    assert script.sessions[0].endswith("somebody:else")
    ground.put(ISCSI, iscsi(B, C, enabled=False))
    assert ground.lines == [*leaving(B), *leaving(C)]
    assert script.sessions == ["10.9.9.9:3260,1 iqn.of.somebody:else"]


def test_iscsi_with_one_target_away_is_as_before(tmp_path: Path) -> None:
    script = Iscsiadm()
    ground = Ground(tmp_path, script).begin()
    ground.put(ISCSI, iscsi(A))
    script.away, before = frozenset({C}), list(script.sessions)
    ground.lines.clear()
    with pytest.raises(Undone, match="timed out"):
        ground.put(ISCSI, iscsi(B, C))
    assert script.sessions == before
    assert ground.config(ISCSI)["targets"][0]["target"] == A
    undone = ground.lines[-6:]
    assert undone == [
        node(C, "-o delete"),
        node(B, "--logout"),
        node(B, "-o delete"),
        node(A, "-o new"),
        node(A, "-o update -n node.startup -v automatic"),
        node(A, "--login"),
    ]


def test_iscsi_that_lost_a_session_has_it_again_by_the_same_put(
    disks: tuple[Ground, Iscsiadm],
) -> None:
    ground, script = disks
    ground.put(ISCSI, iscsi(A, B))
    script.sessions.pop()
    ground.lines.clear()
    assert ground.put(ISCSI, iscsi(A, B))
    assert ground.lines == joining(B)


def test_the_daemons_of_iscsi_run_and_rest(tmp_path: Path) -> None:
    script = Iscsiadm()
    ground = Ground(tmp_path, script).begin(SYSTEMD)
    ground.put(ISCSI, iscsi(A))
    assert ground.lines[:4] == [
        "systemctl enable iscsid.service",
        "systemctl start iscsid.service",
        "systemctl enable open-iscsi.service",
        "systemctl start open-iscsi.service",
    ]
    ground.put(ISCSI, {})
    assert ground.lines == [
        *leaving(A),
        "systemctl stop open-iscsi.service",
        "systemctl disable open-iscsi.service",
        "systemctl stop iscsid.service",
        "systemctl disable iscsid.service",
    ]


def test_an_initiators_name_is_kept_or_follows_from_the_machine(tmp_path: Path) -> None:
    ground = Ground(tmp_path, Iscsiadm()).begin()
    ground.write("/etc/machine-id", "0123456789abcdef\n")
    ground.put(ISCSI, iscsi())
    name = ground.ask("GET", "/1.0/services/iscsi")["state"]["initiator_name"]
    assert name.startswith("iqn.2004-10.org.linuxcontainers:01:")
    assert ground.machine.line("/etc/iscsi/initiatorname.iscsi") == f"InitiatorName={name}"
    ground.put(ISCSI, {})
    ground.write("/etc/iscsi/initiatorname.iscsi", "InitiatorName=iqn.1993-08.org.debian:01:me\n")
    ground.put(ISCSI, iscsi())
    shown = ground.ask("GET", "/1.0/services/iscsi")["state"]
    assert shown == {"initiator_name": "iqn.1993-08.org.debian:01:me"}


@pytest.fixture
def fabrics(tmp_path: Path) -> tuple[Ground, Fabrics]:
    script = Fabrics()
    script.ground = Ground(tmp_path, script)
    return script.ground.begin(), script


def test_nvme_connects_who_is_missing_and_lets_go_of_who_is_told_no_more(
    fabrics: tuple[Ground, Fabrics],
) -> None:
    ground, script = fabrics
    script.add("tcp", "10.9.9.9", "nqn.of.somebody:else")
    ground.put(NVME, over_tcp("10.0.0.1", "10.0.0.2"))
    connecting = "nvme connect --transport=tcp --traddr={} --trsvcid=4420 --nqn=" + SUBSYSTEM
    assert ground.lines == [
        "modprobe nvme-tcp",
        connecting.format("10.0.0.1"),
        connecting.format("10.0.0.2"),
    ]
    assert not ground.put(NVME, over_tcp("10.0.0.1", "10.0.0.2"))
    assert ground.lines == []
    ground.put(NVME, over_tcp("10.0.0.2"))
    assert ground.lines == ["nvme disconnect --device=nvme1"]
    ground.put(NVME, {"enabled": False})
    assert ground.lines == ["nvme disconnect --device=nvme2"]
    assert script.names() == ["nvme0"]


def test_nvme_without_a_name_connects_all_at_that_one_place(
    fabrics: tuple[Ground, Fabrics],
) -> None:
    ground, _ = fabrics
    ground.write(nvme.DISCOVERY, "--transport=rdma --traddr=10.5.5.5\n")
    ground.put(NVME, over_tcp("10.0.0.1", nqn=""))
    assert ground.lines == [
        "modprobe nvme-tcp",
        "nvme connect-all --transport=tcp --traddr=10.0.0.1 --trsvcid=4420",
    ]
    assert ground.machine.text(nvme.DISCOVERY) == (
        "--transport=rdma --traddr=10.5.5.5\n"
        + nvme.MARK
        + "--transport=tcp --traddr=10.0.0.1 --trsvcid=4420\n"
    )
    ground.put(NVME, {})
    assert ground.machine.text(nvme.DISCOVERY) == "--transport=rdma --traddr=10.5.5.5\n"


def test_nvme_keeps_who_is_told_of_in_other_words(fabrics: tuple[Ground, Fabrics]) -> None:
    """First as whoever is at that place, then by his name."""
    ground, script = fabrics
    ground.put(NVME, over_tcp("10.0.0.1", nqn=""))
    ground.lines.clear()
    ground.put(NVME, over_tcp("10.0.0.1"))
    assert (ground.lines, script.names()) == ([], ["nvme0"])


def test_nvme_with_one_target_away_is_as_before(fabrics: tuple[Ground, Fabrics]) -> None:
    ground, script = fabrics
    ground.put(NVME, over_tcp("10.0.0.1"))
    script.away = frozenset({"10.0.0.3"})
    with pytest.raises(Undone, match="timed out"):
        ground.put(NVME, over_tcp("10.0.0.2", "10.0.0.3"))
    addresses = [ground.machine.line(f"{nvme.CLASS}/{each}/address") for each in script.names()]
    assert [each.split(",")[0] for each in addresses] == ["traddr=10.0.0.1"]


def test_nvme_at_a_start_connects_who_answers(fabrics: tuple[Ground, Fabrics]) -> None:
    ground, script = fabrics
    ground.put(NVME, over_tcp("10.0.0.1", "10.0.0.2"))
    for name in script.names():
        script.remove(name)
    script.away = frozenset({"10.0.0.1"})
    ground.agent.start()
    assert len(script.names()) == 1
    assert ground.put(NVME, over_tcp("10.0.0.2"))


def test_nvme_shows_who_is_connected(fabrics: tuple[Ground, Fabrics]) -> None:
    ground, _ = fabrics
    ground.put(NVME, over_tcp("10.0.0.1"))
    state = ground.ask("GET", "/1.0/services/nvme")["state"]
    assert state["host_nqn"] == f"nqn.2014-08.org.nvmexpress:uuid:{state['host_id']}"
    assert state["subsystems"] == [
        {
            "name": "nvme-subsys0",
            "nqn": SUBSYSTEM,
            "controllers": [
                {
                    "name": "nvme0",
                    "transport": "tcp",
                    "address": "10.0.0.1:4420",
                    "state": "live",
                    "namespaces": ["nvme0n1"],
                }
            ],
        }
    ]


@pytest.mark.parametrize(
    ("target", "gone"),
    [
        (Target("10.0.0.1", nqn=SUBSYSTEM), ["nvme0"]),
        (Target("10.0.0.1"), ["nvme0", "nvme1"]),
        (Target("10.0.0.11"), ["nvme2"]),
        (Target("10.0.0.1", port=4421), []),
        (Target("10.0.0.9"), []),
    ],
)
def test_the_line_that_lets_go_finds_its_own_and_no_other(
    tmp_path: Path, target: Target, gone: Sequence[str]
) -> None:
    """Run by a real shell, with a program that only writes down what it is told."""
    there = [("10.0.0.1", SUBSYSTEM), ("10.0.0.1", "nqn.other"), ("10.0.0.11", SUBSYSTEM)]
    for n, (address, name) in enumerate(there):
        place = tmp_path / "class" / f"nvme{n}"
        place.mkdir(parents=True)
        (place / "address").write_text(f"traddr={address},trsvcid=4420,src_addr=10.0.0.7\n")
        (place / "subsysnqn").write_text(f"{name}\n")
    (tmp_path / "nvme").write_text(f'#!/bin/sh\necho "$2" >> {tmp_path}/told\n')
    (tmp_path / "nvme").chmod(0o755)
    (tmp_path / "told").touch()
    act = nvme._connecting(target)
    script = act.undo[2].replace(nvme.CLASS, str(tmp_path / "class"))  # type: ignore[union-attr]
    path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    subprocess.run(["sh", "-c", script], env=path, check=True)
    told = (tmp_path / "told").read_text().split()
    assert told == [f"--device={each}" for each in gone]


ADDRESSES = st.lists(st.sampled_from(["10.0.0.1", "10.0.0.2", "10.0.0.3"]), unique=True)


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(st.lists(ADDRESSES, min_size=1, max_size=5))
def test_nvme_never_lets_go_of_what_stays(
    tmp_path_factory: pytest.TempPathFactory, puts: list[list[str]]
) -> None:
    script = Fabrics()
    ground = script.ground = Ground(tmp_path_factory.mktemp("g"), script).begin()
    script.add("tcp", "10.9.9.9", "nqn.of.somebody:else")
    place = dict[str, str]()
    for wanted in puts:
        kept = {name for name, address in place.items() if address in wanted}
        ground.put(NVME, over_tcp(*wanted))
        place = {
            name: ground.machine.line(f"{nvme.CLASS}/{name}/address").split(",")[0][7:]
            for name in script.names()
        }
        assert kept <= set(place)
        assert sorted(place.values()) == sorted([*wanted, "10.9.9.9"])


def with_disks(ground: Ground, *wwns: str) -> Ground:
    for each in wwns:
        ground.write(f"/dev/disk/by-id/wwn-{each}", "")
    return ground


X, Y = "0x5000c500a1b2c3d4", "0x5000c500a1b2c3d5"


def test_multipath_tells_of_each_disk_once(ground: Ground) -> None:
    with_disks(ground, X, Y).put(MULTIPATH, {"enabled": True, "wwns": [X]})
    assert ground.machine.text("/etc/multipath/conf.d/99-muster.conf") == (
        "defaults {\n    find_multipaths strict\n}\n"
    )
    assert ground.lines == [f"multipath -a /dev/disk/by-id/wwn-{X}", "multipath -r"]
    ground.write("/etc/multipath/wwids", f"# known\n/3{X[2:]}/\n/3600of1somebody/\n")
    assert not ground.put(MULTIPATH, {"enabled": True, "wwns": [X]})
    ground.put(MULTIPATH, {"enabled": True, "wwns": [Y]})
    assert ground.lines == [
        f"multipath -w /dev/disk/by-id/wwn-{X}",
        f"multipath -f 3{X[2:]}",
        f"multipath -a /dev/disk/by-id/wwn-{Y}",
        "multipath -r",
    ]


def test_multipath_that_is_disabled_is_kept_as_disabled(ground: Ground) -> None:
    with_disks(ground, X).put(MULTIPATH, {"enabled": True, "wwns": [X]})
    ground.put(MULTIPATH, {"enabled": False, "wwns": [X]})
    assert ground.config(MULTIPATH) == {"enabled": False, "wwns": [X]}
    assert Ground(ground.root).begin().config(MULTIPATH)["enabled"] is False


def test_the_daemon_of_multipath_goes_on_for_others(tmp_path: Path) -> None:
    ground = with_disks(Ground(tmp_path).begin(SYSTEMD), X)
    ground.put(MULTIPATH, {"enabled": True, "wwns": [X]})
    ground.write("/etc/multipath/wwids", f"/3{X[2:]}/\n/3600of1somebody/\n")
    ground.lines.clear()
    ground.put(MULTIPATH, {})
    assert "systemctl stop multipathd.service" not in ground.lines


def test_a_disk_that_is_not_there_is_named(ground: Ground) -> None:
    with_disks(ground, X)
    with pytest.raises(Unsupported, match=rf"config\.wwns\[1\]: there is no disk .*{Y}"):
        ground.put(MULTIPATH, {"enabled": True, "wwns": [X, Y]})
    with pytest.raises(Invalid, match=r"config\.wwns\[0\]"):
        ground.put(MULTIPATH, {"enabled": True, "wwns": ["0xABC"]})


def test_multipath_shows_paths_as_its_daemon_has_them(tmp_path: Path) -> None:
    group = {"selector": "service-time 0", "pri": 50, "dm_st": "active", "paths": [{"dev": "sda"}]}
    shown = {"uuid": f"3{X[2:]}", "vend": "ACME", "size": "10G", "path_groups": [group]}
    said = answering({"multipathd show maps json": json.dumps({"maps": [shown]})})
    ground = with_disks(Ground(tmp_path, said).begin(), X)
    ground.put(MULTIPATH, {"enabled": True, "wwns": [X]})
    assert ground.ask("GET", "/1.0/services/multipath")["state"]["devices"] == {
        X: {
            "vendor": "ACME",
            "size": "10G",
            "path_groups": [
                {
                    "policy": "service-time 0",
                    "priority": 50,
                    "status": "active",
                    "paths": ["sda"],
                }
            ],
        }
    }


def test_lvm_locks_by_the_number_it_was_given(tmp_path: Path) -> None:
    ground = Ground(tmp_path).begin(SYSTEMD)
    ground.put(LVM, {"enabled": True, "system_id": 7})
    assert "use_lvmlockd = 1" in (ground.machine.text("/etc/lvm/lvmlocal.conf") or "")
    assert "host_id = 7" in (ground.machine.text("/etc/lvm/lvmlocal.conf") or "")
    starting = [
        "systemctl enable wdmd.service",
        "systemctl start wdmd.service",
        "systemctl enable sanlock.service",
        "systemctl start sanlock.service",
        "systemctl enable lvmlockd.service",
        "systemctl start lvmlockd.service",
        "systemctl enable lvmlocks.service",
        "vgchange --lock-start",
    ]
    assert ground.lines == starting
    assert not ground.put(LVM, {"enabled": True, "system_id": 7})
    assert ground.lines == []
    ground.put(LVM, {"enabled": True, "system_id": 8})
    assert ground.lines == [
        "vgchange --lock-stop",
        "systemctl stop lvmlockd.service",
        "systemctl stop sanlock.service",
        "systemctl stop wdmd.service",
        *starting,
    ]
    ground.put(LVM, {"enabled": False})
    assert ground.lines[:2] == ["vgchange --lock-stop", "systemctl disable lvmlocks.service"]
    assert ground.machine.text("/etc/lvm/lvmlocal.conf") is None


def test_lvm_in_use_is_not_given_another_number(tmp_path: Path) -> None:
    busy = Result(5, err="Volume group vg0 has active volumes")
    said = answering({"vgchange --lock-stop": busy})
    ground = Ground(tmp_path, said).begin()
    ground.put(LVM, {"enabled": True, "system_id": 7})
    with pytest.raises(Undone, match="has active volumes"):
        ground.put(LVM, {"enabled": True, "system_id": 8})
    assert "host_id = 7" in (ground.machine.text("/etc/lvm/lvmlocal.conf") or "")
    assert ground.lines == ["vgchange --lock-start", "vgchange --lock-stop"]


def test_lvm_shows_what_the_programs_report(tmp_path: Path) -> None:
    said = {
        "pvs": '{"report": [{"pv": [{"pv_name": "/dev/sda", "vg_name": "vg0"}]}]}',
        "vgs": "no json",
    }
    ground = Ground(tmp_path, lambda argv: Result(out=said.get(argv[0], ""))).begin()
    ground.put(LVM, {"enabled": True, "system_id": 7})
    assert ground.ask("GET", "/1.0/services/lvm")["state"] == {
        "pvs": [{"pv_name": "/dev/sda", "vg_name": "vg0"}],
        "vgs": [],
    }


@pytest.mark.parametrize(
    ("name", "config", "field"),
    [
        (LVM, {"enabled": True}, "config.system_id"),
        (LVM, {"enabled": True, "system_id": 2001}, "config.system_id"),
        (ISCSI, {"enabled": True, "targets": [{"target": A}]}, "config.targets[0].address"),
        (ISCSI, {"targets": [{"target": "-x", "address": "a"}]}, "config.targets[0].target"),
        (ISCSI, iscsi(A, A), "config.targets[1]"),
        (
            NVME,
            {"targets": [{"transport": "rdma", "address": "10.0.0.1"}]},
            "config.targets[0].transport",
        ),
        (NVME, over_tcp("10.0.0.1", "10.0.0.1"), "config.targets[1]"),
        (NVME, over_tcp('10.0.0.1"; rm'), "config.targets[0].address"),
    ],
)
def test_the_field_of_a_service_that_is_wrong_is_named(
    ground: Ground, name: str, config: dict[str, object], field: str
) -> None:
    with pytest.raises(Invalid) as caught:
        ground.put(name, config)
    assert caught.value.details["field"] == field


@pytest.mark.parametrize(
    ("name", "program"),
    [(ISCSI, "iscsiadm"), (NVME, "nvme"), (MULTIPATH, "multipathd"), (LVM, "sanlock")],
)
def test_a_service_without_its_programs_says_which(tmp_path: Path, name: str, program: str) -> None:
    ground = Ground(tmp_path, lacking=frozenset({program})).begin()
    with pytest.raises(Unsupported, match=rf"config\.enabled: there is no {program} here"):
        ground.put(name, {"enabled": True, "system_id": 1} if name == LVM else {"enabled": True})
    ground.put(name, {"enabled": False})
