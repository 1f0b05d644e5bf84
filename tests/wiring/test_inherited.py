"""What programs hear that a server in the background has started."""

import signal
import subprocess
import sys

import pytest

HEARS = (
    "import signal; signal.signal(signal.{0}, signal.SIG_IGN)\n"
    "from muster.wiring.inherited import keep_deafness_to_ourselves\n"
    "keep_deafness_to_ourselves()\n"
    "import os, subprocess\n"
    "os.kill(os.getpid(), signal.{0})\n"
    "raise SystemExit(-subprocess.run(['sh', '-c', 'kill -{1} $$']).returncode)\n"
)


@pytest.mark.parametrize("name", ["SIGHUP", "SIGINT", "SIGQUIT"])
def test_what_it_was_told_to_ignore_its_children_hear(name: str) -> None:
    program = HEARS.format(name, name.removeprefix("SIG"))
    ended = subprocess.run([sys.executable, "-c", program], check=False)
    assert ended.returncode == getattr(signal, name)
