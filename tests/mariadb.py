"""A real MariaDB for tests: thrown away afterwards, and gone even if the tests are killed."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from freeports import free_port
from guard import dying_with
from postgres import _somebody

_NEEDED = ("mariadbd", "mariadb-install-db", "mariadb-admin", "mariadb")


@contextmanager
def running() -> Iterator[str]:
    """Run a server of its own on a free loopback port; yields the URL of an empty database."""
    programs = {name: shutil.which(name, path="/usr/sbin:/usr/bin:/bin") for name in _NEEDED}
    if not all(programs.values()):
        pytest.skip("no MariaDB server on this machine: install the package `mariadb-server`")
    home = Path(tempfile.mkdtemp(prefix="muster-mariadb-"))
    who, port = _somebody(home), free_port()
    plain = ["--no-defaults", f"--datadir={home}/data"]
    try:
        say = [programs["mariadb-install-db"], *plain, "--auth-root-authentication-method=normal"]
        subprocess.run([*say, "--skip-test-db"], check=True, capture_output=True, cwd=home, **who)
        settings = [f"--port={port}", "--bind-address=127.0.0.1", f"--socket={home}/s"]
        settings += [f"--pid-file={home}/pid", "--innodb-flush-log-at-trx-commit=0"]
        with (home / "log").open("wb") as log:
            server = subprocess.Popen(
                [programs["mariadbd"], *plain, *settings],
                stdout=log,
                stderr=log,
                preexec_fn=dying_with(),
                **who,
            )
        try:
            asking = [f"--socket={home}/s", "--user=root"]
            _await([programs["mariadb-admin"], *asking, "ping"], server, home)
            setup = (
                "CREATE DATABASE senlin CHARACTER SET utf8mb3;"
                "CREATE USER senlin@127.0.0.1 IDENTIFIED BY 'secret';"
                "GRANT ALL ON senlin.* TO senlin@127.0.0.1"
            )
            subprocess.run([programs["mariadb"], *asking, "-e", setup], check=True)
            yield f"mysql://senlin:secret@127.0.0.1:{port}/senlin"
        finally:
            server.kill()
            server.wait()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _await(ping: list[str | None], server: "subprocess.Popen[bytes]", home: Path) -> None:
    deadline = time.monotonic() + 60
    while subprocess.run(ping, capture_output=True, check=False).returncode != 0:
        assert server.poll() is None, (home / "log").read_text()[-2000:]
        assert time.monotonic() < deadline, (home / "log").read_text()[-2000:]
        time.sleep(0.1)
