"""What is done to a machine: exact commands, exact files, and words where it cannot be."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from muster.base.errors import Permanent
from muster.drivers.machine import OWN_SOCKET, Machine, Programs, unit_text


@dataclass
class Told:
    """Remembers what it was to run; `failing` is what does not work."""

    failing: str = ""
    ran: list[str] = field(default_factory=list)

    def run(self, *words: str, surroundings: Mapping[str, str] | None = None) -> str:
        line = " ".join(words)
        self.ran.append(line)
        if self.failing and line.startswith(self.failing):
            raise Permanent(f"{line}: no such package")
        return ""


@pytest.fixture
def systemd(tmp_path: Path) -> Path:
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    (tmp_path / "etc/systemd/system").mkdir(parents=True)
    return tmp_path


def test_incus_is_installed_from_the_systems_own_packages(tmp_path):
    runner = Told()
    Machine(runner=runner, root=tmp_path).install_incus()
    assert runner.ran == [
        "apt-get update -qq",
        "apt-get install -y -qq --no-install-recommends incus",
    ]


def test_where_the_release_has_no_incus_it_is_said_where_there_is_one(tmp_path):
    runner = Told(failing="apt-get install")
    with pytest.raises(Permanent, match=r"no such package.*backports"):
        Machine(runner=runner, root=tmp_path).install_incus()


def test_incus_is_there_once_its_daemon_is(tmp_path):
    machine = Machine(root=tmp_path)
    assert not machine.has_incus()
    (tmp_path / "usr/libexec/incus").mkdir(parents=True)
    (tmp_path / "usr/libexec/incus/incusd").touch()
    assert machine.has_incus()


def test_muster_starts_with_the_machine(systemd):
    runner = Told()
    home = Path("/var/lib/muster")
    Machine(runner=runner, root=systemd).enable(("/opt/muster/bin/python", "-m", "muster"), home)
    unit = (systemd / "etc/systemd/system/muster.service").read_text()
    assert unit == unit_text(("/opt/muster/bin/python", "-m", "muster"), home)
    assert "ExecStart=/opt/muster/bin/python -m muster serve\n" in unit
    assert "Environment=MUSTER_HOME=/var/lib/muster\n" in unit
    assert runner.ran == [
        "systemctl daemon-reload",
        "systemctl enable muster.service",
        "systemctl restart muster.service",
    ]


def test_incus_is_started_where_systemd_has_it_and_nobody_elses_is(systemd, tmp_path):
    runner = Told()
    Machine(runner=runner, root=systemd).start_incus(OWN_SOCKET)
    assert runner.ran == ["systemctl enable --now incus.service"]
    with pytest.raises(Permanent, match="start it"):
        Machine(runner=runner, root=systemd).start_incus(tmp_path / "unix.socket")
    with pytest.raises(Permanent, match="start it"):
        Machine(runner=runner, root=tmp_path / "bare").start_incus(OWN_SOCKET)
    assert len(runner.ran) == 1


def test_what_a_program_complained_of_is_told():
    with pytest.raises(Permanent, match=r"sh -c .*: not well"):
        Programs().run("sh", "-c", "echo not well >&2; exit 3")
    with pytest.raises(Permanent, match="no-such-program"):
        Programs().run("no-such-program")
    assert Programs().run("sh", "-c", "echo $WORD", surroundings={"WORD": "well"}) == "well\n"
