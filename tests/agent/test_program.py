"""The agent as a program: with Python alone, and as a command of Muster."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

import muster
from agent.ground import Ground
from muster.__main__ import SERVER_COMMANDS
from muster.agent.options import OPTIONS
from muster.wiring.agent import agent

SOURCE = str(Path(muster.__file__).parents[1])
PATIENCE_S = 20.0


@contextmanager
def running(root: Path, *more: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the agent without any package but itself, until its socket is there."""
    words = (sys.executable, "-S", "-m", "muster.agent", "--root", str(root), "--socket", "/s")
    environment = {**os.environ, "PYTHONPATH": SOURCE}
    with (root.parent / "log").open("wb") as log:
        process = subprocess.Popen([*words, *more], env=environment, stderr=log)
        try:
            until = time.monotonic() + PATIENCE_S
            while not answers(root):
                assert process.poll() is None, (root.parent / "log").read_text()
                assert time.monotonic() < until, (root.parent / "log").read_text()
                time.sleep(0.02)
            yield process
        finally:
            process.kill()
            process.wait()


def answers(root: Path) -> bool:
    try:
        return ask(root, "GET", "/1.0")[0] == 200
    except OSError:
        return False


def ask(root: Path, method: str, path: str, body: object = None) -> tuple[int, str]:
    line = http.client.HTTPConnection("socket", timeout=10)
    line.sock = socket.socket(socket.AF_UNIX)
    try:
        line.sock.connect(str(root / "s"))
        line.request(method, path, json.dumps(body) if body is not None else None)
        answer = line.getresponse()
        return answer.status, answer.read().decode()
    finally:
        line.close()


@pytest.mark.system
def test_it_needs_python_alone_and_remembers_over_a_kill(tmp_path: Path) -> None:
    root = tmp_path / "root"
    Ground(root).begin()
    body = {"config": {"network": {"tcp_congestion_algorithm": "bbr"}}}
    with running(root, "--listen", "") as process:
        assert ask(root, "PUT", "/1.0/system/kernel", body)[0] == 200
        process.send_signal(signal.SIGKILL)
    with running(root, "--listen", "") as process:
        assert '"bbr"' in ask(root, "GET", "/1.0/system/kernel")[1]
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0


@pytest.mark.system
def test_it_makes_itself_a_certificate_and_trusts_whom_it_is_told_to(tmp_path: Path) -> None:
    from agent.test_server import made

    root = tmp_path / "root"
    Ground(root).begin()
    office = made(tmp_path, "office")
    with running(root, "--listen", "127.0.0.1:0", "--trust", f"{office}.crt"):
        home = root / "var/lib/muster-agent"
        assert (home / "agent.crt").read_text().startswith("-----BEGIN CERTIFICATE-----")
        assert len(list((home / "trusted").iterdir())) == 1


def test_the_command_has_the_same_options(tmp_path: Path) -> None:
    assert SERVER_COMMANDS["agent"][0] == agent.callback.__module__  # type: ignore[union-attr]
    said = CliRunner().invoke(agent, ["--help"])
    assert said.exit_code == 0
    for option in OPTIONS:
        assert f"--{option.name}" in said.output


def test_a_file_without_a_certificate_is_told(tmp_path: Path) -> None:
    (tmp_path / "none.pem").write_text("nothing\n")
    words = ["--root", str(tmp_path), "--listen", "", "--trust", str(tmp_path / "none.pem")]
    said = CliRunner().invoke(agent, words)
    assert said.exit_code == 1
    assert "has no PEM certificate" in str(said.output) + str(said.exception)


@pytest.mark.parametrize("option", OPTIONS, ids=lambda each: each.name)
def test_each_option_says_what_it_is(option) -> None:  # type: ignore[no-untyped-def]
    assert option.about.endswith(".")
