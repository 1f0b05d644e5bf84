"""Starts all kinds of servers, says so, and waits for its end: run by `test_killed_runs`."""

import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

import haproxies
import knots
import postgres
from guard import MARK
from house import house
from traffic import free_port

ASLEEP = (sys.executable, "-I", "-c", "import time; time.sleep(3600)")


def a_service() -> dict[str, object]:
    return {
        "name": "web",
        "image": "demo-web",
        "flavor": "tiny",
        "min_size": 1,
        "max_size": 1,
        "port": free_port(),
        "health_path": "/health",
    }


def test_it_is_killed_here(tmp_path: Path) -> None:
    with ExitStack() as stack:
        for server in (knots.running, postgres.running):
            try:
                stack.enter_context(server())
            except pytest.skip.Exception as missing:
                print(missing)
        balancers = ["caddy"]
        try:
            haproxies.needed()
            balancers.append("haproxy")
        except pytest.skip.Exception as missing:
            print(missing)
        for name in balancers:
            clouds = f"{{local = {{balancer = '{name}'}}}}"
            it = stack.enter_context(house(tmp_path / name, MUSTER_CLOUDS=clouds))
            it.start()
            with it.session() as session:
                session.call("POST", "/v1/clusters", a_service())
            it.settled("web", 120)
        subprocess.Popen(ASLEEP, start_new_session=True, cwd="/")
        said = Path(os.environ["TOLD"])
        said.with_suffix(".new").write_text(f"{MARK}={os.environ[MARK]}")
        said.with_suffix(".new").rename(said)
        time.sleep(3600)
