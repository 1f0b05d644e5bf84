"""Disks by several paths, and volume groups that several machines share."""

import json
from pathlib import Path

import pytest

from agent.ground import KNOBS, Ground
from muster.agent.failures import Undone
from muster.agent.runner import Result, answering
from muster.base.errors import Invalid, Unsupported

LVM, MULTIPATH = "services/lvm", "services/multipath"
SYSTEMD = {**KNOBS, "/run/systemd/system/there": ""}


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
    group = {
        "selector": "service-time 0",
        "pri": 50,
        "dm_st": "active",
        "paths": [{"dev": "sda", "chk_st": "ready"}],
    }
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
                    "paths": [{"id": "sda", "status": "ready"}],
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


def test_multipath_shows_ports_of_fibre_channel(ground: Ground) -> None:
    for name, said in (("port_name", "0x21000024ff"), ("port_state", "Online"), ("speed", "16 G")):
        ground.write(f"/sys/class/fc_host/host3/{name}", f"{said}\n")
    (port,) = ground.ask("GET", f"/1.0/{MULTIPATH}")["state"]["controllers"]
    assert (port["port_name"], port["port_state"]) == ("0x21000024ff", "Online")
    assert (port["speed"], port["fabric_name"]) == ("16 G", "")


FAULT = {"log_type": "error", "log_object_name": "vg7", "log_message": "lock start in progress"}


def test_lvm_shows_what_the_programs_report_and_what_went_wrong(tmp_path: Path) -> None:
    pvs = {"report": [{"pv": [{"pv_name": "/dev/sda", "vg_name": "vg0"}]}], "log": []}
    vgs = {"report": [{"vg": []}], "log": [FAULT]}
    said = {"pvs": Result(0, json.dumps(pvs)), "vgs": Result(5, json.dumps(vgs))}
    ground = Ground(tmp_path, lambda argv: said.get(argv[0])).begin()
    ground.put(LVM, {"enabled": True, "system_id": 7})
    assert ground.ask("GET", "/1.0/services/lvm")["state"] == {
        "pvs": [{"pv_name": "/dev/sda", "vg_name": "vg0"}],
        "vgs": [],
        "log": [FAULT],
    }
    said["vgs"] = Result(124, "no json")
    assert "log" not in ground.ask("GET", "/1.0/services/lvm")["state"]
