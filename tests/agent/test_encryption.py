"""Drives encrypted by a key of the machine's own: made, opened again, taken on, given back."""

import json
from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agent.ground import Ground
from muster.agent.encryption import TABLE
from muster.agent.failures import Undone
from muster.agent.machine import HOME
from muster.agent.runner import Result
from muster.base.errors import Conflict, Invalid, NotFound, Unsupported

STORAGE = "/1.0/system/storage"
B = "/dev/disk/by-id/wwn-0x5"
KEY, OPENED = f"{HOME}/luks-wwn-0x5.key", "/dev/mapper/luks-wwn-0x5"
THEIRS = b"\xff\x00 not a text\n"


@dataclass
class Luks:
    """As much of cryptsetup and lsblk as is asked of them, for one drive beside the system's."""

    root: Path
    keys: list[bytes] = field(default_factory=list)  # that open it; none: it is not encrypted
    name: str = ""  # which it is open as
    fails: str = ""  # what cryptsetup does not do
    no_module: bool = False

    def __call__(self, argv: tuple[str, ...]) -> Result | None:
        if argv[:2] == ("lsblk", "--json"):
            return Result(out=json.dumps({"blockdevices": [SYSTEM, self.shown()]}))
        if argv[0] == "modprobe" and self.no_module:
            return Result(1)
        if argv[0] == "wipefs":
            self.keys = []
        return self._crypt(*argv[1:]) if argv[0] == "cryptsetup" else None

    def shown(self) -> dict[str, Any]:
        inner = {"path": f"/dev/mapper/{self.name}", "type": "crypt"}
        return {
            "path": "/dev/sdb",
            "type": "disk",
            "size": 2000,
            "fstype": "crypto_LUKS" if self.keys else None,
            **({"children": [inner]} if self.name else {}),
        }

    def _crypt(self, verb: str, *words: str) -> Result | None:
        if verb == self.fails:
            return Result(1, err="Device or resource busy")
        if verb == "close":
            self.name = ""
            return None
        key = self._file(words[words.index("--key-file") + 1])
        if verb == "luksFormat":
            self.keys = [key]
        elif key not in self.keys:
            return Result(2, err="No key available with this passphrase.")
        elif verb == "luksAddKey":
            self.keys.append(self._file(words[-1]))
        else:
            self.name = words[-1]
        return None

    def _file(self, path: str) -> bytes:
        there = self.root / path.lstrip("/")
        assert there.stat().st_mode & 0o777 == 0o600
        return there.read_bytes()


SYSTEM = {
    "path": "/dev/sda",
    "type": "disk",
    "children": [{"path": "/dev/sda1", "mountpoint": "/"}],
}


@pytest.fixture
def luks(tmp_path: Path) -> Luks:
    return Luks(tmp_path)


@pytest.fixture
def ground(tmp_path: Path, luks: Luks) -> Ground:
    ground = Ground(tmp_path, luks).begin()
    ground.write("/dev/sdb", "")
    ground.link(B, "../../sdb")
    ground.write(TABLE, "swap /dev/sda3 none swap")
    assert ground.lines == []
    return ground


def tell(ground: Ground, word: str, **said: object) -> object:
    return ground.ask("POST", f"{STORAGE}/:{word}", {"id": B, **said})


def drive(ground: Ground) -> Any:
    return ground.ask("GET", STORAGE)["state"]["drives"][1]


def own_files(ground: Ground) -> set[str]:
    return {each for each in ground.machine.names(HOME) if each.startswith("luks-")}


LINES = ["swap /dev/sda3 none swap", f"luks-wwn-0x5 {B} {KEY} luks,nofail"]
OPENING = f"cryptsetup open --type luks --key-file {KEY} {B} luks-wwn-0x5"


def test_a_drive_is_encrypted_and_open_now_and_after_each_start(ground: Ground, luks: Luks) -> None:
    assert ground.ask("GET", "/1.0/capabilities")["storage.encryption"]["can"] == "supported"
    tell(ground, "encrypt-drive")
    made = "cryptsetup luksFormat --batch-mode --type luks2 --key-file"
    assert ground.lines == [f"{made} {KEY}.new {B}", OPENING]
    assert (ground.machine.text(TABLE) or "").splitlines() == LINES
    assert (drive(ground)["encrypted"], drive(ground)["encrypted_id"]) == (True, OPENED)
    assert luks.keys == [ground.machine.raw(KEY)]
    assert own_files(ground) == {"luks-wwn-0x5.key"}
    with pytest.raises(Conflict, match="is encrypted, and open as"):
        tell(ground, "encrypt-drive")


def test_a_drive_that_is_wiped_is_closed_and_its_key_forgotten(ground: Ground, luks: Luks) -> None:
    tell(ground, "encrypt-drive", secure_wipe=True)
    assert ground.lines[0] == f"blkdiscard --force --secure {B}"
    tell(ground, "wipe-drive")
    assert ground.lines == ["cryptsetup close luks-wwn-0x5", f"wipefs --all {B}"]
    assert ground.machine.text(TABLE) == "swap /dev/sda3 none swap\n"
    assert (own_files(ground), luks.name) == (set(), "")


def test_a_drive_from_elsewhere_gets_a_key_of_this_machine(ground: Ground, luks: Luks) -> None:
    luks.keys = [THEIRS]
    tell(ground, "import-encrypted-drive", key=b64encode(THEIRS).decode())
    adding = f"cryptsetup luksAddKey --batch-mode --key-file {KEY}.lent {B} {KEY}.new"
    assert ground.lines == [adding, OPENING]
    assert luks.keys == [THEIRS, ground.machine.raw(KEY)]
    assert own_files(ground) == {"luks-wwn-0x5.key"}, "theirs is kept nowhere"
    assert (ground.machine.text(TABLE) or "").splitlines() == LINES


def test_a_machine_that_was_restored_opens_its_drive_by_its_own_key(
    ground: Ground, luks: Luks
) -> None:
    tell(ground, "encrypt-drive")
    luks.name = ""
    ground.write(TABLE, "")
    tell(ground, "import-encrypted-drive")
    assert ground.lines[2:] == [OPENING]
    assert drive(ground)["encrypted_id"] == OPENED


def test_a_key_that_does_not_open_it_leaves_nothing(ground: Ground, luks: Luks) -> None:
    luks.keys = [THEIRS]
    wrong = {"other": b64encode(b"x").decode(), "base64": "?", "empty": ""}
    for why, key in wrong.items():
        with pytest.raises(Invalid, match=r"key: (does not open|must )"):
            tell(ground, "import-encrypted-drive", key=key)
        assert own_files(ground) == set(), why
    with pytest.raises(Invalid, match="this machine has no key of that drive"):
        tell(ground, "import-encrypted-drive")
    assert ground.machine.text(TABLE) == "swap /dev/sda3 none swap"


def test_where_it_fails_no_key_is_left_and_an_older_one_stays(ground: Ground, luks: Luks) -> None:
    luks.fails = "luksFormat"
    with pytest.raises(Undone, match="busy"):
        tell(ground, "encrypt-drive")
    assert own_files(ground) == set()
    ground.write(KEY, "older")
    with pytest.raises(Undone, match="busy"):
        tell(ground, "encrypt-drive")
    assert ground.machine.text(KEY) == "older"


def test_what_is_in_use_or_not_encrypted_is_left_alone(ground: Ground, luks: Luks) -> None:
    with pytest.raises(Conflict, match="is not encrypted"):
        tell(ground, "import-encrypted-drive", key="eA==")
    with pytest.raises(Conflict, match="/dev/sda is in use"):
        tell(ground, "encrypt-drive", id="/dev/sda")
    with pytest.raises(NotFound, match="no drive /dev/sdz"):
        tell(ground, "encrypt-drive", id="/dev/sdz")
    luks.keys, luks.name = [THEIRS], "theirs"
    with pytest.raises(Conflict, match="somebody has opened it as /dev/mapper/theirs"):
        tell(ground, "wipe-drive")
    assert ground.lines == []


@pytest.mark.parametrize(("lacking", "why"), [("cryptsetup", "no cryptsetup"), ("", "no dm-crypt")])
def test_where_it_cannot_be_it_is_absent_and_refused_with_that_reason(
    tmp_path: Path, luks: Luks, lacking: str, why: str
) -> None:
    luks.no_module = True
    ground = Ground(tmp_path, luks, frozenset({lacking})).begin()
    ground.link(B, "../../sdb")
    told = ground.ask("GET", "/1.0/capabilities")["storage.encryption"]
    for word in ("encrypt-drive", "import-encrypted-drive"):
        with pytest.raises(Unsupported, match=why) as caught:
            tell(ground, word)
        assert told == {"can": "absent", "reason": caught.value.text}
    assert (ground.lines, luks.keys) == ([], [])
