"""Servers of queries for tests: a stand-in that answers like Prometheus, and the real one."""

import asyncio
import json
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from freeports import free_port
from guard import dying_with


@dataclass(slots=True)
class StandIn:
    """Answers each query with what `says` has for it: a status, and a body."""

    port: int = 0
    says: dict[str, tuple[int, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    silent: bool = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def gives(self, query: str, *values: float) -> None:
        """Have the query give a vector of these values."""
        found = [{"metric": {}, "value": [time.time(), str(value)]} for value in values]
        self.says[query] = (200, success("vector", found))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        fields = dict(line.split(": ", 1) for line in head.lower().split("\r\n")[1:] if line)
        body = (await reader.readexactly(int(fields.get("content-length", 0)))).decode()
        [query] = parse_qs(body)["query"]
        self.asked.append(query)
        self.tokens.append(fields.get("authorization", ""))
        if self.silent:
            await reader.read()
        status, said = self.says.get(query, (200, success("vector", [])))
        text = said if isinstance(said, bytes) else json.dumps(said).encode()
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(text)) + text)
        writer.close()


def success(kind: str, result: Any) -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": kind, "result": result}}


def failure(kind: str, text: str) -> dict[str, str]:
    return {"status": "error", "errorType": kind, "error": text}


@asynccontextmanager
async def stand_in() -> AsyncIterator[StandIn]:
    made = StandIn()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()


def program() -> str:
    """Return the path of Prometheus, or skip, saying what to install."""
    found = shutil.which("prometheus")
    if found is None:
        pytest.skip("no Prometheus is installed: sudo apt-get install prometheus")
    return found


@contextmanager
def running() -> Iterator[str]:
    """Run a Prometheus that watches itself, and yield its URL."""
    command = program()
    with tempfile.TemporaryDirectory(prefix="muster-prometheus-") as folder:
        at = f"127.0.0.1:{free_port()}"
        config = Path(folder, "prometheus.yml")
        config.write_text(
            "scrape_configs: [{job_name: itself, scrape_interval: 1s, "
            f"static_configs: [{{targets: ['{at}']}}]}}]\n"
        )
        with Path(folder, "log").open("wb") as log:
            process = subprocess.Popen(
                [
                    command,
                    f"--config.file={config}",
                    f"--storage.tsdb.path={folder}/data",
                    f"--web.listen-address={at}",
                ],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                preexec_fn=dying_with(),
            )
        try:
            _await_ready(at, process, Path(folder, "log"))
            yield f"http://{at}"
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


def _await_ready(at: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        asking = HTTPConnection(at, timeout=5)
        try:
            asking.request("GET", "/-/ready")
            if asking.getresponse().status == 200:
                return
        except OSError:
            pass
        finally:
            asking.close()
        time.sleep(0.05)
    raise AssertionError(log.read_text())
