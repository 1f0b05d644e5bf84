"""`muster instance exec -it`: a shell in an instance, at a real terminal."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pexpect
import pytest

from cli.terminal import Terminal
from cli.test_volumes import a_cluster
from house import MUSTER

pytestmark = pytest.mark.system

DEADLINE_S = 60
PROMPT = "in-there> "


@pytest.fixture(scope="module")
def instance(muster: Terminal) -> str:
    return a_cluster(muster, "seat", "--cloud", "local")


@contextmanager
def sitting(muster: Terminal, *words: str) -> Iterator[Any]:
    """Yield a terminal of 33 lines at which `muster instance exec -it` was typed."""
    child = pexpect.spawn(
        MUSTER[0],
        [*MUSTER[1:], "instance", "exec", "-it", *words],
        env={**os.environ, "MUSTER_URL": muster.house.url, "TERM": "vt100"},
        dimensions=(33, 99),
        timeout=DEADLINE_S,
        encoding="utf-8",
        echo=False,
    )
    try:
        yield child
    finally:
        child.close(force=True)


def ended(child: Any) -> int | None:
    """Return how the command ended, -N for a signal N."""
    child.expect(pexpect.EOF)
    child.wait()
    return child.exitstatus if child.signalstatus is None else -child.signalstatus


def test_a_shell_is_typed_to_interrupted_and_left(muster: Terminal, instance: str) -> None:
    with sitting(muster, instance, "--", "env", f"PS1={PROMPT}", "sh") as it:
        it.expect_exact(PROMPT)
        it.sendline("tty | cut -c1-5; stty size; echo $TERM")
        it.expect_exact("/dev/")
        it.expect_exact("33 99")
        it.expect_exact("vt100")
        it.expect_exact(PROMPT)
        it.setwinsize(40, 120)
        it.sendline("while [ \"$(stty size)\" != '40 120' ]; do sleep 0.1; done; echo gr''own")
        it.expect_exact("grown\r\n")
        it.sendline("sh -c 'echo be\"\"gun; exec sleep 3218'")
        it.expect_exact("begun\r\n")
        it.sendintr()
        it.expect_exact(PROMPT)
        it.sendline("exit 7")
        assert ended(it) == 7
    told = muster.good("event", "list", "--cluster", "seat")
    assert f"ran env at a terminal in {instance}; it ended with 7" in told


def test_signals_are_passed_on(muster: Terminal, instance: str) -> None:
    script = "trap 'echo heard; exit 9' TERM; echo ready; while :; do sleep 0.1; done"
    with sitting(muster, instance, "--", "sh", "-c", script) as it:
        it.expect_exact("ready")
        it.kill(signal.SIGTERM)
        it.expect_exact("heard")
        assert ended(it) == 9


def test_a_window_that_is_closed_hangs_up(muster: Terminal, instance: str) -> None:
    with sitting(muster, instance, "--", "sh", "-c", "echo ready; exec sleep 4218") as it:
        it.expect_exact("ready")
        it.kill(signal.SIGHUP)
        assert ended(it) == 128 + signal.SIGHUP
    script = "while pgrep -f '^sleep 4218'; do sleep 0.1; done"
    gone = muster("instance", "exec", "--timeout", "30", instance, "--", "sh", "-c", script)
    assert gone.code == 0


def test_what_comes_by_a_pipe_is_typed_and_its_end_too(muster: Terminal, instance: str) -> None:
    done = subprocess.run(
        [*MUSTER, "instance", "exec", "-it", instance, "--", "sh", "-c", "cat; echo over"],
        env={**os.environ, "MUSTER_URL": muster.house.url},
        input=b"one\n",
        capture_output=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.replace(b"\r", b"").endswith(b"one\nover\n")


def test_who_may_not_is_told_so_in_words(muster: Terminal, instance: str) -> None:
    assert "no instance 'nobody'" in muster.refused("instance", "exec", "-t", "nobody", "--", "sh")
    simulated = a_cluster(muster, "seats")
    assert "simulated" in muster.refused("instance", "exec", "-t", simulated, "--", "sh")
    words = ("--json", "instance", "exec", "-t", instance, "--", "sh")
    assert "prints no JSON" in muster.refused(*words, code=2)
