"""A whole Muster as its users run it: processes, a home of its own, the public API."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from freeports import free_port
from guard import dying_with, guarded
from muster.client.http import Access, ApiError, Session, Unreachable

MUSTER = (sys.executable, "-m", "muster")


def until(
    claim: Callable[[], Any],
    deadline_s: float,
    what: str | Callable[[], object],
    every_s: float = 0.02,
) -> Any:
    """Return what `claim` gives as soon as that is true; fails when the deadline is over.

    `what` may be asked for then, so that it tells how things stand at that moment.
    """
    end = time.monotonic() + deadline_s
    while True:
        if found := claim():
            return found
        if time.monotonic() >= end:
            told = what() if callable(what) else what
            raise AssertionError(f"not within {deadline_s} s: {told}")
        time.sleep(every_s)


class House:
    """One home, one address, and the processes that serve it now."""

    def __init__(self, home: Path, settings: Mapping[str, str]) -> None:
        self.home = home
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        plain = {k: v for k, v in os.environ.items() if not k.startswith("MUSTER_")}
        self.environ = {
            **plain,
            "MUSTER_HOME": str(home),
            "MUSTER_LISTEN": f"127.0.0.1:{self.port}",
            "MUSTER_LOG_LEVEL": "warning",
            **settings,
        }
        self.program: tuple[str, ...] = MUSTER
        self.process: subprocess.Popen[bytes] | None = None
        self.workers: list[subprocess.Popen[bytes]] = []

    @property
    def log(self) -> Path:
        return self.home.parent / f"{self.home.name}.log"

    def spawn(self, command: str) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [*self.program, command],
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=dying_with(),
            )

    def start(self, deadline_s: float = 400) -> None:
        """Start the server and wait until it answers."""
        self.process = self.spawn("serve")
        until(self.answers, deadline_s, lambda: f"the server answers; its log: {self.told()}")

    def answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"the server ended: {self.told()}"
        asking = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            asking.request("GET", "/healthz")
            return asking.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            asking.close()

    def told(self) -> str:
        return self.log.read_text()[-3000:] if self.log.exists() else ""

    def kill(self) -> None:
        """End the server as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> int:
        """Ask the server to end, and return its exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(120)

    @contextmanager
    def session(self, **access: Any) -> Iterator[Session]:
        with Session(Access(url=self.url, **access)) as opened:
            yield opened

    def details(self, session: Session, name: str) -> dict[str, Any]:
        seen = session.call("GET", f"/v1/clusters/{name}")["cluster"]
        answer = session.call("GET", f"/v1/clusters/{name}/{seen['id']}")
        assert isinstance(answer, dict)
        return answer

    def instances(self) -> dict[str, int]:
        """Return what runs on this machine for this house: instance -> process."""
        found = {}
        for pid, said in _surroundings():
            if "MUSTER_INSTANCE" in said and self._owns(said.get("MUSTER_USER_DATA", "")):
                found[said["MUSTER_INSTANCE"]] = pid
        return found

    def caddies(self) -> set[int]:
        """Return the processes that balance for this house."""
        return {pid for pid, said in _surroundings() if self._owns(said.get("MUSTER_POOL", ""))}

    def _owns(self, path: str) -> bool:
        return path.startswith(f"{self.home}/")

    def settled(self, name: str, deadline_s: float = 180) -> dict[str, Any]:
        """Return the cluster's details once nothing is left to do for it."""
        with self.session() as session:

            def looks() -> dict[str, Any] | None:
                seen = self.details(session, name)
                return seen if seen["stack_status"].endswith("_COMPLETE") else None

            found = until(looks, deadline_s, f"{name} is settled")
            assert isinstance(found, dict)
            return found


def _surroundings() -> Iterator[tuple[int, dict[str, str]]]:
    """Yield every process of ours with its environment."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                said = (folder / "environ").read_text(errors="replace").split("\0")
            except OSError:
                continue
            yield int(folder.name), dict(one.split("=", 1) for one in said if "=" in one)


@contextmanager
def house(home: Path, **settings: str) -> Iterator[House]:
    """Yield a house that is not started yet; nothing of it is left afterwards."""
    home.mkdir(parents=True, exist_ok=True)
    made = House(home, settings)
    with guarded(str(home), removing=home):
        try:
            yield made
        finally:
            made.kill()
            for worker in made.workers:
                worker.kill()
                worker.wait()


def later(seconds: float, act: Callable[[], object]) -> threading.Timer:
    """Do something in a while, whatever goes on meanwhile."""
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()
    return timer


Cut = (Unreachable,)  # the connection broke: nobody knows whether the wish was written down
Refused = ApiError
