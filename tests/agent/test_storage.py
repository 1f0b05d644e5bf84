"""Drives as they are, and pools that nobody loses by a PUT."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agent.ground import Ground
from muster.agent import storage
from muster.agent.failures import Undone
from muster.agent.runner import Result
from muster.base.errors import Conflict, Invalid, NotFound, Unsupported

STORAGE = "system/storage"
DEVICES = [
    {
        "path": "/dev/sda",
        "type": "disk",
        "size": 1000,
        "tran": "sata",
        "model": "Disk ",
        "children": [{"path": "/dev/sda1", "mountpoint": "/"}],
    },
    {"path": "/dev/sdb", "type": "disk", "size": 2000, "tran": "iscsi", "wwn": "0x5"},
    {"path": "/dev/loop0", "type": "loop", "size": 1},
]


@dataclass
class Zfs:
    """As much of zpool and lsblk as is asked of them."""

    pools: dict[str, list[str]] = field(default_factory=dict)
    mounted: str = ""
    fault: Result | None = None

    def __call__(self, argv: tuple[str, ...]) -> Result | None:
        if argv[:2] == ("lsblk", "--json"):
            return Result(out=json.dumps({"blockdevices": DEVICES}))
        if argv[0] == "lsblk":
            return Result(out=self.mounted)
        if argv[:3] == ("zpool", "list", "-v"):
            lines = [
                line
                for name, devices in self.pools.items()
                for line in (f"{name}\t1G", *(f"\t{device}\t1G" for device in devices))
            ]
            return Result(out="\n".join(lines))
        if argv[:2] == ("zpool", "list"):
            return Result(out="".join(f"{name}\t100\t10\tONLINE\n" for name in self.pools))
        if argv[:2] == ("zpool", "create") and self.fault is None:
            self.pools[argv[argv.index("compression=on") + 1]] = [
                each for each in argv if each.startswith("/dev/")
            ]
        if argv[:2] == ("zpool", "destroy"):
            self.pools.pop(argv[2])
        return self.fault if argv[:2] == ("zpool", "create") else None


@pytest.fixture
def zfs() -> Zfs:
    return Zfs()


@pytest.fixture
def ground(tmp_path: Path, zfs: Zfs) -> Ground:
    ground = Ground(tmp_path, zfs).begin()
    for name in "bcdefg":
        ground.write(f"/dev/sd{name}", "")
    return ground


def pool(type: str, devices: str, **more: Any) -> dict[str, Any]:
    return {"pools": [{"name": "local", "type": type, "devices": devices.split(), **more}]}


def test_drives_are_shown_by_the_name_that_they_keep(ground: Ground) -> None:
    ground.link("/dev/disk/by-id/wwn-0x5", "../../sdb")
    system, remote = ground.ask("GET", f"/1.0/{STORAGE}")["state"]["drives"]
    assert (system["id"], system["boot"], system["in_use"]) == ("/dev/sda", True, True)
    assert (system["model_name"], system["capacity_in_bytes"]) == ("Disk", 1000)
    assert (remote["id"], remote["remote"]) == ("/dev/disk/by-id/wwn-0x5", True)
    assert (remote["in_use"], remote["boot"]) == (False, False)


@pytest.mark.parametrize(
    ("type", "devices", "arranged"),
    [
        ("zfs-raid0", "/dev/sdb", "/dev/sdb"),
        ("zfs-raid1", "/dev/sdb /dev/sdc", "mirror /dev/sdb /dev/sdc"),
        (
            "zfs-raid10",
            "/dev/sdb /dev/sdc /dev/sdd /dev/sde",
            "mirror /dev/sdb /dev/sdc mirror /dev/sdd /dev/sde",
        ),
        ("zfs-raidz1", "/dev/sdb /dev/sdc /dev/sdd", "raidz1 /dev/sdb /dev/sdc /dev/sdd"),
    ],
)
def test_a_pool_is_made_once(ground: Ground, type: str, devices: str, arranged: str) -> None:
    assert ground.put(STORAGE, pool(type, devices))
    assert ground.lines == [
        "zpool create -o ashift=12 -o autotrim=on -m none -O compression=on local " + arranged
    ]
    assert not ground.put(STORAGE, pool(type, devices))
    assert ground.lines == []


def test_a_pool_that_is_told_of_no_more_stays(ground: Ground, zfs: Zfs) -> None:
    ground.put(STORAGE, pool("zfs-raid0", "/dev/sdb", cache=["/dev/sdc"], log=["/dev/sdd"]))
    assert ground.lines[0].endswith("local /dev/sdb cache /dev/sdc log /dev/sdd")
    ground.put(STORAGE, {})
    assert (ground.lines, list(zfs.pools)) == ([], ["local"])


def test_a_pool_that_cannot_be_made_takes_nothing_with_it(ground: Ground, zfs: Zfs) -> None:
    zfs.pools["data"] = ["/dev/sdf"]
    zfs.fault = Result(1, err="/dev/sdb is in use")
    with pytest.raises(Undone, match="is in use"):
        ground.put(STORAGE, pool("zfs-raid0", "/dev/sdb"))
    assert list(zfs.pools) == ["data"]


@pytest.mark.parametrize(
    ("said", "field"),
    [
        (pool("zfs-raid1", "/dev/sdb"), r"pools\[0\]\.devices: zfs-raid1 is of at least 2"),
        (pool("zfs-raid10", "/dev/b /dev/c /dev/d /dev/e /dev/f"), "in pairs"),
        (pool("zfs-raid0", "/dev/sdb", log=["/dev/sdb"]), "used twice"),
        (pool("zfs-raid0", "sdb"), r"pools\[0\]\.devices"),
        (pool("btrfs", "/dev/sdb"), r"pools\[0\]\.type"),
        ({"pools": pool("zfs-raid0", "/dev/sdb")["pools"] * 2}, "is there twice"),
    ],
)
def test_what_is_no_pool_is_named(ground: Ground, said: object, field: str) -> None:
    with pytest.raises(Invalid, match=field):
        ground.put(STORAGE, said)  # type: ignore[arg-type]


def test_what_cannot_be_is_refused_before_anything_is_done(ground: Ground, zfs: Zfs) -> None:
    with pytest.raises(Unsupported, match="there is no /dev/sdz"):
        ground.put(STORAGE, pool("zfs-raid0", "/dev/sdz"))
    zfs.pools["local"] = ["/dev/sdb"]
    with pytest.raises(Unsupported, match="no pool is made another here"):
        ground.put(STORAGE, pool("zfs-raid1", "/dev/sdb /dev/sdc"))
    assert ground.lines == []


def test_without_zfs_there_are_drives_and_no_pools(tmp_path: Path, zfs: Zfs) -> None:
    ground = Ground(tmp_path, zfs, frozenset({"zpool"})).begin()
    with pytest.raises(Unsupported, match="there is no zpool here"):
        ground.put(STORAGE, pool("zfs-raid0", "/dev/sdb"))
    assert ground.ask("GET", f"/1.0/{STORAGE}")["state"]["pools"] == []


def test_a_pool_goes_when_it_is_named_and_is_not_made_anew(ground: Ground, zfs: Zfs) -> None:
    ground.put(STORAGE, pool("zfs-raid0", "/dev/sdb"))
    shown = ground.ask("GET", f"/1.0/{STORAGE}")["state"]["pools"]
    assert [each["name"] for each in shown] == ["local"]
    for word in ("scrub-pool", "delete-pool"):
        ground.ask("POST", f"/1.0/{STORAGE}/:{word}", {"name": "local"})
    assert (zfs.pools, ground.config(STORAGE)) == ({}, {})
    with pytest.raises(NotFound, match="there is no pool"):
        ground.ask("POST", f"/1.0/{STORAGE}/:delete-pool", {"name": "local"})


def test_a_drive_is_wiped_unless_it_is_in_use(ground: Ground, zfs: Zfs) -> None:
    ground.ask("POST", f"/1.0/{STORAGE}/:wipe-drive", {"id": "/dev/sdb"})
    assert ground.lines == ["wipefs --all /dev/sdb"]
    zfs.mounted = "/srv\n"
    for drive in ("/dev/sda", "/dev/sdb"):
        with pytest.raises(Conflict, match="is in use"):
            ground.ask("POST", f"/1.0/{STORAGE}/:wipe-drive", {"id": drive})
    with pytest.raises(NotFound, match="there is no drive /dev/sdz"):
        ground.ask("POST", f"/1.0/{STORAGE}/:wipe-drive", {"id": "/dev/sdz"})


def test_pools_are_read_whole_as_often_as_is_told(ground: Ground) -> None:
    assert ground.put("system/storage", {"scrub_schedule": "0 4 * * 0"})
    assert ground.machine.text(storage.SCRUBBING) == (
        "PATH=/usr/sbin:/usr/bin:/sbin:/bin\n"
        "0 4 * * 0 root zpool list -H -o name | xargs -r -n 1 zpool scrub\n"
    )
    assert not ground.put("system/storage", {"scrub_schedule": "0 4 * * 0"})
    ground.put("system/storage", {})
    assert ground.machine.text(storage.SCRUBBING) is None
    with pytest.raises(Invalid, match=r"config\.scrub_schedule"):
        ground.put("system/storage", {"scrub_schedule": "0 4 * * 0; reboot"})


def test_without_cron_nothing_is_read_by_itself(tmp_path: Path) -> None:
    ground = Ground(tmp_path, lacking=frozenset({"cron"})).begin()
    with pytest.raises(Unsupported, match="there is no cron here"):
        ground.put("system/storage", {"scrub_schedule": "0 4 * * 0"})
