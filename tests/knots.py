"""A real name server for tests, Knot DNS: on a loopback port, and gone with the tests."""

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

import dns.message
import dns.query
import pytest

from freeports import free_port
from guard import dying_with

ZONE = "example.test"
SECRET = "bXVzdGVyLXRlc3RzLW9ubHktMzItYnl0ZXMtbG9uZyE="
_CONFIG = """
server:
  rundir: "{home}"
  listen: 127.0.0.1@{port}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
log:
  - target: stderr
    any: warning
database:
  storage: "{home}"
key:
  - id: muster
    algorithm: hmac-sha256
    secret: "{secret}"
  - id: reader
    algorithm: hmac-sha256
    secret: "{secret}"
acl:
  - id: change
    key: muster
    action: [update, transfer]
  - id: read
    key: reader
    action: query
zone:
  - domain: {zone}
    storage: "{home}"
    file: zone
    acl: [change, read]
    zonefile-load: whole
    journal-content: changes
"""
_RECORDS = """$ORIGIN {zone}.
$TTL 60
@ SOA ns admin 1 3600 600 86400 60
@ NS ns
ns A 127.0.0.1
held A 192.0.2.7
mail MX 10 ns
*.wild A 192.0.2.9
"""


@dataclass(frozen=True, slots=True)
class Knot:
    home: Path
    port: int
    process: "subprocess.Popen[bytes]"

    @property
    def said(self) -> dict[str, object]:
        """What the settings of a cloud say that publishes here."""
        return {
            "server": f"127.0.0.1:{self.port}",
            "zone": ZONE,
            "key": "muster",
            "secret_file": str(self.home / "secret"),
            "timeout_s": 2.0,
        }

    def resolved(self, name: str, kind: str = "A") -> list[str]:
        """Return what stands under a name, [] for nothing."""
        asked = dns.message.make_query(name, kind)
        answer = dns.query.udp(asked, "127.0.0.1", 30, self.port)
        return [str(record) for each in answer.answer for record in each]

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


def program() -> str:
    """Return the path of Knot, or skip, saying what to install."""
    found = shutil.which("knotd") or shutil.which("knotd", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip("no name server Knot DNS is installed: sudo apt-get install knot")
    return found


@contextmanager
def running() -> Iterator[Knot]:
    """Run a server of its own with one zone, until the block ends."""
    command = program()
    with tempfile.TemporaryDirectory(prefix="muster-knot-") as folder:
        home, port = Path(folder), free_port()
        said = {"home": home, "port": port, "secret": SECRET, "zone": ZONE}
        (home / "knot.conf").write_text(_CONFIG.format(**said))
        (home / "zone").write_text(_RECORDS.format(zone=ZONE))
        (home / "secret").write_text(SECRET + "\n")
        with (home / "log").open("wb") as log:
            process = subprocess.Popen(
                [command, "-c", home / "knot.conf"],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                preexec_fn=dying_with(),
            )
        knot = Knot(home, port, process)
        try:
            _await_ready(knot)
            yield knot
        finally:
            if process.poll() is None:
                knot.end()


def _await_ready(knot: Knot) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert knot.process.poll() is None, (knot.home / "log").read_text()
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", knot.port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError((knot.home / "log").read_text())
