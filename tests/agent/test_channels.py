"""Channels: from which sources a machine is updated, as they are or as of a moment."""

import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from agent.ground import KNOBS, Ground
from muster.agent import channels
from muster.agent.failures import Undone
from muster.agent.runner import RealRunner, Result, answering
from muster.agent.steps import Run
from muster.base.errors import Unsupported

UPDATE = "system/update"
SOURCES = "/etc/apt/sources.list.d/debian.sources"
OTHERS = "/etc/apt/sources.list.d/others.list"
DEBIAN = (
    "Types: deb\nURIs: http://deb.debian.org/debian\nSuites: bookworm bookworm-updates\n\n"
    "Types: deb\nURIs: https://deb.debian.org/debian-security/\nSuites: bookworm-security\n"
)
OTHER = "deb https://packages.example.com/apt bookworm main\n"
UBUNTU = (
    "deb http://de.archive.ubuntu.com/ubuntu noble main\n"
    "deb http://security.ubuntu.com/ubuntu/ noble-security main\n"
)


def machine(tmp_path: Path, id: str = "debian", codename: str = "bookworm") -> Ground:
    about = f'ID={id}\nVERSION_CODENAME="{codename}"'
    files = {SOURCES: DEBIAN.rstrip("\n"), OTHERS: OTHER.rstrip("\n"), "/etc/os-release": about}
    return Ground(tmp_path).begin({**KNOBS, **files})


@pytest.fixture
def debian(tmp_path: Path) -> Ground:
    return machine(tmp_path)


def as_of(moment: str) -> str:
    past = f"https://snapshot.debian.org/archive/@/{moment}/"
    security = DEBIAN.replace(
        "https://deb.debian.org/debian-security/", past.replace("@", "debian-security")
    )
    return security.replace("http://deb.debian.org/debian", past.replace("@", "debian"))


def reading(path: str) -> str:
    only = f"-o Dir::Etc::SourceList={path} -o Dir::Etc::SourceParts=-"
    words = f"apt-get update --error-on=any {only} -o APT::Get::List-Cleanup=0"
    return f"sh -c test ! -e {path} || exec {words}"


def test_a_snapshot_is_the_distribution_as_it_was_and_others_as_they_are(debian: Ground) -> None:
    assert debian.put(UPDATE, {"channel": "snapshot-20260301"})
    assert debian.machine.text(SOURCES) == as_of("20260301T000000Z")
    assert debian.machine.text(OTHERS) == OTHER
    assert debian.machine.text(channels.TERMS) == 'Acquire::Check-Valid-Until "false";\n'
    assert debian.lines == [reading(SOURCES)]
    assert not debian.put(UPDATE, {"channel": "snapshot-20260301"})


def test_another_moment_is_of_the_same_archives_and_stable_is_as_before(debian: Ground) -> None:
    before = debian.picture()
    debian.put(UPDATE, {"channel": "snapshot-20260301"})
    debian.put(UPDATE, {"channel": "snapshot-20260401t120000z"})
    assert debian.machine.text(SOURCES) == as_of("20260401T120000Z")
    debian.put(UPDATE, {"channel": "stable"})
    assert debian.picture() == before


def test_ubuntu_keeps_its_past_elsewhere(tmp_path: Path) -> None:
    ubuntu = machine(tmp_path, "ubuntu", "noble")
    ubuntu.write("/etc/apt/sources.list", UBUNTU)
    ubuntu.put(UPDATE, {"channel": "snapshot-20260301"})
    past = "https://snapshot.ubuntu.com/ubuntu/20260301T000000Z/"
    assert ubuntu.machine.text("/etc/apt/sources.list") == (
        f"deb {past} noble main\ndeb {past} noble-security main\n"
    )
    assert ubuntu.lines == [reading("/etc/apt/sources.list")]


def test_what_is_proposed_is_read_beside_what_is_there(debian: Ground) -> None:
    debian.put(UPDATE, {"channel": "proposed"})
    assert "Suites: bookworm-proposed-updates\n" in (debian.machine.text(channels.ADDED) or "")
    assert "Pin-Priority: 500" in (debian.machine.text(channels.PINS) or "")
    assert debian.machine.text(SOURCES) == DEBIAN
    assert debian.lines == [reading(channels.ADDED)]
    debian.put(UPDATE, {})
    assert debian.machine.text(channels.ADDED) is None


def test_an_administrators_own_channel_is_a_file_of_sources(debian: Ground) -> None:
    with pytest.raises(Unsupported, match=r"there is no /etc/muster/channels/house\.sources"):
        debian.put(UPDATE, {"channel": "house"})
    debian.write("/etc/muster/channels/house.sources", "Types: deb\n")
    debian.put(UPDATE, {"channel": "house"})
    assert debian.machine.text(channels.ADDED) == "Types: deb\n"
    debian.write("/etc/muster/channels/house.sources", "Types: deb-src\n")
    assert debian.put(UPDATE, {"channel": "house"})
    assert debian.machine.text(channels.ADDED) == "Types: deb-src\n"


def test_what_cannot_be_had_leaves_all_as_it_was(debian: Ground) -> None:
    before = debian.picture()
    debian.runner.script = answering({"sh -c test ! -e": Result(100, err="404 Not Found")})
    with pytest.raises(Undone, match="404 Not Found"):
        debian.put(UPDATE, {"channel": "snapshot-19700101"})
    assert debian.picture() == before
    assert "channel" not in debian.config(UPDATE)


def test_where_nothing_is_known_of_the_past_that_is_the_reason(tmp_path: Path) -> None:
    other = machine(tmp_path / "other", "devuan", "daedalus")
    with pytest.raises(Unsupported, match="of devuan no snapshot-20260301 is known"):
        other.put(UPDATE, {"channel": "snapshot-20260301"})
    mirrored = machine(tmp_path / "mirrored")
    mirrored.write(SOURCES, DEBIAN.replace("deb.debian.org", "mirror.example.com"))
    with pytest.raises(Unsupported, match="no source of this machine is an archive of its"):
        mirrored.put(UPDATE, {"channel": "snapshot-20260301"})


@dataclass
class Apart(RealRunner):
    """A real apt, whose files are all below a folder."""

    root: Path

    def run(self, command: Run) -> Result:
        words = tuple(each.replace("/etc/apt/", f"{self.root}/etc/apt/") for each in command.argv)
        return super().run(replace(command, argv=words))


def published(folder: Path) -> str:
    """Make a source of one package, as small as there is; return its line."""
    folder.mkdir()
    package = (
        "Package: muster-probe\nVersion: 1.0\nArchitecture: all\nMaintainer: x <x@example.com>\n"
        "Filename: ./muster-probe.deb\nSize: 1\nDescription: x\n"
    )
    (folder / "Packages").write_text(package)
    return f"Types: deb\nURIs: file:{folder}\nSuites: ./\nTrusted: yes\n"


def test_a_real_apt_reads_what_a_channel_adds_and_refuses_one_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not shutil.which("apt-get"):
        pytest.skip("there is no apt-get here")
    root = tmp_path / "root"
    for each in ("var/lib/apt/lists/partial", "var/cache/apt/archives/partial", "etc/apt"):
        (root / each).mkdir(parents=True)
    (root / "var/lib/dpkg").mkdir()
    (root / "var/lib/dpkg/status").touch()
    config = tmp_path / "apt.conf"
    config.write_text(
        f'Dir "{root}/";\nDir::State::status "{root}/var/lib/dpkg/status";\n'
        'APT::Sandbox::User "root";\n'
    )
    monkeypatch.setenv("APT_CONFIG", str(config))
    ground = Ground(root).begin()
    ground.machine.runner = Apart(root)
    ground.write("/etc/muster/channels/house.sources", published(tmp_path / "repo"))
    assert ground.put(UPDATE, {"channel": "house"})
    found = subprocess.run(["apt-cache", "policy", "muster-probe"], capture_output=True, text=True)
    assert "Candidate: 1.0" in found.stdout
    assert not ground.put(UPDATE, {"channel": "house"})
    gone = "Types: deb\nURIs: file:/there/is/none\nSuites: ./\nTrusted: yes\n"
    ground.write("/etc/muster/channels/gone.sources", gone)
    with pytest.raises(Undone, match="system/update is as it was before"):
        ground.put(UPDATE, {"channel": "gone"})
    assert ground.machine.text(channels.ADDED) == published_text(tmp_path / "repo")


def published_text(folder: Path) -> str:
    return f"Types: deb\nURIs: file:{folder}\nSuites: ./\nTrusted: yes\n"
