"""What systemd is told: words that it reads as they were meant, and what a service may."""

import shutil
import subprocess
from pathlib import Path

import pytest

from muster.drivers.units import agent_text, unit_text

PROGRAM = ("/opt/muster/bin/python", "-m", "muster")


def test_muster_is_run_from_its_home_for_as_long_as_the_machine_runs():
    unit = unit_text(PROGRAM, Path("/var/lib/muster"))
    assert "ExecStart=/opt/muster/bin/python -m muster serve\n" in unit
    assert "Environment=MUSTER_HOME=/var/lib/muster\n" in unit
    assert "Restart=always\n" in unit
    assert "StartLimitIntervalSec=0\n" in unit


def test_what_outlives_the_service_keeps_what_it_was_born_with():
    unit = unit_text(PROGRAM, Path("/root/.muster"))
    assert "KillMode=process\n" in unit
    for lost in ("PrivateTmp", "ProtectHome", "ProtectControlGroups", "RuntimeDirectory"):
        assert lost not in unit


def test_the_agent_may_change_the_machine():
    unit = agent_text(PROGRAM)
    assert "ExecStart=/opt/muster/bin/python -m muster agent\n" in unit
    assert "Protect" not in unit


def test_words_with_spaces_and_signs_reach_the_program_as_they_are():
    unit = unit_text(("/opt/my 100%/py$thon",), Path("/srv/a b%c"))
    assert 'ExecStart="/opt/my 100%%/py$$thon" serve\n' in unit
    assert 'Environment="MUSTER_HOME=/srv/a b%%c"\n' in unit


@pytest.mark.parametrize("home", ["/root/.muster", "/srv/a b%c"])
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path, home):
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd-analyze on this machine")
    program = (shutil.which("true") or "/bin/true", "-m", "muster")
    texts = {
        "muster.service": unit_text(program, Path(home)),
        "muster-agent.service": agent_text(program),
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", tmp_path / name],
            capture_output=True,
            text=True,
        )
        complaints = [line for line in done.stderr.splitlines() if name in line]
        assert complaints == [], done.stderr
