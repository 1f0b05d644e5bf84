"""What is done to a machine: exact commands, exact files, and words where it cannot be."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from muster.base.errors import Permanent
from muster.drivers.machine import OWN_SOCKET, Machine, Programs


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


def test_a_service_starts_now_and_with_the_machine(systemd):
    runner = Told()
    Machine(runner=runner, root=systemd).enable("muster.service", "[Unit]\n")
    folder = systemd / "etc/systemd/system"
    assert [each.name for each in folder.iterdir()] == ["muster.service"]
    assert (folder / "muster.service").read_text() == "[Unit]\n"
    assert runner.ran == [
        "systemctl daemon-reload",
        "systemctl enable muster.service",
        "systemctl restart muster.service",
    ]


@pytest.mark.parametrize(("failing", "starts"), [("", True), ("systemctl is-active", False)])
def test_a_service_that_runs_and_is_enabled_starts_with_the_machine(systemd, failing, starts):
    runner = Told(failing=failing)
    assert Machine(runner=runner, root=systemd).starts("muster-agent.service") is starts
    runner.failing = "systemctl is-enabled"
    assert not Machine(runner=runner, root=systemd).starts("muster-agent.service")


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
