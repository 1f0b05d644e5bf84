"""Services by difference: what stays is not touched, what is others' is not either."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.ground import KNOBS, Ground
from agent.test_nvme import NVME, over_tcp
from agent.test_shared_disks import LVM, MULTIPATH
from muster.agent.failures import Undone
from muster.agent.runner import Result
from muster.base.errors import Invalid, Unsupported

ISCSI = "services/iscsi"
A, B, C = (f"iqn.2026-01.example:{name}" for name in "abc")
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


def iscsi(*targets: str, enabled: bool = True) -> dict[str, object]:
    return {
        "enabled": enabled,
        "targets": [{"target": each, "address": "10.0.0.9"} for each in targets],
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
