"""A real PostgreSQL for tests: thrown away afterwards, and gone even if the tests are killed."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from freeports import free_port
from guard import dying_with

_NEEDED = ("initdb", "postgres", "createdb")


@dataclass(frozen=True, slots=True)
class Server:
    programs: Path
    port: int
    pid: int

    def url(self, database: str) -> str:
        return f"postgresql://muster@127.0.0.1:{self.port}/{database}"

    def new_database(self, name: str) -> str:
        """Create an empty database, sorting as people do where it can, and return its URL."""
        say = [self.programs / "createdb", "-h", "127.0.0.1", "-p", str(self.port)]
        say += ["-U", "muster", "-T", "template0", name]
        people = ["--locale-provider=icu", "--icu-locale=en-US"]
        if subprocess.run([*say, *people], capture_output=True, check=False).returncode != 0:
            subprocess.run(say, check=True)
        return self.url(name)


def programs() -> Path:
    """Return the folder of PostgreSQL's programs, or skip, saying what to install."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if all((folder / each).exists() for each in _NEEDED):
            return folder
    pytest.skip("no PostgreSQL server on this machine: install the package `postgresql`")


@contextmanager
def running() -> Iterator[Server]:
    """Run a server of its own on a free loopback port, as somebody who is not root."""
    folder = programs()
    _sweep()
    home = Path(tempfile.mkdtemp(prefix=f"muster-postgres-{os.getpid()}-"))
    who = _somebody(home)
    try:
        say = [folder / "initdb", "-D", home / "data", "-U", "muster", "--auth=trust"]
        _quietly([*say, "--no-sync", "--encoding=UTF8", "--locale=C"], home, who)
        port = free_port()
        with _served(folder, home, port, who) as process:
            _await_ready(folder, port, process, home)
            yield Server(folder, port, process.pid)
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def _served(
    folder: Path, home: Path, port: int, who: dict[str, Any]
) -> Iterator["subprocess.Popen[bytes]"]:
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": home,
        "fsync": os.environ.get("MUSTER_TEST_FSYNC", "off"),
        "max_connections": 200,
        "shared_buffers": "32MB",
    }
    given = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    with open(home / "log", "wb") as log:
        process = subprocess.Popen(
            [folder / "postgres", "-D", home / "data", *given],
            stdout=log,
            stderr=log,
            cwd=home,
            preexec_fn=dying_with(signal.SIGQUIT),
            **who,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGQUIT)
        process.wait(20)


def _somebody(home: Path) -> dict[str, Any]:
    """Return what makes a child process somebody else if we are root, whom initdb refuses."""
    if os.geteuid() != 0:
        return {}
    known = {each.pw_name: each for each in pwd.getpwall()}
    person = known.get("postgres") or known["nobody"]
    os.chown(home, person.pw_uid, person.pw_gid)
    return {"user": person.pw_uid, "group": person.pw_gid, "extra_groups": []}


def _quietly(command: list[Any], home: Path, who: dict[str, Any]) -> None:
    done = subprocess.run(command, capture_output=True, cwd=home, text=True, check=False, **who)
    assert done.returncode == 0, done.stderr


def _await_ready(folder: Path, port: int, process: "subprocess.Popen[bytes]", home: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert process.poll() is None, (home / "log").read_text()
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0 and _answers(folder, port):
                return
        time.sleep(0.05)
    raise AssertionError((home / "log").read_text())


def _answers(folder: Path, port: int) -> bool:
    say = [folder / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
    return subprocess.run(say, check=False).returncode == 0


def _sweep() -> None:
    """Remove what test runs that were killed have left behind."""
    for old in Path(tempfile.gettempdir()).glob("muster-postgres-*-*"):
        pid = old.name.split("-")[2]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(old, ignore_errors=True)
