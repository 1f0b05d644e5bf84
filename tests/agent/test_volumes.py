"""What is done to drives and pools beside what is told of them, and how drives fare."""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from agent.ground import Ground
from agent.test_storage import STORAGE, Zfs, pool
from muster.agent.machine import Machine
from muster.agent.routes import assembled
from muster.agent.runner import RealRunner, Result
from muster.agent.steps import Run
from muster.base.errors import Conflict, Invalid, MusterError, NotFound, Unsupported

NVME = {
    "smart_status": {"passed": True},
    "power_on_time": {"hours": 4711},
    "nvme_smart_health_information_log": {"available_spare": 100, "percentage_used": 3},
}
ATA = {
    "smart_status": {"passed": False},
    "smart_support": {"available": True, "enabled": True},
    "ata_smart_attributes": {"table": [{"id": 5, "raw": {"value": 12}}, {"id": 9, "raw": {}}]},
}


class Disks(Zfs):
    """The same, with volumes, pools elsewhere and what drives say of themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.volumes: dict[str, tuple[str, str]] = {}  # quota and use, by pool/name
        self.elsewhere: list[str] = []
        self.secure = True

    def __call__(self, argv: tuple[str, ...]) -> Result | None:
        if argv[:2] == ("zfs", "list"):
            lines = [f"{argv[-1]}\t96\t0\t-", f"{argv[-1]}/other\t96\t0\t-"]
            lines += [f"{n}\t24\t{quota}\t{use}" for n, (quota, use) in self.volumes.items()]
            return Result(out="".join(f"{line}\n" for line in lines))
        if argv[:2] == ("zfs", "create"):
            said = dict(each.split("=") for each in argv if "=" in each)
            self.volumes[argv[-1]] = (said.get("quota", "0"), said["muster:use"])
        if argv[:2] == ("zfs", "destroy"):
            self.volumes.pop(argv[-1])
        if argv == ("zpool", "import"):
            return Result(out="".join(f"   pool: {n}\n     id: 7\n" for n in self.elsewhere))
        if argv[:2] == ("zpool", "import"):
            self.pools[argv[2]] = ["/dev/sdf"]
        if argv[0] == "smartctl":
            told = {"/dev/sda": NVME, "/dev/sdb": ATA}[argv[-1]]
            return Result(64 if told is ATA else 0, json.dumps(told))
        if argv[:3] == ("blkdiscard", "--force", "--secure") and not self.secure:
            return Result(1, err="Operation not supported")
        return super().__call__(argv)


@pytest.fixture
def disks() -> Disks:
    return Disks()


@pytest.fixture
def ground(tmp_path: Path, disks: Disks) -> Ground:
    ground = Ground(tmp_path, disks).begin()
    for name in "bcdefg":
        ground.write(f"/dev/sd{name}", "")
    return ground


def tell(ground: Ground, word: str, **said: object) -> object:
    return ground.ask("POST", f"/1.0/{STORAGE}/:{word}", said)


def state(ground: Ground) -> Any:
    return ground.ask("GET", f"/1.0/{STORAGE}")["state"]


def test_a_volume_is_made_for_something_and_destroyed(ground: Ground, disks: Disks) -> None:
    disks.pools["local"] = ["/dev/sdb"]
    tell(ground, "create-volume", pool="local", name="incus", use="incus", quota=1024)
    assert ground.lines == ["zfs create -o muster:use=incus -o quota=1024 local/incus"]
    (shown,) = state(ground)["pools"]
    volume = {"name": "incus", "usage_in_bytes": 24, "quota_in_bytes": 1024, "use": "incus"}
    assert shown["volumes"] == [volume]
    with pytest.raises(Conflict, match="has a volume incus"):
        tell(ground, "create-volume", pool="local", name="incus", use="incus")
    tell(ground, "delete-volume", pool="local", name="incus", force=True)
    assert ground.lines == ["zfs destroy -R local/incus"]
    with pytest.raises(NotFound, match="has no volume incus"):
        tell(ground, "delete-volume", pool="local", name="incus")


@pytest.mark.parametrize(
    ("said", "kind", "why"),
    [
        ({"name": "v", "use": "incus"}, NotFound, "`pool` is one of"),
        ({"pool": "local", "use": "incus"}, Invalid, "name"),
        ({"pool": "local", "name": "a/b", "use": "incus"}, Invalid, "name"),
        ({"pool": "local", "name": "v", "use": "mine"}, Invalid, "use: must be one of"),
        ({"pool": "local", "name": "v", "use": "incus", "quota": -1}, Invalid, "quota"),
        ({"pool": "local", "name": "v", "use": "incus", "quota": True}, Invalid, "quota"),
    ],
)
def test_what_is_no_volume_is_named(
    ground: Ground, disks: Disks, said: dict[str, object], kind: type[MusterError], why: str
) -> None:
    disks.pools["local"] = ["/dev/sdb"]
    with pytest.raises(kind, match=why):
        tell(ground, "create-volume", **said)
    assert ground.lines == []


def test_a_volume_of_nobody_we_know_is_not_destroyed(ground: Ground, disks: Disks) -> None:
    disks.pools["local"] = ["/dev/sdb"]
    with pytest.raises(NotFound, match="has no volume other"):
        tell(ground, "delete-volume", pool="local", name="other", force=True)
    assert ground.lines == []


def test_a_pool_whose_drives_have_come_is_taken_on(ground: Ground, disks: Disks) -> None:
    disks.elsewhere = ["data", "more"]
    with pytest.raises(NotFound, match="there is data, more"):
        tell(ground, "import-pool", name="local")
    tell(ground, "import-pool", name="data", type="zfs")
    assert ground.lines == ["zpool import data"]
    with pytest.raises(Conflict, match="is here already"):
        tell(ground, "import-pool", name="data")
    with pytest.raises(Unsupported, match="encryption_key"):
        tell(ground, "import-pool", name="more", encryption_key="k")


def test_a_pool_keeps_small_blocks_apart(ground: Ground) -> None:
    special = {"devices": ["/dev/sdd", "/dev/sde"], "special_small_blocks_size_in_kb": 16}
    ground.put(STORAGE, pool("zfs-raid1", "/dev/sdb /dev/sdc", special=special))
    assert ground.lines == [
        "zpool create -o ashift=12 -o autotrim=on -m none -O compression=on "
        "-O special_small_blocks=16K local mirror /dev/sdb /dev/sdc "
        "special mirror /dev/sdd /dev/sde"
    ]


@pytest.mark.parametrize(
    ("special", "field"),
    [
        ({"devices": ["/dev/sdd"]}, r"special\.devices: zfs-raid1 is of at least 2"),
        ({"special_small_blocks_size_in_kb": 4}, r"special\.devices: is required"),
        (
            {"devices": ["/dev/sdd", "/dev/sde"], "special_small_blocks_size_in_kb": 3},
            "a power of two",
        ),
        ({"devices": ["/dev/sdb", "/dev/sde"]}, "used twice"),
    ],
)
def test_what_cannot_be_apart_is_named(
    ground: Ground, special: dict[str, object], field: str
) -> None:
    with pytest.raises(Invalid, match=field):
        ground.put(STORAGE, pool("zfs-raid0", "/dev/sdb", special=special))


def test_a_drive_is_erased_by_itself_or_written_full_of_zeroes(
    ground: Ground, disks: Disks
) -> None:
    tell(ground, "wipe-drive", id="/dev/sdb", secure_wipe=True)
    assert ground.lines == ["blkdiscard --force --secure /dev/sdb", "wipefs --all /dev/sdb"]
    disks.secure = False
    tell(ground, "wipe-drive", id="/dev/sdb", secure_wipe=True)
    assert ground.lines[1:] == ["blkdiscard --force --zeroout /dev/sdb", "wipefs --all /dev/sdb"]


def test_a_drive_of_a_pool_is_not_wiped(ground: Ground, disks: Disks) -> None:
    disks.pools["local"] = ["/dev/sdb"]
    with pytest.raises(Conflict, match="is in use by pool local"):
        tell(ground, "wipe-drive", id="/dev/sdb", secure_wipe=True)
    assert ground.lines == []
    assert [each["member_pool"] for each in state(ground)["drives"]] == ["", "local"]


def test_drives_say_how_they_fare(ground: Ground) -> None:
    fine, worn = (each["smart"] for each in state(ground)["drives"])
    assert (fine["passed"], fine["power_on_hours"], fine["percentage_used"]) == (True, 4711, 3)
    assert (worn["passed"], worn["reallocated_sectors"]) == (False, 12)


def test_without_smartctl_they_say_nothing_and_that_is_told(tmp_path: Path, disks: Disks) -> None:
    ground = Ground(tmp_path, disks, frozenset({"smartctl"})).begin()
    assert all("smart" not in each for each in state(ground)["drives"])
    told = ground.ask("GET", "/1.0/capabilities")["storage.smart"]
    assert told == {"can": "absent", "reason": "there is no smartctl here"}


def test_how_full_the_machine_itself_is_is_told(ground: Ground) -> None:
    root = state(ground)["root_partition"]
    assert 0 < root["available_in_bytes"] <= root["size_in_bytes"]


@pytest.mark.parametrize(
    ("path", "feature"),
    [
        ("security/:retrieved", "security.encryption_recovery_keys"),
        ("security/:tpm-rebind", "security.tpm_rebind"),
    ],
)
def test_what_this_system_does_not_do_is_absent_and_refused_with_that_reason(
    ground: Ground, path: str, feature: str
) -> None:
    told = ground.ask("GET", "/1.0/capabilities")[feature]
    with pytest.raises(Unsupported) as caught:
        ground.ask("POST", f"/1.0/system/{path}", {"id": "/dev/sdb"})
    assert told == {"can": "absent", "reason": caught.value.text}
    with pytest.raises(Unsupported, match="no earlier versions"):
        ground.ask("POST", f"/1.0/{STORAGE}/:cleanup-root")


@dataclass
class Lent(RealRunner):
    """Real programs, for which one loop device is the machine's only disk."""

    disk: str = ""

    def run(self, command: Run) -> Result:
        if command.argv[:2] == ("lsblk", "--json"):
            shown = {"path": self.disk, "type": "disk", "size": 1 << 22}
            return Result(out=json.dumps({"blockdevices": [shown]}))
        return super().run(command)

    def has(self, program: str) -> bool:
        return program not in ("smartctl", "zpool") and super().has(program)


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[str]:
    if os.geteuid() or not which("losetup") or not which("blkdiscard"):
        pytest.skip("a loop device takes root, losetup and blkdiscard")
    file = tmp_path / "disk"
    file.write_bytes(b"secret! " * (1 << 19))
    words = ["losetup", "--find", "--show", str(file)]
    made = subprocess.run(words, capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"no loop device can be had: {made.stderr}")
    yield made.stdout.strip()
    subprocess.run(["losetup", "--detach", made.stdout.strip()], check=True)


@pytest.mark.system
def test_nothing_is_left_on_a_real_drive(tmp_path: Path, loop: str) -> None:
    agent = assembled(Machine(Lent(disk=loop), tmp_path / "root"))
    said = {"id": loop, "secure_wipe": True}
    agent.answer("POST", f"/1.0/{STORAGE}/:wipe-drive", {}, (said, "/os"))
    assert (tmp_path / "disk").read_bytes() == bytes(1 << 22)
